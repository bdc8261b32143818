//! Whole files: what is read of them, and why some are refused.

use std::path::Path;

use super::catalogue::Entry;
use super::*;

fn entry(origin: Origin, text: &str) -> Result<Definition, String> {
    let entry = Entry::read(origin, Path::new("file.md"), text).unwrap();
    entry.outcome.map_err(|flaw| flaw.to_string())
}

fn ours(front: &str) -> Result<Definition, String> {
    entry(Origin::Project, &format!("---\n{front}\n---\nDo it.\n"))
}

/// As people have them in `.claude/agents`.
const CODE_REVIEWER: &str = r#"---
name: code-reviewer
description: Expert code review specialist. Use PROACTIVELY after: writing, modifying. Examples:\n\n<example>\nuser: "review this"\n</example>
tools: Read, Grep, Glob
model: sonnet
color: purple
---

You are a senior code reviewer.

1. Run git diff
"#;

#[test]
fn a_definition_of_claude_code_is_understood_as_it_is() {
    let definition = entry(Origin::ProjectClaude, CODE_REVIEWER).unwrap();
    assert_eq!(definition.name, "code-reviewer");
    assert!(definition.description.contains("after: writing"));
    assert_eq!(definition.model, Some(Model::Own("sonnet".to_owned())));
    assert_eq!(definition.permission, Some(Permission::ReadOnly));
    let tools = ["Read", "Grep", "Glob"].map(str::to_owned).to_vec();
    assert_eq!(definition.tools.allowed, Some(tools));
    assert_eq!(
        definition.instructions,
        "You are a senior code reviewer.\n\n1. Run git diff"
    );
    assert_eq!(definition.ignored, Vec::<String>::new());
    // In a folder of ostler it is the same.
    let moved = entry(Origin::User, CODE_REVIEWER).unwrap();
    let moved = Definition {
        origin: Origin::ProjectClaude,
        ..moved
    };
    assert_eq!(moved, definition);
}

#[test]
fn every_field_of_claude_code_is_understood_or_named() {
    let definition = ours(
        "name: all\n\
         tools: [Read, 'Bash(git log:*)', 'Agent(worker, researcher)']\n\
         disallowedTools: Write\n\
         model: inherit\n\
         permissionMode: acceptEdits\n\
         maxTurns: 7\n\
         effort: high\n\
         isolation: worktree\n\
         color: red\n\
         background: true\n\
         skills: [pdf]\n\
         mcpServers:\n  - github\n\
         memory: project\n\
         initialPrompt: go\n\
         hooks:\n  PreToolUse:\n    - matcher: Bash",
    )
    .unwrap();
    assert_eq!(definition.model, None);
    assert_eq!(definition.permission, Some(Permission::Edit));
    assert_eq!(definition.budget.max_turns, Some(7));
    assert_eq!(definition.effort, Some(Effort::High));
    assert_eq!(definition.isolation, Some(Isolation::Worktree));
    assert_eq!(definition.subagents, ["worker", "researcher"]);
    assert_eq!(definition.tools.denied, ["Write"]);
    let ignored: Vec<&str> = definition
        .ignored
        .iter()
        .filter_map(|note| note.split(':').next())
        .collect();
    assert_eq!(
        ignored,
        ["skills", "mcpServers", "memory", "initialPrompt", "hooks",]
    );
}

#[test]
fn every_field_of_ours_is_read() {
    let definition = ours(
        "description: |\n  Two\n  lines\n\
         provider: codex\n\
         model:\n  codex: gpt-5.5\n\
         effort: low\n\
         permission: full\n\
         tools: [Read]\n\
         disallowed_tools: WebFetch, Write\n\
         isolation: worktree_with_changes\n\
         max_turns: 1\n\
         max_tool_calls: 2\n\
         max_tokens: 3\n\
         max_cost_usd: 0.5\n\
         timeout_s: 4\n\
         idle_s: 5\n\
         context: [git:diff]\n\
         prime: false\n\
         allowed_subagents: explore, plan\n\
         locked: model permission\n\
         workflow: tdd",
    )
    .unwrap();
    let each = BTreeMap::from([("codex".to_owned(), "gpt-5.5".to_owned())]);
    let expected = Definition {
        name: "file".to_owned(),
        description: "Two lines".to_owned(),
        origin: Origin::Project,
        path: "file.md".into(),
        provider: Some("codex".to_owned()),
        model: Some(Model::Each(each)),
        effort: Some(Effort::Low),
        permission: Some(Permission::Full),
        tools: ToolRules {
            allowed: Some(vec!["Read".to_owned()]),
            denied: vec!["WebFetch".to_owned(), "Write".to_owned()],
        },
        isolation: Some(Isolation::WorktreeWithChanges),
        budget: BudgetRequest {
            max_turns: Some(1),
            max_tool_calls: Some(2),
            max_tokens: Some(3),
            max_cost_usd: Some(0.5),
            timeout_s: Some(4),
            idle_s: Some(5),
        },
        context: vec!["git:diff".to_owned()],
        primes: false,
        subagents: vec!["explore".to_owned(), "plan".to_owned()],
        locked: vec!["model".to_owned(), "permission".to_owned()],
        workflow: Some("tdd".to_owned()),
        instructions: "Do it.".to_owned(),
        ignored: Vec::new(),
    };
    assert_eq!(definition, expected);
}

