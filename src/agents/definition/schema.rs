//! The JSON Schema of a front matter, for editors. It follows from the types that read one.

use serde_json::{Value, json};

use super::claude::{FIELDS, Meaning};
use super::fields::Fields;

/// The schema of a definition's front matter, with the fields of Claude Code that are understood.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Fields).to_value();
    if let Some(Value::Object(object)) = schema.get_mut("properties") {
        for (name, meaning) in FIELDS {
            let description = match meaning {
                Meaning::Named(ours) => format!("Claude Code's name of `{ours}`."),
                Meaning::Permission => {
                    "Claude Code's word for `permission`: plan is read_only, acceptEdits and auto are \
                     edit, bypassPermissions is full, default is what is configured."
                        .to_owned()
                }
                Meaning::Nothing => "Of Claude Code; has no effect.".to_owned(),
                Meaning::NotCarriedOut(why) => {
                    format!("Of Claude Code; not carried out and named as ignored: {why}.")
                }
            };
            object.insert(name.to_owned(), json!({ "description": description }));
        }
    }
    if let Value::Object(object) = &mut schema {
        object.insert("title".to_owned(), json!("Agent definition of ostler"));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_there_and_says_what_it_does() {
        let schema = schema();
        let properties = schema["properties"].as_object().unwrap();
        for name in crate::config::keys_of::<Fields>() {
            assert!(properties.contains_key(*name), "{name}");
        }
        for (name, property) in properties {
            assert!(property["description"].is_string(), "{name}: {property}");
        }
        assert_eq!(schema["additionalProperties"], false);
    }
}
