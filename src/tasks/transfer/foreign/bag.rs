//! The fields of an entry that somebody else has written: taken out one by one, so that what is left
//! over is what nobody has looked at.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::clock::parse_time;

/// Fields by their names.
pub(super) struct Bag(Map<String, Value>);

impl Bag {
    pub(super) fn new(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(format!("it is {}, not an object", what(&other))),
        }
    }

    /// Reads a line or a part of a document.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value =
            serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        Self::new(value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    pub(super) fn is_number(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_number)
    }

    pub(super) fn is_object(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_object)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    /// A text; a number is one too. Empty when it is not there.
    pub(super) fn text(&mut self, name: &str) -> Result<String, String> {
        match self.take(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.replace('\0', "\u{fffd}")),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(other) => Err(format!("`{name}` is {}, not a text", what(&other))),
        }
    }

    /// A whole number, also where it stands in quotes.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64()),
            Some(Value::String(text)) if text.trim().parse::<i64>().is_ok() => {
                Ok(text.trim().parse().ok())
            }
            Some(other) => Err(format!("`{name}` is {}, not a whole number", what(&other))),
        }
    }

    /// A time. Times before 1970 stand for none.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<i64>, String> {
        let text = self.text(name)?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        match parse_time(&text) {
            Some(at_ms) => Ok(Some(at_ms).filter(|at_ms| *at_ms > 0)),
            None => {
                let shown = crate::text::one_line(&text, 40);
                Err(format!("`{name}` is {shown:?}, which is no time"))
            }
        }
    }

    /// A list; empty when it is not there.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Value>, String> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(format!("`{name}` is {}, not a list", what(&other))),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        self.list(name)?
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text.replace('\0', "\u{fffd}")),
                Value::Number(number) => Ok(number.to_string()),
                other => Err(format!("`{name}` holds {}, not a text", what(&other))),
            })
            .collect()
    }

    /// What is within it; `None` when it is not there.
    pub(super) fn bag(&mut self, name: &str) -> Result<Option<Bag>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Bag(fields))),
            Some(other) => Err(format!("`{name}` is {}, not an object", what(&other))),
        }
    }

    /// Throws away what follows from the rest, or is of use to its tracker only.
    pub(super) fn forget(&mut self, names: &[&str]) {
        for name in names {
            self.0.shift_remove(*name);
        }
    }

    /// What is left over and says something, each as one text.
    pub(super) fn rest(self) -> Vec<(String, String)> {
        let told = |value: Value| match value {
            Value::Null | Value::Bool(false) => String::new(),
            Value::String(text) => text.replace('\0', "\u{fffd}"),
            Value::Array(list) if list.is_empty() => String::new(),
            Value::Object(fields) if fields.is_empty() => String::new(),
            other => other.to_string(),
        };
        let rest = self.0.into_iter().map(|(name, value)| (name, told(value)));
        rest.filter(|(_, told)| !told.trim().is_empty()).collect()
    }
}

/// A document whose parts are asked for the line that they begin on.
pub(super) struct Document<'a> {
    text: &'a str,
    /// Where lines end.
    ends: Vec<usize>,
}

impl<'a> Document<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Self { text, ends }
    }

    /// The line on which a part of it begins.
    pub(super) fn line_of(&self, part: &RawValue) -> u64 {
        let at = (part.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.ends.partition_point(|end| *end < at) as u64 + 1
    }
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
