//! Reading what a service for embeddings answers, which may be anything.

use serde::Deserialize;

use super::vector::Vector;
use super::why::Why;
use crate::text::one_line;

/// Characters that are repeated of what it says.
const SAID: usize = 160;

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// The vectors of `wanted` texts, in the order of the texts.
pub(super) fn vectors(body: &[u8], wanted: usize) -> Result<Vec<Vector>, Why> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| unusable(shortened(&error.to_string())))?;
    if answer.data.len() != wanted {
        return Err(unusable(format!(
            "{} vectors for {wanted} texts",
            answer.data.len()
        )));
    }
    let mut vectors: Vec<Option<Vector>> = vec![None; wanted];
    for (place, item) in answer.data.iter().enumerate() {
        let vector = Vector::of(&item.embedding)
            .ok_or_else(|| unusable("a vector without a direction".to_owned()))?;
        let index = item.index.unwrap_or(place);
        match vectors.get_mut(index) {
            Some(slot @ None) => *slot = Some(vector),
            _ => return Err(unusable(format!("two vectors for, or none at, {index}"))),
        }
    }
    let vectors: Vec<Vector> = vectors.into_iter().flatten().collect();
    let length = vectors.first().map_or(0, Vector::len);
    if vectors.iter().any(|vector| vector.len() != length) {
        return Err(unusable("vectors of different lengths".to_owned()));
    }
    Ok(vectors)
}

/// What an answer that is an error says, without `secret`.
pub(super) fn error_text(body: &[u8], secret: Option<&str>) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Object { error: Message },
        Plain { message: String },
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Message {
        Object { message: String },
        Plain(String),
    }
    let text = match serde_json::from_slice(body) {
        Ok(Told::Object {
            error: Message::Object { message } | Message::Plain(message),
        })
        | Ok(Told::Plain { message }) => message,
        Err(_) => String::from_utf8_lossy(body.get(..4096).unwrap_or(body)).into_owned(),
    };
    let text = match secret {
        Some(secret) if !secret.is_empty() => text.replace(secret, "[key]"),
        _ => text,
    };
    shortened(&text)
}

fn shortened(text: &str) -> String {
    one_line(text.trim(), SAID)
}

fn unusable(problem: String) -> Why {
    Why::Unusable { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, wanted: usize) -> Result<Vec<Vector>, String> {
        vectors(body.as_bytes(), wanted).map_err(|why| why.to_string())
    }

    #[test]
    fn vectors_are_in_the_order_of_the_texts() {
        let body = r#"{"object":"list","data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,0]}]}"#;
        let expected = [&[1.0, 0.0], &[0.0, 1.0]].map(|it| Vector::of(it).unwrap());
        assert_eq!(read(body, 2).unwrap(), expected);
        let unnumbered = r#"{"data":[{"embedding":[3,0]},{"embedding":[0,2]}]}"#;
        assert_eq!(read(unnumbered, 2).unwrap(), expected);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for (body, told) in [
            ("<html>", "expected value"),
            ("", "EOF"),
            (r#"{"error":"no"}"#, "missing field `data`"),
            (r#"{"data":[]}"#, "0 vectors for 2 texts"),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[1,2]}]}"#,
                "different lengths",
            ),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[0]}]}"#,
                "without a direction",
            ),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[1e400]}]}"#,
                "out of range",
            ),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[null]}]}"#,
                "null",
            ),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":["NaN"]}]}"#,
                "NaN",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
                "none at, 0",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1]},{"index":7,"embedding":[1]}]}"#,
                "none at, 7",
            ),
        ] {
            let why = read(body, 2).unwrap_err();
            assert!(why.contains(told), "{body}: {why}");
        }
    }

    #[test]
    fn an_error_is_told_in_short_and_without_the_key() {
        let told = |body: &str| error_text(body.as_bytes(), Some("sk-1"));
        assert_eq!(
            told(r#"{"error":{"message":"bad key sk-1\nsorry"}}"#),
            "bad key [key] sorry"
        );
        assert_eq!(told(r#"{"error":"no such model"}"#), "no such model");
        assert_eq!(told(r#"{"message":"nope"}"#), "nope");
        assert_eq!(told("plain"), "plain");
        assert!(told(&"x".repeat(100_000)).chars().count() <= SAID + 1);
    }
}
