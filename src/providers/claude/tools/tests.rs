use serde_json::json;

use super::*;

fn rules(allowed: Option<&[&str]>, denied: &[&str]) -> ToolRules {
    let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
    ToolRules {
        allowed: allowed.map(owned),
        denied: owned(denied),
    }
}

fn ours() -> Vec<McpServer> {
    vec![McpServer {
        name: "ostler".to_owned(),
        command: "ostler".to_owned(),
        args: vec![],
        env: Default::default(),
    }]
}

#[test]
fn the_model_is_offered_what_is_allowed_and_nothing_else() {
    let base: &[&str] = &["Read", "Bash", "Task"];
    for (allowed, denied, base, expected) in [
        (None, vec![], None, None),
        (None, vec![], Some(base), Some("Read,Bash,Task")),
        (Some(vec![]), vec![], None, Some("")),
        (
            Some(vec!["Read", "Write"]),
            vec![],
            None,
            Some("Read,Write"),
        ),
        (
            Some(vec!["Read", "Write", "Agent"]),
            vec![],
            Some(base),
            Some("Read,Agent"),
        ),
        (
            Some(vec!["Bash(git:*)", "Bash(ls)"]),
            vec![],
            None,
            Some("Bash"),
        ),
        (
            Some(vec!["Task(Explore)"]),
            vec![],
            Some(base),
            Some("Agent"),
        ),
        (
            Some(vec!["mcp__x__y", "--model", "a b", "Read"]),
            vec![],
            None,
            Some("Read"),
        ),
        (Some(vec!["*"]), vec![], Some(base), Some("Read,Bash,Task")),
        (None, vec!["*"], None, Some("")),
        (Some(vec!["Read"]), vec!["*"], Some(base), Some("")),
        (None, vec!["Bash(*)"], None, None),
    ] {
        let rules = rules(allowed.as_deref(), &denied);
        assert_eq!(offered(&rules, base).as_deref(), expected, "{rules:?}");
    }
}

#[test]
fn tools_of_our_own_server_cannot_be_withheld() {
    let denied = [
        "Bash",
        "Bash(git *)",
        "*",
        "mcp__ostler",
        "mcp__ostler__ask_parent",
        "mcp__*",
        "mcp__ost*",
        "mcp__ostler__*",
        "m*",
        "mcp__other__x",
        "--settings",
        "Write(docs",
        "mcp__ostlers",
    ];
    let rules = rules(None, &denied);
    let expected = [
        "Bash",
        "Bash(git *)",
        "mcp__other__x",
        "Write",
        "mcp__ostlers",
    ];
    assert_eq!(withheld(&rules, &ours()), expected);
}

#[test]
fn some_calls_of_a_tool_are_allowed_and_the_others_refused() {
    let rules = rules(
        Some(&[
            "Bash(git:*)",
            "Read",
            "Read(secret/**)",
            "Edit(docs/**)",
            "Edit(*.md)",
            "Write(//tmp/out/*.txt)",
            "WebFetch(domain:docs.rs)",
            "Task(Explore, Plan)",
            "Skill(review)",
            "Grep(src)",
            "TodoWrite(x)",
            "NotebookEdit(",
        ]),
        &[],
    );
    let limits = Limits::new(&rules, Path::new("/project"));
    let may = |tool: &str, input: Value| limits.refusal(tool, &input).is_none();
    let file = |path: &str| json!({ "file_path": path });
    assert!(may("Bash", json!({ "command": "git log" })));
    assert!(!may("Bash", json!({ "command": "git log; make" })));
    assert!(!may("Bash", json!({})));
    assert!(
        may("Read", file("/etc/passwd")),
        "the whole tool is allowed too"
    );
    assert!(
        may("mcp__ostler__ask_parent", json!({})),
        "no limit names it"
    );
    for path in [
        "docs/a/b.rs",
        "/project/docs/a",
        "x/README.md",
        "./docs/../docs/a",
    ] {
        assert!(may("Edit", file(path)), "{path}");
    }
    for path in [
        "src/a.rs",
        "docs/../src/a",
        "/docs/a",
        "../project2/docs/a",
        "/project/../docs/a",
    ] {
        assert!(!may("Edit", file(path)), "{path}");
    }
    assert!(may("Write", file("/tmp/out/a.txt")));
    assert!(!may("Write", file("/tmp/out/a.sh")));
    assert!(!may("Write", file("tmp/out/a.txt")));
    let url = |url: &str| json!({ "url": url });
    assert!(may("WebFetch", url("https://DOCS.rs:443/glob?x")));
    for bad in [
        "https://docs.rs.evil.org",
        "https://docs.rs@evil.org/",
        "https://evil.org\\@docs.rs",
        "docs.rs",
    ] {
        assert!(!may("WebFetch", url(bad)), "{bad}");
    }
    assert!(may("Agent", json!({ "subagent_type": "Plan" })));
    assert!(!may("Task", json!({ "subagent_type": "general-purpose" })));
    assert!(!may("Agent", json!({})));
    assert!(may("Skill", json!({ "skill": "review" })));
    assert!(may("Grep", json!({ "path": "src/a" })));
    assert!(!may("Grep", json!({})), "the whole project");
    assert!(
        !may("TodoWrite", json!({ "x": 1 })),
        "nobody knows what it means"
    );
    assert!(!may("NotebookEdit", json!({ "notebook_path": "a" })));
}

#[test]
fn a_refusal_says_what_is_allowed() {
    let rules = rules(Some(&["Bash(git:*)", "Bash(ls)"]), &[]);
    let limits = Limits::new(&rules, Path::new("/"));
    assert_eq!(
        limits
            .refusal("Bash", &json!({ "command": "make" }))
            .unwrap(),
        "This agent may call Bash only as Bash(git:*), Bash(ls). Do the work without this call."
    );
}
