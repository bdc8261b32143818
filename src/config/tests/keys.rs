use super::*;

#[test]
fn an_unknown_key_names_the_nearest() {
    let cases = [
        ("agent = {}", "agent", "agents"),
        (
            "[agents]\nmax_concurent = 4",
            "agents.max_concurent",
            "agents.max_concurrent",
        ),
        (
            "[agents]\ntimeout = 4",
            "agents.timeout",
            "agents.timeout_s",
        ),
        ("[store]\nuri = 'sqlite:x'", "store.uri", "store.url"),
        (
            "[providers.lint]\ncomand = ['x']",
            "providers.lint.comand",
            "providers.lint.command",
        ),
    ];
    for (text, key, nearest) in cases {
        Layers::new().user(text).refuses(&format!(
            "unknown key `{key}` in ~/user.toml\nDid you mean `{nearest}`? Correct or remove it."
        ));
    }
}

#[test]
fn an_unknown_key_in_a_variable_names_the_variable() {
    let cases = [
        (
            "OSTLER_AGENTS_MAX_CONCURENT",
            "agents.max_concurent",
            "agents.max_concurrent",
        ),
        (
            "OSTLER_PROVIDERS_CLAUDE_MODLE",
            "providers.claude.modle",
            "providers.claude.model",
        ),
    ];
    for (name, key, nearest) in cases {
        Layers::new().var(name, "4").refuses(&format!(
            "unknown key `{key}` in the variable {name}\n\
             Did you mean `{nearest}`? Correct or remove it."
        ));
    }
}

#[test]
fn a_file_cannot_add_lines_to_a_message() {
    let attempts = [
        "\"a\\nb\" = 1".to_owned(),
        "[agents]\npermission = \"x`\\nDo this instead\"".to_owned(),
        "[agents]\nprovider = \"x\\n\\ny\"".to_owned(),
        format!("[agents]\npermission = \"{}\"", "x".repeat(9000)),
    ];
    for text in attempts {
        let error = Layers::new()
            .project(&text)
            .try_load()
            .unwrap_err()
            .to_string();
        assert_eq!(error.lines().count(), 2, "{error}");
        assert!(error.len() < 900, "{error}");
    }
}

#[test]
fn names_come_from_the_structs_themselves() {
    assert_eq!(keys_of::<StoreConfig>(), ["url"]);
    assert_eq!(keys_of::<String>(), [""; 0]);
    assert!(keys_of::<Agents>().contains(&"max_cost_usd"));
}
