use super::*;

fn one(text: &str, name: &str) -> ProviderConfig {
    Layers::new().user(text).load().providers[name].clone()
}

#[test]
fn claude_is_there_and_needs_no_kind() {
    let model = Some("opus".to_owned());
    assert_eq!(
        one("providers.claude.model = 'opus'", "claude"),
        ProviderConfig::Claude(ClaudeProvider {
            model: model.clone(),
            ..ClaudeProvider::default()
        })
    );
    let config = Layers::new()
        .user("providers.other = { kind = 'claude', model = 'opus' }")
        .load();
    assert_eq!(
        config.providers.keys().collect::<Vec<_>>(),
        ["claude", "codex", "gemini", "opencode", "other"]
    );
    assert_eq!(
        ClaudeProvider::default(),
        ClaudeProvider {
            command: strings(&["claude"]),
            model: None,
            setting_sources: strings(&["user", "project", "local"]),
            env: BTreeMap::new(),
        }
    );
}

#[test]
fn a_script_reads_text_unless_told_otherwise() {
    let script = |input| {
        ProviderConfig::Script(ScriptProvider {
            command: strings(&["sh", "-c", "cat"]),
            input,
            env: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
        })
    };
    let text = "[providers.x]\nkind = 'script'\ncommand = ['sh', '-c', 'cat']\nenv = {A = 'b'}\n";
    assert_eq!(one(text, "x"), script(ScriptInput::Text));
    let text = format!("{text}input = 'lines'");
    assert_eq!(one(&text, "x"), script(ScriptInput::Lines));
    assert_eq!(
        one(&text.replace(".x]", ".claude]"), "claude"),
        script(ScriptInput::Lines)
    );
}

#[test]
fn three_lines_make_any_acp_agent_a_provider() {
    let acp = |flavour, command: &[&str]| {
        ProviderConfig::Acp(AcpProvider {
            flavour,
            command: strings(command),
            model: None,
            env: BTreeMap::new(),
        })
    };
    let text = "[providers.goose]\nkind = 'acp'\ncommand = ['goose', 'acp']\n";
    assert_eq!(one(text, "goose"), acp(Flavour::Plain, &["goose", "acp"]));
    for (name, flavour, command) in [
        ("gemini", Flavour::Gemini, ["gemini", "--acp"]),
        ("opencode", Flavour::Opencode, ["opencode", "acp"]),
    ] {
        assert_eq!(one("", name), acp(flavour, &command));
    }
    Layers::new().user("providers.x.kind = 'acp'").refuses(
        "`providers.x.command` is missing in ~/user.toml\n\
         Add `command = [\"program\", \"argument\"]`.",
    );
}

#[test]
fn what_a_kind_needs_is_asked_for() {
    Layers::new()
        .user("providers.x.command = ['cat']")
        .refuses("`providers.x.kind` is missing in ~/user.toml\nAdd `kind = \"acp\"`.");
    Layers::new().user("providers.x.kind = 'script'").refuses(
        "`providers.x.command` is missing in ~/user.toml\n\
         Add `command = [\"program\", \"argument\"]`.",
    );
    for kind in ["claude", "script"] {
        for command in ["[]", "['']"] {
            Layers::new()
                .user(&format!(
                    "providers.x = {{kind = '{kind}', command = {command}}}"
                ))
                .refuses_key(
                    "providers.x.command",
                    "~/user.toml",
                    "expected a program and its arguments",
                );
        }
    }
}

#[test]
fn what_another_kind_has_is_refused() {
    let cases = [
        (
            "claude",
            "input = 'text'",
            "input",
            "only a `script` provider has it",
        ),
        (
            "script",
            "model = 'x'",
            "model",
            "a `script` provider has no model",
        ),
        (
            "codex",
            "input = 'text'",
            "input",
            "only a `script` provider has it",
        ),
        (
            "acp",
            "setting_sources = []",
            "setting_sources",
            "only a `claude` provider has it",
        ),
        (
            "script",
            "setting_sources = []",
            "setting_sources",
            "only a `claude` provider has it",
        ),
    ];
    for (kind, line, key, reason) in cases {
        Layers::new()
            .user(&format!(
                "[providers.x]\nkind = '{kind}'\ncommand = ['x']\n{line}"
            ))
            .refuses_key(&format!("providers.x.{key}"), "~/user.toml", reason);
    }
}

#[test]
fn names_are_short_and_plain() {
    let long = "x".repeat(32);
    for good in ["a", "a-b_9", &long] {
        Layers::new()
            .user(&format!("[providers.{good}]\nkind = 'claude'"))
            .load();
    }
    let long = "x".repeat(33);
    for bad in ["", "A", "a.b", "a b", "é", &long] {
        Layers::new()
            .user(&format!("[providers.'{bad}']\nkind = 'claude'"))
            .refuses_key(
                &format!("providers.{bad}"),
                "~/user.toml",
                "a provider's name is 1 to 32 of a-z, 0-9, _ and -",
            );
    }
}

#[test]
fn the_default_provider_must_exist() {
    Layers::new()
        .project("agents.provider = 'clade'")
        .refuses_key(
            "agents.provider",
            "~/project/.ostler/config.toml",
            "there is no provider `clade`, the nearest is `claude`",
        );
}

#[test]
fn names_of_variables_are_checked() {
    Layers::new()
        .user("providers.claude.env = {'A=B' = 'c'}")
        .refuses_key(
            "providers.claude.env",
            "~/user.toml",
            "\"A=B\" cannot name a variable",
        );
}
