//! How much is handed out at once. A reply stays small whatever agents have written, and says where the
//! rest is.

use serde_json::Value;

pub(in crate::agents) use crate::text::size::{REPLY, beginning, fitting, shares, shortened, size};

/// A text, or a structured result, in it.
pub(in crate::agents) const TEXT: usize = 6 * 1024;
/// An entry of a log that is asked for alone.
pub(in crate::agents) const ALONE: usize = 32 * 1024;
/// An entry of a log among others.
pub(in crate::agents) const ENTRY: usize = 1500;

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