#[test]
fn tools_without_a_writing_one_say_what_the_agent_may_do_unless_that_is_said() {
    for (front, permission) in [
        ("tools: Read, Grep", Some(Permission::ReadOnly)),
        ("tools: []", Some(Permission::ReadOnly)),
        ("tools: Read\npermission: edit", Some(Permission::Edit)),
        (
            "tools: Read\npermissionMode: acceptEdits",
            Some(Permission::Edit),
        ),
        ("tools: Read, Bash", None),
        ("tools: '*'", None),
        ("description: x", None),
    ] {
        assert_eq!(ours(front).unwrap().permission, permission, "{front}");
    }
}

#[test]
fn a_broken_file_is_told_what_is_wrong_and_where() {
    for (front, told) in [
        ("x: 1", "line 2: unknown field `x`; the nearest is `"),
        ("name: a/b", "line 2: `name` must be 1 to 64 letters"),
        (
            "name: x\nmodel: --yes",
            "line 3: `model` is no model name: \"--yes\"",
        ),
        (
            "model:\n  codex: '-x'",
            "line 3: `model` is no model name: \"-x\"",
        ),
        ("max_turns: 0", "line 2: `max_turns` must be at least 1"),
        ("maxTurns: 0", "line 2: `max_turns` must be at least 1"),
        (
            "max_cost_usd: -1",
            "line 2: `max_cost_usd` must be a number above 0",
        ),
        ("max_cost_usd: .inf", "line 2: "),
        (
            "timeout_s: 100000",
            "line 2: `timeout_s` must be at most 86400",
        ),
        (
            "max_turns: unlimited",
            "line 2: `max_turns` must be a whole number",
        ),
        ("effort: extreme", "line 2: `effort` must be one of `low`"),
        (
            "isolation: container",
            "line 2: `isolation` must be one of `none`",
        ),
        (
            "permissionMode: yolo",
            "line 2: `permissionMode` must be one of",
        ),
        ("tools:", "line 2: `tools` is empty"),
        ("a: 1\ntools: --yes", "line 2: unknown field `a`"),
        (
            "tools: [--yes]",
            "line 2: `tools` holds `--yes`, which is no tool",
        ),
        (
            "locked: modle",
            "line 2: `locked` names the unknown field `modle`; the nearest is `model`",
        ),
        ("name: [", "line "),
        (
            "provider: Codex CLI",
            "line 2: `provider` names the provider \"Codex CLI\"; a",
        ),
        (
            "model:\n  'a\\n b': x",
            "line 3: `model` names the provider",
        ),
        (
            "allowed_subagents: [a/b]",
            "line 2: `allowed_subagents` must be 1 to 64 letters",
        ),
    ] {
        let error = ours(front).unwrap_err();
        assert!(error.starts_with(told), "{front}: {error}");
    }
    let role = "x".repeat(ROLE_LIMIT + 1);
    let error = entry(Origin::Project, &format!("---\n---\n{role}")).unwrap_err();
    assert_eq!(error, "the role has 65537 bytes, at most 65536 are taken");
}

#[test]
fn an_unknown_field_beside_claude_code_is_named_and_breaks_nothing() {
    let text = "---\nname: x\nallowed-tools: Read\n---\n";
    let definition = entry(Origin::UserClaude, text).unwrap();
    assert_eq!(definition.ignored, ["allowed-tools: unknown field"]);
}

/// Agents of every definition have a scope of memories.
#[test]
fn what_names_a_definition_names_a_scope() {
    let long = "x".repeat(NAME_LIMIT);
    let longer = "x".repeat(NAME_LIMIT + 1);
    for name in [
        "review",
        "a:b",
        "code review",
        "prüfer",
        "v1.2_x-y",
        &long,
        &longer,
        "",
        "a/b",
        "a\nb",
    ] {
        let scope = crate::memory::Scope::parse(&format!("agent:{name}"));
        assert_eq!(scope.is_some(), checked_name(name).is_ok(), "{name:?}");
    }
}
