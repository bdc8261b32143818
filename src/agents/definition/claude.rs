//! Fields that definitions of Claude Code have: which of ours they mean, and which ostler does not
//! carry out. They are understood in every place, so that a file can serve both.

use serde_json::{Value, json};

use super::fields::Fields;
use super::frontmatter::{Field, Flaw, on_one_line};
use crate::config::{Permission, keys_of, nearest};

/// What becomes of a field of Claude Code that is none of ours by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Another name of this field.
    Named(&'static str),
    /// The permission, in other words.
    Permission,
    /// Nothing that an agent of ostler would do otherwise.
    Nothing,
    /// It is not carried out, because of this.
    NotCarriedOut(&'static str),
}

/// The fields of Claude Code that are none of ours by name.
pub(super) const FIELDS: [(&str, Meaning); 10] = [
    ("disallowedTools", Meaning::Named("disallowed_tools")),
    ("maxTurns", Meaning::Named("max_turns")),
    ("permissionMode", Meaning::Permission),
    ("color", Meaning::Nothing),
    // Every agent of ostler works in the background.
    ("background", Meaning::Nothing),
    (
        "hooks",
        Meaning::NotCarriedOut("hooks of a definition are not run"),
    ),
    (
        "mcpServers",
        Meaning::NotCarriedOut("agents get no MCP servers but ostler's own"),
    ),
    (
        "skills",
        Meaning::NotCarriedOut("skills are not loaded in advance"),
    ),
    (
        "memory",
        Meaning::NotCarriedOut("agents keep no memory of their own"),
    ),
    (
        "initialPrompt",
        Meaning::NotCarriedOut("the prompt is the caller's"),
    ),
];

/// Fields under our own names, and what is not carried out.
#[derive(Debug, Default)]
pub(super) struct Translated {
    pub(super) fields: Vec<Field>,
    pub(super) ignored: Vec<String>,
}

/// Gives every field its own name. A field that nobody knows is a slip in a file written for ostler,
/// and is only named where `lenient`.
pub(super) fn translate(fields: Vec<Field>, lenient: bool) -> Result<Translated, Flaw> {
    let ours = keys_of::<Fields>();
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    // Who writes both for both readers means ours here.
    let (both_turns, both_tools, both_permissions) =
        (has("max_turns"), has("disallowed_tools"), has("permission"));
    let mut translated = Translated::default();
    for mut field in fields {
        if ours.contains(&field.name.as_str()) {
            translated.fields.push(field);
            continue;
        }
        let known = FIELDS.iter().find(|(name, _)| *name == field.name);
        let note = match known.map(|(_, meaning)| *meaning) {
            Some(Meaning::Named("max_turns")) if both_turns => None,
            Some(Meaning::Named("disallowed_tools")) if both_tools => None,
            Some(Meaning::Permission) if both_permissions => None,
            Some(Meaning::Named(name)) => {
                field.name = name.to_owned();
                translated.fields.push(field);
                continue;
            }
            Some(Meaning::Permission) => {
                let (permission, note) = permission(&field)?;
                if let Some(permission) = permission {
                    field.name = "permission".to_owned();
                    field.value = json!(permission);
                    translated.fields.push(field);
                }
                note.map(str::to_owned)
            }
            Some(Meaning::Nothing) => None,
            Some(Meaning::NotCarriedOut(why)) => Some(format!("{}: {why}", field.name)),
            None if lenient => Some(format!("{}: unknown field", on_one_line(&field.name, 40))),
            None => return Err(unknown(&field, ours)),
        };
        translated.ignored.extend(note);
    }
    Ok(translated)
}

fn unknown(field: &Field, ours: &[&str]) -> Flaw {
    let name = on_one_line(&field.name, 40);
    let known = ours
        .iter()
        .copied()
        .chain(FIELDS.iter().map(|(name, _)| *name));
    let nearest = nearest(&name, known);
    Flaw::new(
        field.line,
        format!("unknown field `{name}`; the nearest is `{nearest}`"),
    )
}

/// The permission that a mode of Claude Code comes to, and what is lost.
fn permission(field: &Field) -> Result<(Option<Permission>, Option<&'static str>), Flaw> {
    Ok(match field.value.as_str() {
        // What asks there before it acts is what the configuration says here.
        Some("default" | "manual") => (None, None),
        None if field.value == Value::Null => (None, None),
        Some("acceptEdits" | "auto") => (Some(Permission::Edit), None),
        Some("plan") => (Some(Permission::ReadOnly), None),
        Some("bypassPermissions") => (Some(Permission::Full), None),
        Some("dontAsk") => (
            None,
            Some(
                "permissionMode: dontAsk is not carried out; `agents.ask` says who decides about \
                 calls beyond the permission",
            ),
        ),
        _ => {
            return Err(Flaw::new(
                field.line,
                "`permissionMode` must be one of default, acceptEdits, plan, dontAsk, auto, \
                 bypassPermissions",
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: Value) -> Field {
        Field {
            name: name.to_owned(),
            line: 3,
            value,
        }
    }

    fn one(name: &str, value: Value) -> (Vec<(String, Value)>, Vec<String>) {
        let translated = translate(vec![field(name, value)], true).unwrap();
        let fields = translated.fields.into_iter();
        let fields = fields.map(|field| (field.name, field.value)).collect();
        (fields, translated.ignored)
    }

    #[test]
    fn names_and_modes_become_ours() {
        for (name, value, ours, becomes) in [
            ("maxTurns", json!(5), "max_turns", json!(5)),
            (
                "disallowedTools",
                json!("Write"),
                "disallowed_tools",
                json!("Write"),
            ),
            (
                "permissionMode",
                json!("plan"),
                "permission",
                json!("read_only"),
            ),
            (
                "permissionMode",
                json!("acceptEdits"),
                "permission",
                json!("edit"),
            ),
            ("permissionMode", json!("auto"), "permission", json!("edit")),
            (
                "permissionMode",
                json!("bypassPermissions"),
                "permission",
                json!("full"),
            ),
            ("model", json!("inherit"), "model", json!("inherit")),
        ] {
            let expected = vec![(ours.to_owned(), becomes)];
            assert_eq!(one(name, value), (expected, Vec::new()), "{name}");
        }
    }

    #[test]
    fn what_means_nothing_here_is_silent_and_what_is_lost_is_named() {
        for (name, value) in [
            ("color", json!("red")),
            ("background", json!(true)),
            ("permissionMode", json!("default")),
            ("permissionMode", Value::Null),
        ] {
            assert_eq!(one(name, value), (Vec::new(), Vec::new()), "{name}");
        }
        for (name, value) in [
            ("hooks", json!({"PreToolUse": []})),
            ("mcpServers", json!(["github"])),
            ("skills", json!("pdf")),
            ("memory", json!("user")),
            ("initialPrompt", json!("/go")),
            ("permissionMode", json!("dontAsk")),
            ("criticality", json!(1)),
        ] {
            let (fields, ignored) = one(name, value);
            assert_eq!(fields, [], "{name}");
            assert!(ignored[0].starts_with(&format!("{name}: ")), "{ignored:?}");
        }
    }

    #[test]
    fn our_own_field_wins_over_theirs() {
        for (ours, theirs) in [
            ("max_turns", "maxTurns"),
            ("disallowed_tools", "disallowedTools"),
            ("permission", "permissionMode"),
        ] {
            let fields = vec![field(theirs, json!("x")), field(ours, json!("y"))];
            let translated = translate(fields, false).unwrap();
            assert_eq!(translated.fields, [field(ours, json!("y"))]);
        }
    }

    #[test]
    fn a_slip_is_told_what_was_meant() {
        for (slip, meant) in [
            ("modle", "model"),
            ("permisionMode", "permissionMode"),
            ("allowed-subagents", "allowed_subagents"),
        ] {
            let flaw = translate(vec![field(slip, json!(1))], false).unwrap_err();
            assert_eq!(
                flaw.to_string(),
                format!("line 3: unknown field `{slip}`; the nearest is `{meant}`")
            );
        }
        let flaw = translate(vec![field("permissionMode", json!("yolo"))], true).unwrap_err();
        assert!(
            flaw.to_string()
                .starts_with("line 3: `permissionMode` must be")
        );
    }
}
