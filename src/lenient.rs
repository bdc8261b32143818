//! Values that were nearly written as they are meant, as models write them: a number in quotes, one
//! word where a list belongs, a list in a text. What cannot be meant is told as if it had been read
//! strictly.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A number, or a truth, that may stand in a text.
pub(crate) fn value<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let given = Value::deserialize(from)?;
    let text = given.as_str().map(|text| text.trim().to_ascii_lowercase());
    let meant = match text.as_deref() {
        Some("") => return Ok(None),
        Some("yes") => Some(Value::Bool(true)),
        Some("no") => Some(Value::Bool(false)),
        Some(text) => serde_json::from_str(text).ok(),
        None => None,
    };
    strictly_or(&given, meant)
}

/// One of our words, in whatever case, with `-` or a space for `_`.
pub(crate) fn word<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let given = Value::deserialize(from)?;
    if given.as_str().is_some_and(|text| text.trim().is_empty()) {
        return Ok(None);
    }
    let folded = |text: &str| text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let meant = given.as_str().map(|text| Value::String(folded(text)));
    strictly_or(&given, meant)
}

/// A list of such words, or one of them.
pub(crate) fn words<'de, D, T>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let words: Option<Vec<Value>> = list(from)?;
    let words = words.map(|words| words.into_iter().filter_map(|it| word(it).transpose()));
    let words = words.map(|words| words.collect::<Result<_, serde_json::Error>>());
    words.transpose().map_err(D::Error::custom)
}

fn strictly_or<T: DeserializeOwned, E: Error>(
    given: &Value,
    meant: Option<Value>,
) -> Result<Option<T>, E> {
    let strictly = Option::<T>::deserialize(given);
    strictly.or_else(|error| match meant.map(T::deserialize) {
        Some(Ok(value)) => Ok(Some(value)),
        _ => Err(E::custom(error)),
    })
}

/// A list of texts, or one of them; numbers and truths are texts as well.
pub(crate) fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let texts: Option<Vec<Text>> = list(from)?;
    Ok(texts.map(|texts| texts.into_iter().map(|Text(text)| text).collect()))
}

/// A text, or a list of only one.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match texts(from)?.unwrap_or_default().as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(D::Error::custom("invalid type: null, expected a string")),
        _ => Err(D::Error::custom(
            "invalid type: sequence, expected a string",
        )),
    }
}

/// A list of objects, or one of them; a text is an object with nothing else said.
pub(crate) fn objects<'de, D, T>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + From<String>,
{
    let objects: Option<Vec<Object<T>>> = list(from)?;
    Ok(objects.map(|objects| objects.into_iter().map(|Object(object)| object).collect()))
}

fn list<'de, D, T>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    from.deserialize_any(List(PhantomData))
}

struct List<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for List<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|it| Some(vec![it]))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.trim().is_empty() {
            return Ok(Some(Vec::new()));
        }
        match serde_json::from_str(text) {
            Ok(list @ Value::Array(_)) => Vec::deserialize(list).map(Some).map_err(E::custom),
            Err(error) if is_meant_as_json(text) => Err(broken(&error)),
            _ => T::deserialize(text.into_deserializer()).map(|it| Some(vec![it])),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(|it| Some(vec![it]))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(|it| Some(vec![it]))
    }
}

/// Whether a text begins as JSON does and words hardly do: a bracket before a quote, a list or an
/// object, or a brace before a name. `[draft].md` is a file.
fn is_meant_as_json(text: &str) -> bool {
    let quotes = ['"', '\''];
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('[').map(str::trim_start) {
        return rest.starts_with(quotes) || rest.starts_with('{');
    }
    let Some(rest) = text.strip_prefix('{').map(str::trim_start) else {
        return false;
    };
    let behind = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    let is_named = behind.len() < rest.len() && behind.trim_start().starts_with(':');
    rest.starts_with(quotes) || is_named
}

fn broken<E: Error>(error: &serde_json::Error) -> E {
    E::custom(format!("begins as JSON and is none: {error}"))
}

/// A text that may be written as a number.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
        }
        from.deserialize_any(Written)
    }
}

/// An object that may be written as a text.
struct Object<T>(T);

