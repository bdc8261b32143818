//! Text as a model may read it: without escape sequences and control characters, in which somebody
//! could hide what a person who looks at the same text does not see.

/// `text` with line ends as `\n`, and without any other control character but tabs.
pub(in crate::agents) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '\r' => {
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                cleaned.push('\n');
            }
            '\n' | '\t' => cleaned.push(c),
            '\u{1b}' => rest = behind_escape(rest),
            '\u{9b}' => rest = behind_parameters(rest),
            // The tags of Unicode show nothing and can spell anything.
            '\u{e0000}'..='\u{e007f}' => {}
            c if c.is_control() => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// What follows an escape sequence whose introducer was read.
fn behind_escape(rest: &str) -> &str {
    let mut characters = rest.chars();
    match characters.next() {
        Some('[') => behind_parameters(characters.as_str()),
        Some(']' | 'P' | 'X' | '^' | '_') => behind_string(characters.as_str()),
        Some(c) if (' '..='/').contains(&c) => {
            let rest = characters.as_str();
            let intermediate = |c: char| (' '..='/').contains(&c);
            let rest = rest.trim_start_matches(intermediate);
            behind_one(rest, '0'..='~')
        }
        Some(c) if ('0'..='~').contains(&c) => characters.as_str(),
        _ => rest,
    }
}

fn behind_parameters(rest: &str) -> &str {
    let parameter = |c: char| (' '..='?').contains(&c);
    behind_one(rest.trim_start_matches(parameter), '@'..='~')
}

/// Behind a string of the terminal, which ends in its line or is none.
fn behind_string(rest: &str) -> &str {
    let line = rest.split('\n').next().unwrap_or_default();
    let ends = [("\u{7}", 1), ("\u{1b}\\", 2), ("\u{9c}", 2)];
    let end = ends
        .iter()
        .filter_map(|(end, length)| line.find(end).map(|at| at + length))
        .min();
    end.and_then(|end| rest.get(end..)).unwrap_or(rest)
}

fn behind_one(rest: &str, last: std::ops::RangeInclusive<char>) -> &str {
    rest.strip_prefix(|c| last.contains(&c)).unwrap_or(rest)
}

/// `text` on one line, cut to `limit` characters.
pub(in crate::agents) fn one_line(text: &str, limit: usize) -> String {
    let text = clean(text);
    let mut words = text.split_whitespace();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        // Longer texts are cut below, and need not be joined to their end.
        if line.len() > limit * 4 {
            break;
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.chars().count() <= limit {
        return line;
    }
    let mut cut: String = line.chars().take(limit).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_shows_nothing_goes() {
        for (given, cleaned) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{1b}(Bx\u{1b}7y", "xy"),
            ("a\0b\u{8}c\u{7f}d\u{85}e", "abcde"),
            ("\u{feff}bom", "bom"),
            ("a\u{e0041}\u{e0042}b", "ab"),
            ("\u{1b}", ""),
            // One that does not end must not swallow the lines behind it.
            ("\u{1b}]0;no end\nsecond", "0;no end\nsecond"),
        ] {
            assert_eq!(clean(given), cleaned, "{given:?}");
        }
    }

    #[test]
    fn a_line_is_one_and_is_cut() {
        assert_eq!(one_line(" a\n\tb \u{1b}[1mc", 10), "a b c");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("", 3), "");
    }

    proptest! {
        #[test]
        fn nothing_that_controls_is_left(text in any::<String>()) {
            let cleaned = clean(&text);
            let controls = cleaned.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
            prop_assert!(!controls, "{cleaned:?}");
            prop_assert!(cleaned.len() <= text.len());
        }
    }
}
