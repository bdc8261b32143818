//! Text that anybody may have written, fit to stand in a line or a reply of ours.

pub(crate) mod size;
pub(crate) mod unseen;

/// `text` on one line: at most `limit` characters, and a space for each that would steer whatever
/// shows it.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut characters = text.chars();
    let mut line: String = characters
        .by_ref()
        .take(limit)
        .map(|c| if steers(c) { ' ' } else { c })
        .collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

/// So many of something: `noun` is one of it.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if noun.ends_with("ry") => format!("{number} {stem}ies"),
        _ if noun.ends_with('s') => format!("{number} {noun}es"),
        _ => format!("{number} {noun}s"),
    }
}

/// `text` with its lines and tabs, and a space for every other character that would steer a terminal.
pub(crate) fn lines(text: &str) -> String {
    let plain = |c| {
        if steers(c) && c != '\n' && c != '\t' {
            ' '
        } else {
            c
        }
    };
    text.chars().map(plain).collect()
}

/// Control characters, and those that turn the direction of what follows.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The beginning of `text` that fits in `limit` bytes.
pub(crate) fn clip(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m", 20), "a b [31m");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc", 3), "abc");
        assert_eq!(one_line("a\u{202e}b\u{9b}c", 9), "a b c");
    }

    #[test]
    fn lines_stay_and_nothing_else_that_steers() {
        assert_eq!(lines("a\r\n\tb\u{1b}[2J\u{2028}"), "a \n\tb [2J ");
    }
}
