use super::*;

#[test]
fn a_value_is_toml_where_that_fits_and_text_elsewhere() {
    let config = Layers::new()
        .user("[providers.4]\nkind = 'claude'\n[providers.lint]\nkind = 'script'\ncommand = ['x']")
        .var("OSTLER_AGENTS_MAX_TREE", "4")
        .var("OSTLER_AGENTS_PROVIDER", "4")
        .var("OSTLER_AGENTS_PERMISSION", "read_only")
        .var("OSTLER_AGENTS_MAX_TURNS", "unlimited")
        .var("OSTLER_AGENTS_MAX_COST_USD", "1.5")
        .var("OSTLER_AGENTS_ENV_ALLOW", "['A', \"B_*\"]")
        .var("OSTLER_STORE_URL", "\"sqlite:x\"")
        .load();
    let agents = config.agents;
    assert_eq!((agents.max_tree, agents.provider.as_str()), (4, "4"));
    assert_eq!(agents.permission, Permission::ReadOnly);
    assert_eq!(agents.max_turns, Limit::Unlimited);
    assert_eq!(agents.max_cost_usd, Limit::At(1.5));
    assert_eq!(agents.env_allow, strings(&["A", "B_*"]));
    assert_eq!(config.store.url.as_deref(), Some("sqlite:x"));
}

#[test]
fn a_provider_can_be_given_piece_by_piece_in_any_order() {
    let config = Layers::new()
        .user("providers.claude.env = {A = 'file', B = 'file'}")
        .var("OSTLER_PROVIDERS_MY_BOT_COMMAND", "['bot', '-q']")
        .var("OSTLER_PROVIDERS_MY_BOT_KIND", "script")
        .var("OSTLER_PROVIDERS_CLAUDE_SETTING_SOURCES", "[]")
        .var("OSTLER_PROVIDERS_CLAUDE_ENV", "{B = 'variable'}")
        .var(
            "OSTLER_PROVIDERS_CAT",
            "{kind = 'script', command = ['cat']}",
        )
        .load();
    let script = |command: &[&str]| {
        ProviderConfig::Script(ScriptProvider {
            command: strings(command),
            input: ScriptInput::Text,
            env: BTreeMap::new(),
        })
    };
    assert_eq!(config.providers["my_bot"], script(&["bot", "-q"]));
    assert_eq!(config.providers["cat"], script(&["cat"]));
    assert_eq!(
        config.providers["claude"],
        ProviderConfig::Claude(ClaudeProvider {
            setting_sources: strings(&[]),
            env: [("A", "file"), ("B", "variable")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ..ClaudeProvider::default()
        })
    );
}

#[test]
fn a_bad_value_names_the_variable() {
    let cases = [
        (
            "100",
            "invalid value: integer `100`, expected a whole number from 1 to 64",
        ),
        (
            "many",
            "invalid type: string \"many\", expected a whole number from 1 to 64",
        ),
        (
            "true",
            "invalid type: boolean `true`, expected a whole number from 1 to 64",
        ),
    ];
    for (value, reason) in cases {
        Layers::new()
            .var("OSTLER_AGENTS_MAX_CONCURRENT", value)
            .refuses_key(
                "agents.max_concurrent",
                "the variable OSTLER_AGENTS_MAX_CONCURRENT",
                reason,
            );
    }
    Layers::new()
        .user("providers.x = {kind = 'script', command = ['x']}")
        .var("OSTLER_PROVIDERS_X_MODEL", "opus")
        .refuses_key(
            "providers.x.model",
            "the variable OSTLER_PROVIDERS_X_MODEL",
            "a `script` provider has no model",
        );
}

#[test]
fn what_is_no_setting_is_ignored_and_empty_is_unset() {
    let config = Layers::new()
        .var("OSTLER_HOME", "/x")
        .var("OSTLER_CONFIG", "/x")
        .var("OSTLER_LOG", "debug")
        .var("OSTLER_LINEAGE", "a-123456")
        .var("OSTLER_SESSION", "x")
        .var("OSTLER_SPAWN_DEPTH", "x")
        .var("OSTLER_STOREY_URL", "x")
        .var("AGENTS_MAX_TREE", "3")
        .var("PATH", "/bin")
        .var("OSTLER_AGENTS_MAX_TREE", "")
        .load();
    assert_eq!(config, Config::default());
}

#[test]
fn the_way_from_a_variable_to_its_key() {
    let cases = [
        ("OSTLER_AGENTS_MAX_TREE", Some("agents max_tree")),
        ("OSTLER_STORE_URL", Some("store url")),
        (
            "OSTLER_PROVIDERS_MY_BOT_SETTING_SOURCES",
            Some("providers my_bot setting_sources"),
        ),
        ("OSTLER_PROVIDERS_A-B_ENV", Some("providers a-b env")),
        ("OSTLER_PROVIDERS_X", Some("providers x")),
        ("OSTLER_AGENTS", None),
        ("OSTLER_LOG_FILE", None),
        ("XOSTLER_STORE_URL", None),
    ];
    for (variable, path) in cases {
        assert_eq!(
            setting_path(variable).map(|path| path.join(" ")).as_deref(),
            path
        );
    }
}
