//! How large a text or a list is for its reader, and how it is made to fit. Sizes are bytes of compact
//! JSON: what a reader pays for.

use serde::Serialize;

use super::clip;

/// A whole reply.
pub(crate) const REPLY: usize = 8 * 1024;
/// The size of `value`.
pub(crate) fn size<T: Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(0, |json| json.len())
}

/// The beginning of `text` that takes at most `limit` bytes.
pub(crate) fn beginning(text: &str, limit: usize) -> &str {
    let mut left = limit;
    let end = text.char_indices().find_map(|(at, c)| {
        let cost = match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        };
        match left.checked_sub(cost) {
            Some(rest) => {
                left = rest;
                None
            }
            None => Some(at),
        }
    });
    end.map_or(text, |end| clip(text, end))
}

/// `text` within `limit` bytes or a few more, and how much was cut.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    let kept = beginning(text, limit);
    match text.len() - kept.len() {
        0 => kept.to_owned(),
        more => format!("{kept}… [{more} bytes cut]"),
    }
}

/// Divides `budget`: who wants little gets it whole, the others get equal parts of the rest.
pub(crate) fn shares(budget: usize, wants: &[usize]) -> Vec<usize> {
    let mut by_size: Vec<(usize, usize)> = wants.iter().copied().enumerate().collect();
    by_size.sort_by_key(|(_, want)| *want);
    let (mut left, mut waiting) = (budget, by_size.len());
    let mut shares = vec![0; wants.len()];
    for (at, want) in by_size {
        let share = want.min(left / waiting.max(1));
        if let Some(place) = shares.get_mut(at) {
            *place = share;
        }
        left -= share;
        waiting -= 1;
    }
    shares
}

/// How many of `items`, from the first, fit in `budget`.
pub(crate) fn fitting<T: Serialize>(items: &[T], budget: usize) -> usize {
    let mut left = budget;
    items
        .iter()
        .take_while(|item| match left.checked_sub(size(item) + 1) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_measured_as_it_is_sent() {
        for text in ["plain", "\"\\\n\t\u{1}\u{7f}", "naïve 馬 \u{1F40E}", ""] {
            for limit in 0..30 {
                let kept = beginning(text, limit);
                let sent = size(&kept) - 2;
                assert!(text.starts_with(kept) && sent <= limit, "{text:?} {limit}");
                let next = text[kept.len()..].chars().next();
                let longer: String = kept.chars().chain(next).collect();
                assert!(
                    next.is_none() || size(&longer) - 2 > limit,
                    "{text:?} {limit}"
                );
            }
        }
        assert_eq!(shortened("abcdef", 3), "abc… [3 bytes cut]");
    }

    #[test]
    fn who_wants_little_gets_it_and_the_rest_is_even() {
        assert_eq!(shares(100, &[10, 500, 20, 500]), [10, 35, 20, 35]);
        assert_eq!(shares(100, &[10, 20]), [10, 20]);
        assert_eq!(shares(10, &[500, 500, 500]), [3, 3, 4]);
        assert_eq!(shares(10, &[]), [0; 0]);
    }
}
