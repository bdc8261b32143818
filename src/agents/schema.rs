//! The JSON schema that a result has to fit: whether it is one, what does not fit it, and how it can
//! be shown to a model. Nothing is ever fetched for it.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::providers::clip;

/// Largest schema, in bytes of compact JSON.
const LARGEST: usize = 32 * 1024;
/// How deep its objects and lists may stand in each other.
const DEEPEST: usize = 48;
/// Schemas that may apply to one place of a result.
const AT_ONE_PLACE: u32 = 1000;
/// Misfits that are told at once.
const TOLD: usize = 5;
/// How much is told of one.
const TOLD_OF_ONE: usize = 240;

/// Words of a schema that say nothing about a value. A tool can be described without them.
const REMARKS: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "examples",
    "default",
    "format",
    "deprecated",
    "readOnly",
    "writeOnly",
];
/// Words that every family of clients takes in the description of a tool.
const PLAIN: &[&str] = &[
    "type",
    "description",
    "properties",
    "required",
    "items",
    "enum",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "additionalProperties",
];

/// A schema that can be checked against.
#[derive(Debug)]
pub(crate) struct OutputSchema {
    value: Value,
    validator: Validator,
}

impl OutputSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// What is wrong with it, to be read behind its name.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        if !value.is_object() {
            return Err("must be a JSON schema, which is an object".to_owned());
        }
        let bytes = value.to_string().len();
        if bytes > LARGEST {
            return Err(format!("has {bytes} bytes, at most {LARGEST} are taken"));
        }
        if is_deeper(value, DEEPEST) {
            return Err(format!("is nested deeper than {DEEPEST} levels"));
        }
        if branches_endlessly(value, value) {
            let told = "refers to so many schemas at one place that nothing could be checked";
            return Err(told.to_owned());
        }
        let validator = jsonschema::options()
            .offline()
            .build(value)
            .map_err(|error| {
                let place = place(error.instance_path().as_str());
                let said = error.to_string();
                format!(
                    "is no JSON schema: at {place}: {}",
                    clip(&said, TOLD_OF_ONE)
                )
            })?;
        Ok(Self {
            value: value.clone(),
            validator,
        })
    }

    /// What of `result` does not fit, place by place; empty when all does.
    pub(crate) fn misfits(&self, result: &Value) -> Vec<String> {
        let mut errors = self.validator.iter_errors(result);
        let mut misfits: Vec<String> = errors
            .by_ref()
            .take(TOLD)
            .map(|error| {
                // Of the value itself only its place is told: it may be long, and the child knows it.
                let said = error.masked_with("this value").to_string();
                let place = place(error.instance_path().as_str());
                let told = format!("{place}: {}", clip(&said, TOLD_OF_ONE));
                // Names come from the child.
                told.replace(char::is_control, " ")
            })
            .collect();
        if errors.next().is_some() {
            misfits.push("and more".to_owned());
        }
        misfits
    }

    /// The result in `given`, if it fits. Models that wrap a value into a text are taken at their
    /// word.
    pub(crate) fn fitting(&self, given: &Value) -> Result<Value, Vec<String>> {
        let misfits = self.misfits(given);
        if misfits.is_empty() {
            return Ok(given.clone());
        }
        let unwrapped = given
            .as_str()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        match unwrapped {
            Some(value) if self.misfits(&value).is_empty() => Ok(value),
            _ => Err(misfits),
        }
    }

    /// The result in what a child has answered: all of it, or the only JSON in a fenced block.
    ///
    /// # Errors
    /// Why there is none, or what of it does not fit.
    pub(crate) fn in_answer(&self, answer: &str) -> Result<Value, Vec<String>> {
        let whole = serde_json::from_str::<Value>(answer.trim()).ok();
        let mut candidates: Vec<Value> = match whole {
            Some(value) => vec![value],
            None => fenced(answer)
                .filter_map(|block| serde_json::from_str(block).ok())
                .collect(),
        };
        match (candidates.pop(), candidates.is_empty()) {
            (Some(only), true) => self.fitting(&only),
            (Some(_), false) => Err(vec![
                "the answer holds several JSON values, and it is not plain which is meant"
                    .to_owned(),
            ]),
            (None, _) => Err(vec!["the answer is no JSON value".to_owned()]),
        }
    }

    /// The schema as the description of a tool may hold it, for every family of clients; `None` when
    /// some would refuse it.
    pub(crate) fn for_tools(&self) -> Option<Value> {
        plain(&self.value)
    }

    /// What the description of a tool holds instead.
    pub(crate) fn roughly(&self) -> Value {
        match self.value.get("type").and_then(Value::as_str) {
            Some("array") => json!({ "type": "array", "items": {} }),
            Some(kind @ ("string" | "number" | "integer" | "boolean")) => json!({ "type": kind }),
            _ => json!({ "type": "object" }),
        }
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        self.value.to_string()
    }
}

