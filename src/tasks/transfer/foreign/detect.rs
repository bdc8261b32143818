//! What a file is taken for when nobody says it.

use serde_json::{Map, Value};

use super::super::error::TransferError;
use super::{Format, gobby};
use crate::transfer::{Raw, Source};

/// Lines that are looked at.
const LINES: usize = 20;

/// What the file looks like. Reads ahead, but takes nothing away.
pub(in crate::tasks::transfer) fn detect(source: &mut Source) -> Result<Format, TransferError> {
    if source.begins_a_list()? {
        return Ok(Format::Github);
    }
    let lines = source.look_ahead(LINES)?;
    if lines.is_empty() {
        return Ok(Format::Ostler);
    }
    let mut is_document = false;
    for (_, raw) in lines {
        let Raw::Text(text) = raw else { continue };
        match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(fields) => {
                if let Some(format) = of_fields(&fields) {
                    return Ok(format);
                }
            }
            Err(error) => is_document |= text.trim_start().starts_with('{') && error.is_eof(),
        }
    }
    match is_document {
        true => Ok(Format::Taskmaster),
        false => {
            let problem = "none of its first lines is a task of a tracker that is known";
            Err(TransferError::Unknown {
                problem: problem.to_owned(),
            })
        }
    }
}

fn of_fields(fields: &Map<String, Value>) -> Option<Format> {
    let has = |name: &str| fields.contains_key(name);
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let has_tasks = |value: &Value| value.get("tasks").is_some_and(Value::is_array);
    if has("ostler_tasks") || text("id").starts_with("t-") {
        Some(Format::Ostler)
    } else if has("tasks") || fields.values().any(has_tasks) {
        Some(Format::Taskmaster)
    } else if gobby::is_one(fields) {
        Some(Format::Gobby)
    } else if has("issue_type") || has("_type") || (has("id") && has("status") && has("title")) {
        Some(Format::Beads)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_lines() {
        for (text, expected) in [
            ("", Some(Format::Ostler)),
            ("\u{feff}{\"ostler_tasks\":1}\n", Some(Format::Ostler)),
            (
                "<<<<<<< HEAD\n{\"id\":\"t-000001\"}\n",
                Some(Format::Ostler),
            ),
            (" \n [\n {\"number\": 1}]", Some(Format::Github)),
            ("{\"tasks\":[]}", Some(Format::Taskmaster)),
            ("{\"master\":{\"tasks\":[]}}", Some(Format::Taskmaster)),
            (
                "{\n  \"master\": {\n  \"tasks\": []}}",
                Some(Format::Taskmaster),
            ),
            (
                "{\"id\":\"gt-1\",\"title\":\"x\",\"status\":\"open\",\"deps_on\":[]}",
                Some(Format::Gobby),
            ),
            (
                "{\"id\":\"bd-1\",\"title\":\"x\",\"status\":\"open\",\"priority\":1}",
                Some(Format::Beads),
            ),
            ("not a task\n", None),
            ("{\"a\":1}\n", None),
        ] {
            let mut input = text.as_bytes();
            let mut source = Source::new(&mut input);
            let found = detect(&mut source);
            assert_eq!(found.ok(), expected, "{text}");
        }
    }
}
