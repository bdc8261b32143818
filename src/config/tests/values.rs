use serde::de::{IntoDeserializer, value};

use super::*;

const HERE: &str = "~/user.toml";

#[test]
fn ranges_hold_at_both_ends() {
    let keys = [
        ("max_concurrent", 64),
        ("max_starting", 16),
        ("max_tree", 256),
        ("grace_turns", 50),
    ];
    for (key, high) in keys {
        for good in [1, high] {
            Layers::new()
                .user(&format!("[agents]\n{key} = {good}"))
                .load();
        }
        for bad in [-1, 0, high + 1, 1_i64 << 40] {
            Layers::new()
                .user(&format!("[agents]\n{key} = {bad}"))
                .refuses_key(
                    &format!("agents.{key}"),
                    HERE,
                    &format!(
                        "invalid value: integer `{bad}`, expected a whole number from 1 to {high}"
                    ),
                );
        }
    }
    Layers::new()
        .user("[agents]\ngrace_turns = 2.5")
        .refuses_key(
            "agents.grace_turns",
            HERE,
            "invalid type: floating point `2.5`, expected a whole number from 1 to 50",
        );
}

#[test]
fn a_limit_is_a_positive_number_or_unlimited() {
    let keys = [
        "max_turns",
        "max_tool_calls",
        "max_tokens",
        "max_cost_usd",
        "timeout_s",
        "idle_s",
    ];
    for key in keys {
        for good in ["1", "86400", "\"unlimited\""] {
            Layers::new()
                .user(&format!("[agents]\n{key} = {good}"))
                .load();
        }
        for bad in [
            "0", "-1", "true", "\"none\"", "\"4\"", "[]", "inf", "nan", "-0.0",
        ] {
            let layers = Layers::new().user(&format!("[agents]\n{key} = {bad}"));
            let error = layers.try_load().unwrap_err().to_string();
            assert!(error.contains(&format!("`agents.{key}` in ")), "{error}");
            assert!(error.contains("above zero, or \"unlimited\""), "{error}");
        }
    }
    let agents = Layers::new()
        .user(
            "[agents]\nmax_turns = 7\nmax_tokens = 5000000000\nmax_cost_usd = 2\n\
             timeout_s = 'unlimited'",
        )
        .load()
        .agents;
    assert_eq!(agents.max_turns.bound(), Some(7));
    assert_eq!(agents.max_tokens.bound(), Some(5_000_000_000));
    assert_eq!(agents.max_cost_usd.bound(), Some(2.0));
    assert_eq!(agents.timeout_s.bound(), None);
}

#[test]
fn a_limit_that_is_refused_says_what_would_do() {
    let cases = [
        (
            "max_turns = 0",
            "max_turns",
            "invalid value: integer `0`, expected a whole number above zero, or \"unlimited\"",
        ),
        (
            "max_turns = 2.5",
            "max_turns",
            "invalid value: floating point `2.5`, expected a whole number above zero, or \
             \"unlimited\"",
        ),
        (
            "max_cost_usd = \"lots\"",
            "max_cost_usd",
            "invalid value: string \"lots\", expected a number above zero, or \"unlimited\"",
        ),
        (
            "idle_s = 86401",
            "idle_s",
            "invalid value: integer `86401`, expected at most 86400, or \"unlimited\"",
        ),
    ];
    for (line, key, reason) in cases {
        Layers::new()
            .user(&format!("[agents]\n{line}"))
            .refuses_key(&format!("agents.{key}"), HERE, reason);
    }
}

#[test]
fn limits_are_written_as_they_are_read() {
    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    struct Both {
        number: Limit<f64>,
        word: Limit<u32>,
    }
    let both = Both {
        number: Limit::At(0.5),
        word: Limit::Unlimited,
    };
    let text = toml::to_string(&both).unwrap();
    assert_eq!(text, "number = 0.5\nword = \"unlimited\"\n");
    assert_eq!(toml::from_str::<Both>(&text).unwrap(), both);

    let from_json: value::U64Deserializer<value::Error> = 7_u64.into_deserializer();
    assert_eq!(Limit::<u32>::deserialize(from_json).unwrap(), Limit::At(7));
}