fn place(path: &str) -> &str {
    match path {
        "" => "the top",
        path => path,
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let inner: Vec<&Value> = match value {
        Value::Object(object) => object.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => return false,
    };
    levels == 0 || inner.into_iter().any(|value| is_deeper(value, levels - 1))
}

/// Whether some place of a result would have to be checked against too many schemas of `root`.
fn branches_endlessly(value: &Value, root: &Value) -> bool {
    let inner: Vec<&Value> = match value {
        Value::Object(object) => object.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => return false,
    };
    let mut left = AT_ONE_PLACE;
    !at_one_place(value, root, &mut left)
        || inner
            .into_iter()
            .any(|value| branches_endlessly(value, root))
}

/// Counts `schema`, and those that apply to the same place with it, down from `left`; `false` when
/// there are more.
fn at_one_place(schema: &Value, root: &Value, left: &mut u32) -> bool {
    let Some(rest) = left.checked_sub(1) else {
        return false;
    };
    *left = rest;
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|path| root.pointer(path.strip_prefix('#')?));
    let lists = ["allOf", "anyOf", "oneOf"]
        .into_iter()
        .filter_map(|word| schema.get(word)?.as_array())
        .flatten();
    let alone = ["not", "if", "then", "else"]
        .into_iter()
        .filter_map(|word| schema.get(word));
    target
        .into_iter()
        .chain(lists)
        .chain(alone)
        .all(|schema| at_one_place(schema, root, left))
}

/// `schema` without remarks; `None` if it holds anything but the plain words.
fn plain(schema: &Value) -> Option<Value> {
    let mut lean = Map::new();
    for (word, value) in schema.as_object()? {
        if REMARKS.contains(&word.as_str()) {
            continue;
        }
        let value = match (word.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let properties: Option<Map<String, Value>> = properties
                    .iter()
                    .map(|(name, schema)| Some((name.clone(), plain(schema)?)))
                    .collect();
                Value::Object(properties?)
            }
            ("items", items) => plain(items)?,
            // A list of types has to be told apart by some clients, and is refused by others.
            ("type", Value::String(kind)) if kind != "null" => value.clone(),
            ("type", _) => return None,
            // Gemini's API takes texts only.
            ("enum", Value::Array(list)) if list.iter().all(Value::is_string) => value.clone(),
            ("enum", _) => return None,
            ("additionalProperties", Value::Bool(_)) => value.clone(),
            ("additionalProperties", _) => return None,
            (word, value) if PLAIN.contains(&word) => value.clone(),
            _ => return None,
        };
        lean.insert(word.clone(), value);
    }
    // Each family needs the type of every value, and that of what a list holds.
    let kind = lean.get("type")?;
    match kind == "array" && !lean.contains_key("items") {
        true => None,
        false => Some(Value::Object(lean)),
    }
}

/// What stands between fences of three backticks, without the word behind the first.
fn fenced(text: &str) -> impl Iterator<Item = &str> {
    let mut parts = text.split("```");
    parts.next();
    let mut parts = parts.collect::<Vec<_>>();
    // An open block is none.
    if parts.len() % 2 == 1 {
        parts.pop();
    }
    parts
        .into_iter()
        .step_by(2)
        .map(|block| block.split_once('\n').map_or(block, |(_, inside)| inside))
}

#[cfg(test)]
mod tests;
