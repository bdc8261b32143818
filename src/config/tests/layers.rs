use super::*;

#[test]
fn nothing_at_all_is_the_default() {
    assert_eq!(Layers::new().load(), Config::default());
}

#[test]
fn the_documented_defaults() {
    let Agents {
        max_concurrent,
        max_starting,
        max_tree,
        max_depth,
        max_spawns_per_minute,
        provider,
        permission,
        isolation,
        ask,
        ask_timeout_s,
        max_turns,
        grace_turns,
        max_tool_calls,
        max_tokens,
        max_cost_usd,
        timeout_s,
        idle_s,
        start_timeout_s,
        max_retries,
        env_allow,
    } = Agents::default();
    assert_eq!((max_concurrent, max_starting, max_tree), (4, 2, 16));
    assert_eq!((max_depth, max_spawns_per_minute), (1, 30));
    assert_eq!(
        (provider.as_str(), permission, isolation),
        ("claude", Permission::Edit, Isolation::None)
    );
    assert_eq!((ask, ask_timeout_s), (Ask::Parent, 300));
    assert_eq!((max_turns, grace_turns), (Limit::At(50), 5));
    assert_eq!(
        (max_tool_calls, max_tokens),
        (Limit::At(500), Limit::Unlimited)
    );
    assert_eq!(max_cost_usd, Limit::At(5.0));
    assert_eq!((timeout_s, idle_s), (Limit::At(3600), Limit::At(900)));
    assert_eq!((start_timeout_s, max_retries), (120, 6));
    assert_eq!(env_allow, strings(&[]));
}

#[test]
fn later_wins_key_by_key() {
    let config = Layers::new()
        .user("[agents]\nmax_concurrent = 5\nmax_starting = 5\nmax_tree = 5\ngrace_turns = 6")
        .project("[agents]\nmax_concurrent = 3\nmax_starting = 3")
        .var("OSTLER_AGENTS_MAX_CONCURRENT", "9")
        .load();
    let agents = config.agents;
    assert_eq!(agents.max_concurrent, 9);
    assert_eq!(agents.max_starting, 3);
    assert_eq!((agents.max_tree, agents.grace_turns), (5, 6));
}

#[test]
fn a_bad_value_is_found_even_where_a_later_layer_hides_it() {
    Layers::new()
        .user("[agents]\nmax_concurrent = 0")
        .project("[agents]\nmax_concurrent = 7")
        .refuses_key(
            "agents.max_concurrent",
            "~/user.toml",
            "invalid value: integer `0`, expected a whole number from 1 to 64",
        );
}

#[test]
fn a_project_cannot_choose_what_is_executed() {
    for (key, text) in [
        ("providers", "[providers]"),
        ("store", "[store]"),
        ("retention", "retention.keep_days = 3650"),
        ("memory", "memory.embeddings_url = 'http://evil.example/v1'"),
        ("memory", "memory.embeddings_key = 'OPENAI_API_KEY'"),
        ("agents.permission", "agents.permission = 'full'"),
        ("agents.isolation", "agents.isolation = 'none'"),
        ("workspaces", "workspaces.hooks = false"),
        ("agents.env_allow", "agents.env_allow = ['AWS_*']"),
    ] {
        Layers::new().project(text).refuses(&format!(
            "`{key}` may not be set in ~/project/.ostler/config.toml: \
                 a cloned repository must not choose what runs here\n\
                 Move it to ~/user.toml."
        ));
    }
    Layers::new()
        .project("providers.claude.command = ['evil']")
        .try_load()
        .unwrap_err();
}

#[test]
fn a_project_lowers_limits_and_never_raises_them() {
    let agents = Layers::new()
        .user("[agents]\nmax_turns = 20\nmax_cost_usd = 2.0\nidle_s = 'unlimited'")
        .project(
            "[agents]\nmax_turns = 'unlimited'\nmax_cost_usd = 1.5\nidle_s = 60\n\
             max_concurrent = 60\nmax_tool_calls = 10\nmax_depth = 3\nmax_spawns_per_minute = 2",
        )
        .load()
        .agents;
    assert_eq!(agents.max_turns, Limit::At(20));
    assert_eq!(agents.max_cost_usd, Limit::At(1.5));
    assert_eq!(agents.idle_s, Limit::At(60));
    assert_eq!(agents.max_concurrent, 4);
    assert_eq!(agents.max_tool_calls, Limit::At(10));
    assert_eq!((agents.max_depth, agents.max_spawns_per_minute), (1, 2));
}

#[test]
fn a_file_in_the_place_of_the_ostler_folder_is_no_configuration() {
    let layers = Layers::new();
    fs::create_dir(layers.dir.path().join("project")).unwrap();
    fs::write(layers.dir.path().join("project/.ostler"), "").unwrap();
    assert_eq!(layers.load(), Config::default());
}

#[test]
fn what_is_there_and_cannot_be_read_is_an_error() {
    let layers = Layers::new();
    fs::create_dir(layers.dir.path().join("user.toml")).unwrap();
    layers.refuses(
        "cannot read ~/user.toml: it is not a regular file\n\
         Make it a readable TOML file, or remove it.",
    );

    let layers = Layers::new();
    fs::write(layers.dir.path().join("user.toml"), b"# \xff").unwrap();
    layers.refuses(
        "cannot read ~/user.toml: it is not UTF-8\n\
         Make it a readable TOML file, or remove it.",
    );

    Layers::new().user(&"#".repeat(1 << 20)).load();
    Layers::new().user(&"#".repeat((1 << 20) + 1)).refuses(
        "cannot read ~/user.toml: it is larger than 1 MiB\n\
         Make it a readable TOML file, or remove it.",
    );
}

#[test]
fn neither_a_pipe_nor_a_device_is_opened() {
    let refuse = |link: &dyn Fn(&Path)| {
        let layers = Layers::new().project("");
        let file = layers.dir.path().join("project/.ostler/config.toml");
        fs::remove_file(&file).unwrap();
        link(&file);
        layers.refuses(
            "cannot read ~/project/.ostler/config.toml: it is not a regular file\n\
             Make it a readable TOML file, or remove it.",
        );
    };
    refuse(&|file| std::os::unix::fs::symlink("/dev/zero", file).unwrap());
    refuse(&|file| assert!(Command::new("mkfifo").arg(file).status().unwrap().success()));
    let sources = Sources {
        user_file: PathBuf::from("/dev/null"),
        ..Sources::default()
    };
    assert_eq!(Config::load(&sources).unwrap(), Config::default());
}

#[test]
fn broken_toml_is_located() {
    Layers::new().user("[agents]\n\nmax_tree = = 4\n").refuses(
        "~/user.toml is not TOML, line 3: extra `=`, expected nothing\nCorrect that line.",
    );
}
