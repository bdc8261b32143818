//! How much is handed out at once. A reply stays small whatever agents have written, and says where the
//! rest is. Sizes are bytes of compact JSON: what a reader pays for.

use serde::Serialize;
use serde_json::Value;

use crate::providers::clip;

/// A whole reply.
pub(in crate::agents) const REPLY: usize = 8 * 1024;
/// A text, or a structured result, in it.
pub(in crate::agents) const TEXT: usize = 6 * 1024;
/// An entry of a log that is asked for alone.
pub(in crate::agents) const ALONE: usize = 32 * 1024;
/// An entry of a log among others.
pub(in crate::agents) const ENTRY: usize = 1500;

/// The size of `value`.
pub(in crate::agents) fn size<T: Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(0, |json| json.len())
}

/// The beginning of `text` that takes at most `limit` bytes.
pub(in crate::agents) fn beginning(text: &str, limit: usize) -> &str {
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
pub(in crate::agents) fn shortened(text: &str, limit: usize) -> String {
    let kept = beginning(text, limit);
    match text.len() - kept.len() {
        0 => kept.to_owned(),
        more => format!("{kept}… [{more} bytes cut]"),
    }
}

/// Divides `budget`: who wants little gets it whole, the others get equal parts of the rest.
pub(in crate::agents) fn shares(budget: usize, wants: &[usize]) -> Vec<usize> {
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
pub(in crate::agents) fn fitting<T: Serialize>(items: &[T], budget: usize) -> usize {
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

/// Shortens the texts in `value` until it takes at most `limit` bytes, or nearly.
pub(in crate::agents) fn shorten(value: &mut Value, limit: usize) {
    let mut longest = limit;
    while size(value) > limit && longest > 16 {
        longest /= 2;
        shorten_texts(value, longest);
    }
}

fn shorten_texts(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) if text.len() > longest => *text = shortened(text, longest),
        Value::Array(list) => list.iter_mut().for_each(|it| shorten_texts(it, longest)),
        Value::Object(map) => map.values_mut().for_each(|it| shorten_texts(it, longest)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn an_entry_is_shortened_at_its_texts() {
        let mut value = json!({ "a": "x".repeat(9000), "b": ["y".repeat(9000)], "n": 7 });
        shorten(&mut value, ENTRY);
        assert!(size(&value) <= ENTRY, "{}", size(&value));
        assert_eq!(value["n"], 7);
        let b = value["b"][0].as_str().unwrap();
        assert!(b.starts_with("yyy") && b.ends_with("bytes cut]"), "{b}");
        let mut short = json!({ "a": "x" });
        shorten(&mut short, ENTRY);
        assert_eq!(short, json!({ "a": "x" }));
    }
}
