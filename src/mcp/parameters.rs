//! Tool parameters, and what a model is told that got them wrong: the field by its path, and in plain
//! words what belongs there.

use std::any::Any;
use std::borrow::Cow;

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::{ToolCallContext, schema_for_type};
use rmcp::model::{CallToolResponse, ContentBlock};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::schema::ALIASES;
use crate::text::one_line;

/// rmcp answers in band (instead of with a protocol error that many clients hide) by this beginning
/// of the message.
const IN_BAND: &str = "failed to deserialize parameters: ";
/// Characters that are repeated of what a model wrote.
const SHOWN: usize = 60;

/// The arguments of a call. rmcp finds the input schema by this very name.
pub(super) struct Parameters<P>(pub(super) P);

impl<P: JsonSchema> JsonSchema for Parameters<P> {
    fn schema_name() -> Cow<'static, str> {
        P::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        P::json_schema(generator)
    }
}

impl<S, P: DeserializeOwned + JsonSchema + Any> FromContextPart<ToolCallContext<'_, S>>
    for Parameters<P>
{
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let arguments = context.arguments.take().unwrap_or_default();
        read(&context.name, arguments)
            .map(Parameters)
            .map_err(|told| ErrorData::invalid_params(format!("{IN_BAND}{told}"), None))
    }
}

/// An answer without the mark that is for rmcp only.
pub(super) fn without_mark(mut response: CallToolResponse) -> CallToolResponse {
    if let CallToolResponse::Complete(result) = &mut response
        && result.is_error == Some(true)
        && let Some(ContentBlock::Text(content)) = result.content.first_mut()
        && let Some(told) = content.text.strip_prefix(IN_BAND)
    {
        content.text = told.to_owned();
    }
    response
}

fn read<P: DeserializeOwned + JsonSchema + Any>(
    tool: &str,
    arguments: Map<String, Value>,
) -> Result<P, String> {
    // Made once for each type: to make one takes longer than most calls.
    let schema = schema_for_type::<P>();
    let known: Vec<&str> = match schema.get("properties") {
        Some(Value::Object(properties)) => properties.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let aliases = schema.get("properties").map(aliases).unwrap_or_default();
    let is_known = |key: &str| known.contains(&key) || aliases.contains(&key);
    if let Some(unknown) = arguments.keys().find(|key| !is_known(key)) {
        let takes = match known.as_slice() {
            [] => format!("{tool} takes no arguments"),
            known => format!("this tool takes: {}", known.join(", ")),
        };
        return Err(format!("unknown field `{}`\n{takes}", shown(unknown)));
    }
    let missing = match schema.get("required") {
        Some(Value::Array(required)) => required
            .iter()
            .filter_map(Value::as_str)
            .find(|needed| !arguments.contains_key(*needed)),
        _ => None,
    };
    if let Some(missing) = missing {
        return Err(format!("`{missing}` is missing"));
    }
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let path = error.path().to_string();
        let said = error.inner().to_string();
        within(&path, &said).unwrap_or_else(|| in_plain_words(&path, &said))
    })
}

/// Other names of fields.
fn aliases(properties: &Value) -> Vec<&str> {
    let fields = properties.as_object().into_iter().flatten();
    let aliases = fields.filter_map(|(_, field)| field.get(ALIASES)?.as_array());
    aliases.flatten().filter_map(Value::as_str).collect()
}

/// What serde says of the fields of an object inside the arguments, in the words that are used for
/// the arguments themselves.
fn within(path: &str, said: &str) -> Option<String> {
    if let Some(missing) = said.strip_prefix("missing field `") {
        let missing = missing.trim_end_matches('`');
        return Some(format!("`{path}.{missing}` is missing"));
    }
    let (_, expected) = said
        .strip_prefix("unknown field `")?
        .rsplit_once("`, expected ")?;
    let known = expected.trim_start_matches("one of ");
    let known = known.replace("` or `", ", ").replace('`', "");
    Some(format!(
        "unknown field `{}`\nthere it takes: {known}",
        shown(path)
    ))
}

/// What serde says of the value at `path`, said to somebody who does not know Rust.
fn in_plain_words(path: &str, said: &str) -> String {
    // A given text may hold these words as well, what is expected does not.
    let Some((given, expected)) = said.rsplit_once(", expected ") else {
        return format!("`{path}`: {}", shown(said));
    };
    let given = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .find_map(|kind| given.strip_prefix(kind))
        .unwrap_or(given);
    let too_large = given
        .strip_prefix("integer `")
        .is_some_and(|number| !number.starts_with('-'));
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" if too_large => "a smaller number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        expected if expected.starts_with("struct ") => "an object",
        "path string" | "string or map" | "map with a single key" => "a string",
        // A list of variants among others.
        expected => expected,
    };
    format!("`{path}` must be {expected}, not {}", plain_value(given))
}