#[test]
fn the_wrong_type_names_its_path() {
    let cases = [
        (
            "agents = 3",
            "agents",
            "invalid type: integer `3`, expected a table",
        ),
        (
            "providers.x = 3",
            "providers.x",
            "invalid type: integer `3`, expected a table",
        ),
        (
            "agents.env_allow = ['A', 1]",
            "agents.env_allow[1]",
            "invalid type: integer `1`, expected a string",
        ),
        (
            "agents.permission = 'edti'",
            "agents.permission",
            "unknown variant `edti`, expected one of `read_only`, `edit`, `full`",
        ),
        (
            "providers.claude.env.A = 1",
            "providers.claude.env.A",
            "invalid type: integer `1`, expected a string",
        ),
    ];
    for (text, key, reason) in cases {
        Layers::new().user(text).refuses_key(key, HERE, reason);
    }
}

#[test]
fn inherited_variables_are_names_or_beginnings() {
    let agents = Layers::new()
        .user("[agents]\nenv_allow = ['RUSTUP_HOME', 'CARGO_*']")
        .load()
        .agents;
    assert_eq!(agents.env_allow, strings(&["RUSTUP_HOME", "CARGO_*"]));
    for bad in ["", "*", "A*B", "A=B", "A B", "A**"] {
        Layers::new()
            .user(&format!("agents.env_allow = ['{bad}']"))
            .refuses_key(
                "agents.env_allow",
                HERE,
                &format!("{bad:?} is neither a variable's name nor the start of one and `*`"),
            );
    }
}

#[test]
fn the_store_is_sqlite_or_refused_without_telling_the_password() {
    let store = Layers::new()
        .user("store.url = 'sqlite:/tmp/x.db'")
        .load()
        .store;
    assert_eq!(store.url.as_deref(), Some("sqlite:/tmp/x.db"));
    for url in ["postgres://me:secret@db/x", "postgresql://me:secret@db/x"] {
        Layers::new().var("OSTLER_STORE_URL", url).refuses_key(
            "store.url",
            "the variable OSTLER_STORE_URL",
            "a PostgreSQL store is not built yet, only `sqlite:<path>` is",
        );
    }
    for url in ["", "sqlite:", "x.db", "mysql://me:secret@db/x"] {
        Layers::new()
            .user(&format!("store.url = '{url}'"))
            .refuses_key("store.url", HERE, "expected `sqlite:<path>`");
    }
}

#[test]
fn a_service_for_embeddings_is_an_address_a_model_and_the_name_of_a_variable() {
    let both = "[memory]\nembeddings_url = 'https://x.example/v1'\nembeddings_model = 'm'";
    let memory = Layers::new().user(both).load().memory;
    assert_eq!(
        memory.embeddings_url.as_deref(),
        Some("https://x.example/v1")
    );
    assert_eq!(memory.embeddings_key, None);
    for (url, reason) in [
        ("", "expected `http://…/v1` or `https://…/v1`"),
        ("ftp://x/v1", "expected `http://…/v1` or `https://…/v1`"),
        (
            "https://me:secret@x/v1",
            "a user and a password may not stand in it; name the variable with the key in \
             `embeddings_key`",
        ),
        (
            "http://x/v1?key=secret",
            "it ends with the path, as in `http://127.0.0.1:11434/v1`",
        ),
        (
            "http:///v1",
            "expected a host, as in `http://127.0.0.1:11434/v1`",
        ),
        (
            "http://x y/v1",
            "expected a host, as in `http://127.0.0.1:11434/v1`",
        ),
    ] {
        Layers::new()
            .user(&format!("memory.embeddings_url = '{url}'"))
            .refuses_key("memory.embeddings_url", HERE, reason);
    }
    for key in ["", "sk-1234", "A B", "1A"] {
        Layers::new()
            .user(&format!("memory.embeddings_key = '{key}'"))
            .refuses_key(
                "memory.embeddings_key",
                HERE,
                "expected the name of the variable with the key, not the key",
            );
    }
    Layers::new()
        .user("memory.embeddings_model = ' '")
        .refuses_key(
            "memory.embeddings_model",
            HERE,
            "expected the name of a model",
        );
}

#[test]
fn a_service_for_embeddings_needs_a_model_from_any_layer() {
    let url = "memory.embeddings_url = 'http://x/v1'";
    Layers::new().user(url).refuses(
        "`memory.embeddings_model` is missing in ~/user.toml\n\
         Add `embeddings_model = \"nomic-embed-text\"`.",
    );
    Layers::new()
        .user(url)
        .var("OSTLER_MEMORY_EMBEDDINGS_MODEL", "m")
        .load();
}
