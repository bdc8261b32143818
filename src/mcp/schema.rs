//! Schemas made lean: what three families of clients refuse or pay for by the token is taken out of
//! what schemars writes. That a tool takes no other fields is not said there, nor would every client
//! understand it: a call that has one is refused, see [`super::parameters`].

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::model::JsonObject;
use serde_json::{Map, Value};
use std::sync::Arc;

/// How deep definitions are inlined; ours are not recursive.
const DEPTH: usize = 8;

/// Marks a field that is taken and told of in the description of its tool only: a name there costs a
/// model less than a schema.
const UNLISTED: &str = "x-unlisted";

/// Names other names of a field, which are taken and told to nobody.
pub(super) const ALIASES: &str = "x-aliases";

/// Slims the input schema of every tool.
pub(super) fn slim_router<S>(router: &mut ToolRouter<S>) {
    for route in router.map.values_mut() {
        route.attr.input_schema = Arc::new(slim(&route.attr.input_schema));
    }
}

/// `schema` without `$schema`, `$ref`, `title`, `format`, null unions, `oneOf` and a
/// plain `additionalProperties`.
pub(super) fn slim(schema: &JsonObject) -> JsonObject {
    let definitions = match schema.get("$defs") {
        Some(Value::Object(definitions)) => definitions.clone(),
        _ => Map::new(),
    };
    let mut lean = object(schema, &definitions, 0);
    // OpenAI's API refuses an object schema without it.
    lean.entry("properties")
        .or_insert_with(|| Value::Object(Map::new()));
    lean
}

fn object(
    schema: &Map<String, Value>,
    definitions: &Map<String, Value>,
    depth: usize,
) -> JsonObject {
    let mut lean = Map::new();
    for (key, value) in schema {
        match key.as_str() {
            "$schema" | "$defs" | "title" | "format" | ALIASES => {}
            "default" if value.is_null() || *value == Value::Bool(false) => {}
            "minimum" if value.as_f64() == Some(0.0) => {}
            "$ref" => merge(&mut lean, target(value, definitions, depth)),
            "additionalProperties" if value.is_boolean() => {}
            "type" => {
                lean.insert(key.clone(), without_null(value));
            }
            "anyOf" | "oneOf" => alternatives(&mut lean, value, definitions, depth),
            "properties" => {
                let Value::Object(properties) = value else {
                    continue;
                };
                let properties = properties
                    .iter()
                    .filter(|(_, schema)| schema.get(UNLISTED).is_none())
                    .map(|(name, schema)| (name.clone(), any(schema, definitions, depth)))
                    .collect();
                lean.insert(key.clone(), Value::Object(properties));
            }
            _ => {
                lean.insert(key.clone(), any(value, definitions, depth));
            }
        }
    }
    lean
}

fn any(value: &Value, definitions: &Map<String, Value>, depth: usize) -> Value {
    match value {
        Value::Object(schema) => Value::Object(object(schema, definitions, depth)),
        Value::Array(list) => Value::Array(
            list.iter()
                .map(|value| any(value, definitions, depth))
                .collect(),
        ),
        value => value.clone(),
    }
}

/// What a `$ref` points to, slimmed, without its words: a domain's types are described for whoever
/// reads the code, and what a model needs to know of them stands at the field.
fn target(reference: &Value, definitions: &Map<String, Value>, depth: usize) -> JsonObject {
    let name = reference
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"));
    match name.and_then(|name| definitions.get(name)) {
        Some(Value::Object(schema)) if depth < DEPTH => {
            wordless(object(schema, definitions, depth + 1))
        }
        _ => Map::new(),
    }
}

/// `schema` without the descriptions of it and of its properties.
fn wordless(mut schema: JsonObject) -> JsonObject {
    schema.remove("description");
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            if let Value::Object(inner) = property {
                *inner = wordless(std::mem::take(inner));
            }
        }
    }
    schema
}

/// `["string", "null"]` is `"string"`: an optional field may be left out.
fn without_null(kind: &Value) -> Value {
    match kind {
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter(|kind| *kind != "null").cloned();
            match (kinds.next(), kinds.next()) {
                (Some(only), None) => only,
                _ => kind.clone(),
            }
        }
        kind => kind.clone(),
    }
}

/// `anyOf [X, null]` is X; constants side by side are an `enum`.
fn alternatives(
    lean: &mut JsonObject,
    value: &Value,
    definitions: &Map<String, Value>,
    depth: usize,
) {
    let Value::Array(list) = value else { return };
    let branches: Vec<JsonObject> = list
        .iter()
        .filter_map(|branch| match any(branch, definitions, depth) {
            Value::Object(branch) if branch.get("type") != Some(&"null".into()) => Some(branch),
            _ => None,
        })
        .collect();
    let constants: Option<Vec<Value>> = branches
        .iter()
        .map(|branch| branch.get("const").cloned())
        .collect();
    match (branches.as_slice(), constants) {
        ([only], _) => merge(lean, only.clone()),
        (_, Some(constants)) => {
            lean.insert("type".to_owned(), "string".into());
            lean.insert("enum".to_owned(), Value::Array(constants));
        }
        _ => {
            let branches = branches.into_iter().map(Value::Object).collect();
            lean.insert("anyOf".to_owned(), Value::Array(branches));
        }
    }
}

/// Adds what is not there yet: a field's own description wins over its type's.
fn merge(into: &mut JsonObject, from: JsonObject) {
    for (key, value) in from {
        into.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use rmcp::handler::server::tool::schema_for_type;

    use crate::mcp::tool_list;
    use crate::memory::{WrittenMemory, WrittenQuery};

    use super::*;

    #[test]
    fn what_a_schema_leaves_out_is_told_of_in_the_description() {
        let tools = tool_list();
        for (name, schema) in [
            ("remember", schema_for_type::<WrittenMemory>()),
            ("recall", schema_for_type::<WrittenQuery>()),
        ] {
            let tool = tools.iter().find(|tool| tool.name == name).unwrap();
            let told = tool.description.as_deref().unwrap_or_default();
            let listed = tool.input_schema["properties"].as_object().unwrap();
            for (field, property) in schema["properties"].as_object().unwrap() {
                let is_unlisted = property.get(UNLISTED).is_some();
                assert_eq!(listed.contains_key(field), !is_unlisted, "{field}");
                assert!(!is_unlisted || told.contains(field.as_str()), "{field}");
            }
        }
    }
}