/// A value as serde names it, as it was written.
fn plain_value(given: &str) -> String {
    let bare = ["string ", "integer ", "floating point ", "boolean "]
        .iter()
        .find_map(|kind| given.strip_prefix(kind));
    match (bare, given) {
        (Some(value), _) => shown(value),
        (None, "sequence") => "a list".to_owned(),
        (None, "map") => "an object".to_owned(),
        (None, given) => shown(given),
    }
}

/// `text` on one line, cut.
fn shown(text: &str) -> String {
    one_line(text, SHOWN)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::agents::Mode;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct All {
        prompt: String,
        small: Option<u32>,
        large: Option<u64>,
        cost: Option<f64>,
        all: Option<bool>,
        mode: Option<Mode>,
        ids: Option<Vec<String>>,
        cwd: Option<PathBuf>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        title: String,
        note: Option<String>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    fn told<P: DeserializeOwned + JsonSchema + Any + std::fmt::Debug>(arguments: Value) -> String {
        let Value::Object(arguments) = arguments else {
            panic!("{arguments}");
        };
        read::<P>("the_tool", arguments).unwrap_err()
    }

    /// What is said of `value` in `field`.
    fn of(field: &str, value: Value) -> String {
        let mut arguments = json!({ "prompt": "x" });
        arguments[field] = value;
        told::<All>(arguments)
    }

    #[test]
    fn an_unknown_field_is_answered_with_those_there_are() {
        assert_eq!(
            told::<All>(json!({ "promt": "x" })),
            "unknown field `promt`\n\
             this tool takes: prompt, small, large, cost, all, mode, ids, cwd"
        );
        assert_eq!(
            told::<Nothing>(json!({ "verbose": true })),
            "unknown field `verbose`\nthe_tool takes no arguments"
        );
    }

    #[test]
    fn fields_of_an_inner_object_are_told_by_their_path() {
        assert_eq!(
            told::<Outer>(json!({ "list": [{ "title": "x" }, { "titel": "x" }] })),
            "unknown field `list[1].titel`\nthere it takes: title, note"
        );
        assert_eq!(
            told::<Outer>(json!({ "list": [{ "note": "x" }] })),
            "`list[0].title` is missing"
        );
        assert_eq!(
            told::<Outer>(json!({ "list": [{ "title": 7 }] })),
            "`list[0].title` must be a string, not `7`"
        );
        assert_eq!(
            told::<Outer>(json!({ "list": ["x"] })),
            "`list[0]` must be an object, not \"x\""
        );
    }

    #[test]
    fn a_missing_field_is_missing() {
        assert_eq!(told::<All>(json!({})), "`prompt` is missing");
    }

    #[test]
    fn a_value_is_told_what_belongs_in_its_place() {
        let table = [
            ("prompt", json!(null), "`prompt` must be a string, not null"),
            (
                "prompt",
                json!(["x"]),
                "`prompt` must be a string, not a list",
            ),
            (
                "prompt",
                json!({}),
                "`prompt` must be a string, not an object",
            ),
            (
                "small",
                json!("5"),
                r#"`small` must be a whole number from 0, not "5""#,
            ),
            (
                "small",
                json!(1.5),
                "`small` must be a whole number from 0, not `1.5`",
            ),
            (
                "small",
                json!(-1),
                "`small` must be a whole number from 0, not `-1`",
            ),
            (
                "small",
                json!(5_000_000_000_u64),
                "`small` must be a smaller number, not `5000000000`",
            ),
            (
                "large",
                json!(true),
                "`large` must be a whole number from 0, not `true`",
            ),
            ("cost", json!("5"), r#"`cost` must be a number, not "5""#),
            (
                "all",
                json!("yes"),
                r#"`all` must be true or false, not "yes""#,
            ),
            (
                "mode",
                json!("some"),
                "`mode` must be `any` or `all`, not `some`",
            ),
            ("mode", json!(7), "`mode` must be a string, not `7`"),
            ("mode", json!({}), "`mode` must be a string, not an object"),
            ("ids", json!("a-1"), r#"`ids` must be a list, not "a-1""#),
            ("ids", json!(["a", 7]), "`ids[1]` must be a string, not `7`"),
            ("cwd", json!(7), "`cwd` must be a string, not `7`"),
            (
                "ids",
                json!("x, expected y"),
                r#"`ids` must be a list, not "x, expected y""#,
            ),
        ];
        for (field, value, expected) in table {
            assert_eq!(of(field, value), expected);
        }
    }

    #[test]
    fn what_a_model_wrote_is_repeated_on_one_line_and_cut() {
        let long = "é\n".repeat(1000);
        for told in [
            of("ids", json!(long)),
            of("mode", json!(long)),
            of(&long, json!(1)),
        ] {
            assert!(told.lines().count() <= 2, "{told}");
            assert!(told.chars().count() < 200, "{told}");
        }
    }
}