impl<'de, T: DeserializeOwned + From<String>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Written<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned + From<String>> Visitor<'de> for Written<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("struct with fields")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Object<T>, E> {
                match serde_json::from_str(text) {
                    Ok(object @ Value::Object(_)) => {
                        T::deserialize(object).map(Object).map_err(E::custom)
                    }
                    Err(error) if is_meant_as_json(text) => Err(broken(&error)),
                    _ => Ok(Object(T::from(text.to_owned()))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        from.deserialize_any(Written(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct All {
        #[serde(deserialize_with = "value")]
        number: Option<f64>,
        #[serde(deserialize_with = "value")]
        small: Option<u32>,
        #[serde(deserialize_with = "value")]
        truth: Option<bool>,
        #[serde(deserialize_with = "word")]
        word: Option<char>,
        #[serde(deserialize_with = "texts")]
        tags: Option<Vec<String>>,
        #[serde(deserialize_with = "objects")]
        items: Option<Vec<Item>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        text: String,
    }

    impl From<String> for Item {
        fn from(text: String) -> Self {
            Self { text }
        }
    }

    fn read(given: Value) -> Result<All, String> {
        let read = serde_path_to_error::deserialize(given);
        read.map_err(|error| format!("{}: {}", error.path(), error.inner()))
    }

    #[test]
    fn what_is_nearly_right_is_what_was_meant() {
        let tags = |tags: &[&str]| Some(tags.iter().map(|tag| (*tag).to_owned()).collect());
        let item = |text: &str| Item::from(text.to_owned());
        let none = All::default;
        for (given, meant) in [
            (
                json!({ "number": "0.8" }),
                All {
                    number: Some(0.8),
                    ..none()
                },
            ),
            (
                json!({ "number": " 1 " }),
                All {
                    number: Some(1.0),
                    ..none()
                },
            ),
            (json!({ "number": "", "word": " " }), none()),
            (
                json!({ "number": null, "truth": null, "tags": null, "items": null }),
                none(),
            ),
            (
                json!({ "small": "7" }),
                All {
                    small: Some(7),
                    ..none()
                },
            ),
            (
                json!({ "truth": "True" }),
                All {
                    truth: Some(true),
                    ..none()
                },
            ),
            (
                json!({ "truth": "no" }),
                All {
                    truth: Some(false),
                    ..none()
                },
            ),
            (
                json!({ "tags": "db" }),
                All {
                    tags: tags(&["db"]),
                    ..none()
                },
            ),
            (
                json!({ "tags": "[\"a\", \"b\"]" }),
                All {
                    tags: tags(&["a", "b"]),
                    ..none()
                },
            ),
            (
                json!({ "tags": "[draft].md" }),
                All {
                    tags: tags(&["[draft].md"]),
                    ..none()
                },
            ),
            (
                json!({ "tags": "" }),
                All {
                    tags: tags(&[]),
                    ..none()
                },
            ),
            (
                json!({ "tags": 2026 }),
                All {
                    tags: tags(&["2026"]),
                    ..none()
                },
            ),
            (
                json!({ "tags": ["v", 2, true, 0.5] }),
                All {
                    tags: tags(&["v", "2", "true", "0.5"]),
                    ..none()
                },
            ),
            (
                json!({ "items": ["one", { "text": "two" }, "{\"text\":\"three\"}"] }),
                All {
                    items: Some(vec![item("one"), item("two"), item("three")]),
                    ..none()
                },
            ),
            (
                json!({ "items": ["[ADR 12] rules", "{{x}} is filled in", "{a} is a set"] }),
                All {
                    items: Some(vec![
                        item("[ADR 12] rules"),
                        item("{{x}} is filled in"),
                        item("{a} is a set"),
                    ]),
                    ..none()
                },
            ),
            (
                json!({ "items": { "text": "x" } }),
                All {
                    items: Some(vec![item("x")]),
                    ..none()
                },
            ),
            (
                json!({ "items": "[\"x\"]" }),
                All {
                    items: Some(vec![item("x")]),
                    ..none()
                },
            ),
        ] {
            assert_eq!(read(given.clone()), Ok(meant), "{given}");
        }
    }

    #[test]
    fn what_is_not_is_told_by_its_place() {
        for (given, told) in [
            (
                json!({ "number": "high" }),
                "number: invalid type: string \"high\", expected f64",
            ),
            (
                json!({ "small": "-1" }),
                "small: invalid type: string \"-1\", expected u32",
            ),
            (
                json!({ "truth": "maybe" }),
                "truth: invalid type: string \"maybe\", expected a boolean",
            ),
            (
                json!({ "tags": ["a", []] }),
                "tags[1]: invalid type: sequence, expected a string",
            ),
            (
                json!({ "tags": {} }),
                "tags: invalid type: map, expected a string",
            ),
            (
                json!({ "items": ["a", { "txt": "b" }] }),
                "items[1].txt: unknown field `txt`, expected `text`",
            ),
            (
                json!({ "items": "[{\"text\": \"a\"}, {\"text\": \"b\"]" }),
                "items: begins as JSON and is none: expected `,` or `}` at line 1 column 29",
            ),
            (
                json!({ "items": ["a", "{text: \"b\"}"] }),
                "items[1]: begins as JSON and is none: key must be a string at line 1 column 2",
            ),
            (
                json!({ "tags": "[\"a\", \"b\"" }),
                "tags: begins as JSON and is none: EOF while parsing a list at line 1 column 9",
            ),
            (
                json!({ "items": [7] }),
                "items[0]: invalid type: integer `7`, expected struct with fields",
            ),
        ] {
            assert_eq!(read(given), Err(told.to_owned()));
        }
    }
}
