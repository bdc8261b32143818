use super::*;

fn schema(value: Value) -> OutputSchema {
    OutputSchema::parse(&value).unwrap()
}

fn refused(value: Value) -> String {
    OutputSchema::parse(&value).unwrap_err()
}

fn people() -> OutputSchema {
    schema(json!({
        "type": "object",
        "properties": { "people": { "type": "array", "items": {
            "type": "object",
            "properties": { "name": { "type": "string" }, "age": { "type": "integer" } },
            "required": ["name", "age"],
            "additionalProperties": false,
        } } },
        "required": ["people"],
    }))
}

#[test]
fn what_is_no_schema_is_refused_with_the_place() {
    for (value, expected) in [
        (json!("x"), "must be a JSON schema, which is an object"),
        (
            json!({ "properties": { "a": { "type": "strin" } } }),
            "is no JSON schema: at /properties/a/type: ",
        ),
        (
            json!({ "type": "string", "pattern": "(" }),
            "is no JSON schema: at /pattern: ",
        ),
        (
            json!({ "description": "x".repeat(LARGEST) }),
            "has 32786 bytes, at most 32768 are taken",
        ),
    ] {
        let told = refused(value);
        assert!(told.starts_with(expected), "{told}");
    }
    let mut deep = json!({});
    for _ in 1..DEEPEST {
        deep = json!({ "not": deep });
    }
    assert!(OutputSchema::parse(&deep).is_ok());
    let told = refused(json!({ "not": deep }));
    assert_eq!(told, "is nested deeper than 48 levels");
}

#[test]
fn nothing_is_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("there.json");
    std::fs::write(&file, "true").unwrap();
    for target in [
        format!("file://{}", file.display()),
        "http://127.0.0.1:9/schema.json".to_owned(),
        "there.json".to_owned(),
    ] {
        let told = refused(json!({ "$ref": target }));
        assert!(told.starts_with("is no JSON schema"), "{told}");
    }
    let own = json!({ "$defs": { "a": { "type": "string" } }, "$ref": "#/$defs/a" });
    assert_eq!(schema(own).misfits(&json!("x")), [""; 0]);
}

#[test]
fn misfits_name_the_place_and_what_belongs_there_and_are_few() {
    let people = people();
    let given = json!({ "people": [{ "name": 3, "age": "x", "z": 1 }] });
    assert_eq!(
        people.misfits(&given),
        [
            "/people/0/name: this value is not of type \"string\"",
            "/people/0/age: this value is not of type \"integer\"",
            "/people/0: Additional properties are not allowed ('z' was unexpected)",
        ]
    );
    assert_eq!(
        people.misfits(&json!({})),
        ["the top: \"people\" is a required property"]
    );
    let many = json!({ "people": [1, 2, 3, 4, 5, 6, 7] });
    let told = people.misfits(&many);
    assert_eq!((told.len(), told.last().unwrap().as_str()), (6, "and more"));
    let long = json!({ "people": [{ "name": ["x".repeat(10_000)], "age": 1 }] });
    assert!(people.misfits(&long).concat().len() < 300);
}

#[test]
fn a_result_that_was_wrapped_into_a_text_is_taken() {
    let wanted = json!({ "people": [] });
    assert_eq!(
        people().fitting(&json!(wanted.to_string())),
        Ok(wanted.clone())
    );
    assert_eq!(people().fitting(&wanted), Ok(wanted));
    // A text that is meant as one stays one.
    let text = schema(json!({ "type": "string" }));
    assert_eq!(text.fitting(&json!("[1]")), Ok(json!("[1]")));
    assert!(people().fitting(&json!("{}")).is_err());
}

#[test]
fn an_answer_is_a_result_when_it_holds_exactly_one() {
    let people = people();
    let one = r#"{"people": []}"#;
    let taken = [
        format!("\n {one}\n"),
        format!("Here it is:\n```json\n{one}\n```\nDone."),
        format!("```\n{one}\n```"),
        format!("First:\n```sh\nls\n```\nthen:\n```json\n{one}\n```"),
    ];
    for answer in taken {
        assert_eq!(
            people.in_answer(&answer),
            Ok(json!({ "people": [] })),
            "{answer}"
        );
    }
    let missing = [
        ("I found nobody.".to_owned(), "the answer is no JSON value"),
        (format!("It is {one}"), "the answer is no JSON value"),
        (format!("```json\n{one}"), "the answer is no JSON value"),
        (
            format!("```\n{one}\n```\n```\n{one}\n```"),
            "the answer holds several JSON values",
        ),
        (
            "{}".to_owned(),
            "the top: \"people\" is a required property",
        ),
    ];
    for (answer, expected) in missing {
        let told = people.in_answer(&answer).unwrap_err();
        assert!(told[0].starts_with(expected), "{answer}: {told:?}");
    }
}

#[test]
fn a_tool_holds_the_schema_when_every_client_takes_it() {
    let plain = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "T",
        "type": "object",
        "properties": {
            "format": { "type": "string", "format": "date", "enum": ["a", "b"] },
            "n": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
        },
        "required": ["n"],
        "additionalProperties": false,
    });
    assert_eq!(
        schema(plain).for_tools(),
        Some(json!({
            "type": "object",
            "properties": {
                "format": { "type": "string", "enum": ["a", "b"] },
                "n": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            },
            "required": ["n"],
            "additionalProperties": false,
        }))
    );
    let refused = [
        json!({ "type": "object", "properties": { "a": { "$ref": "#" } } }),
        json!({ "type": ["string", "null"] }),
        json!({ "anyOf": [{ "type": "string" }] }),
        json!({ "type": "object", "properties": { "a": true } }),
        json!({ "type": "object", "properties": { "a": { "const": 1 } } }),
        json!({ "type": "integer", "enum": [1, 2] }),
        json!({ "type": "array" }),
        json!({ "type": "array", "prefixItems": [{ "type": "string" }] }),
        json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        json!({ "description": "anything" }),
    ];
    for value in refused {
        assert_eq!(schema(value.clone()).for_tools(), None, "{value}");
    }
}

#[test]
fn a_schema_that_would_be_checked_for_ever_is_refused() {
    let doubling = |levels: usize| {
        let mut defs = Map::new();
        for level in 0..levels {
            let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
            defs.insert(format!("d{level}"), json!({ "allOf": [next, next] }));
        }
        defs.insert(format!("d{levels}"), json!({ "type": "integer" }));
        json!({ "$defs": defs, "$ref": "#/$defs/d0" })
    };
    assert!(OutputSchema::parse(&doubling(6)).is_ok());
    let told = refused(doubling(400));
    assert_eq!(
        told,
        "refers to so many schemas at one place that nothing could be checked"
    );
    let around = json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
    assert!(OutputSchema::parse(&around).is_err());
    // What refers to itself further down ends with the result.
    let tree = schema(json!({ "type": "object", "properties": {
        "left": { "$ref": "#" }, "right": { "$ref": "#" },
    } }));
    assert_eq!(tree.misfits(&json!({ "left": { "right": {} } })), [""; 0]);
}
