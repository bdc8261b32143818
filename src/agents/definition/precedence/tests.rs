//! Who wins: the call, the definition, its locks, the configuration.

use std::path::Path;

use super::*;
use crate::agents::definition::Origin;
use crate::agents::definition::catalogue::Entry;

fn definition(origin: Origin, front: &str) -> Definition {
    let text = format!("---\nname: d\n{front}\n---\nYou do it.\n");
    let entry = Entry::read(origin, Path::new("d.md"), &text).unwrap();
    entry.outcome.unwrap()
}

fn merged(request: SpawnRequest, origin: Origin, front: &str) -> Effective {
    let definition = definition(origin, front);
    effective(&request, Some(&definition), &Config::default()).unwrap()
}

fn asked() -> SpawnRequest {
    SpawnRequest::default()
}

fn turns(max_turns: u32) -> SpawnRequest {
    SpawnRequest {
        budget: BudgetRequest {
            max_turns: Some(max_turns),
            ..BudgetRequest::default()
        },
        ..asked()
    }
}

fn may(permission: Permission) -> SpawnRequest {
    SpawnRequest {
        permission: Some(permission),
        ..asked()
    }
}

fn of(provider: Option<&str>, model: Option<&str>) -> SpawnRequest {
    SpawnRequest {
        provider: provider.map(str::to_owned),
        model: model.map(str::to_owned),
        ..asked()
    }
}

#[test]
fn without_a_definition_the_call_stands_over_the_configuration() {
    let config = Config::default();
    let plain = effective(&asked(), None, &config).unwrap();
    assert_eq!(plain.provider, "claude");
    assert_eq!(plain.permission, Permission::Edit);
    assert_eq!(plain.budget, Budget::configured(&config.agents));
    assert_eq!((plain.agent, plain.instructions.as_str()), (None, ""));
    let called = effective(&turns(3), None, &config).unwrap();
    assert_eq!(called.budget.max_turns, Limit::At(3));
}

#[test]
fn a_definition_stands_over_the_configuration_and_the_call_over_both() {
    let front = "provider: codex\nmodel: gpt-5.5\neffort: low\npermission: read_only\n\
                 isolation: worktree\nmax_turns: 7\ntools: Read\nallowed_subagents: e\ncontext: [git:diff]";
    let defined = merged(asked(), Origin::Project, front);
    assert_eq!(defined.agent.as_deref(), Some("d"));
    assert_eq!(defined.provider, "codex");
    assert_eq!(defined.model.as_deref(), Some("gpt-5.5"));
    assert_eq!(defined.effort, Some(Effort::Low));
    assert_eq!(defined.permission, Permission::ReadOnly);
    assert_eq!(defined.isolation, Isolation::Worktree);
    assert_eq!(defined.budget.max_turns, Limit::At(7));
    assert_eq!(defined.instructions, "You do it.");
    assert_eq!(defined.tools.allowed, Some(vec!["Read".to_owned()]));
    assert_eq!(defined.subagents, ["e"]);
    assert_eq!(defined.context, ["git:diff"]);
    assert_eq!(defined.ignored, Vec::<String>::new());

    let call = SpawnRequest {
        model: Some("gpt-mini".to_owned()),
        effort: Some(Effort::Max),
        permission: Some(Permission::Full),
        isolation: Some(Isolation::None),
        context: vec!["file:a".to_owned(), "git:diff".to_owned()],
        ..turns(9)
    };
    let called = merged(call, Origin::Project, front);
    assert_eq!(called.model.as_deref(), Some("gpt-mini"));
    assert_eq!(called.effort, Some(Effort::Max));
    assert_eq!(called.permission, Permission::Full);
    assert_eq!(called.isolation, Isolation::None);
    assert_eq!(called.budget.max_turns, Limit::At(9));
    assert_eq!(called.context, ["git:diff", "file:a"]);
    assert_eq!(called.ignored, Vec::<String>::new());
}

#[test]
fn what_is_locked_a_call_does_not_change_and_is_told_so() {
    let front = "provider: codex\nmodel: m\neffort: low\npermission: edit\nisolation: worktree\n\
                 max_turns: 7\ncontext: [git:diff]\n\
                 locked: provider, model, effort, permission, isolation, max_turns, context";
    let call = SpawnRequest {
        effort: Some(Effort::Max),
        permission: Some(Permission::ReadOnly),
        isolation: Some(Isolation::None),
        context: vec!["file:a".to_owned()],
        provider: Some("claude".to_owned()),
        model: Some("opus".to_owned()),
        ..turns(3)
    };
    let held = merged(call, Origin::User, front);
    assert_eq!(held.ignored.len(), 7, "{:#?}", held.ignored);
    for field in [
        "provider",
        "model",
        "effort",
        "permission",
        "isolation",
        "max_turns",
        "context",
    ] {
        let note = format!("{field}: locked by the definition d");
        assert!(held.ignored.contains(&note), "{:#?}", held.ignored);
    }
    assert_eq!(
        Effective {
            ignored: Vec::new(),
            ..held
        },
        merged(asked(), Origin::User, front)
    );
}

#[test]
fn a_lock_that_came_with_the_project_lets_a_call_ask_for_less() {
    let front = "permission: edit\nmax_turns: 7\nisolation: none\n\
                 locked: [permission, max_turns, isolation]";
    let less = SpawnRequest {
        permission: Some(Permission::ReadOnly),
        isolation: Some(Isolation::Worktree),
        ..turns(3)
    };
    let merged_less = merged(less, Origin::Project, front);
    assert_eq!(merged_less.permission, Permission::ReadOnly);
    assert_eq!(merged_less.isolation, Isolation::Worktree);
    assert_eq!(merged_less.budget.max_turns, Limit::At(3));
    assert_eq!(merged_less.ignored, Vec::<String>::new());

    let more = SpawnRequest {
        permission: Some(Permission::Full),
        ..turns(8)
    };
    let merged_more = merged(more, Origin::Project, front);
    assert_eq!(merged_more.permission, Permission::Edit);
    assert_eq!(merged_more.budget.max_turns, Limit::At(7));
    assert_eq!(merged_more.ignored.len(), 2);
}

#[test]
fn what_came_with_the_project_raises_nothing() {
    let front = "permission: full\nmax_turns: 51\nmax_tool_calls: 501\nmax_tokens: 9\n\
                 max_cost_usd: 5.5\ntimeout_s: 3601\nidle_s: 901";
    let configured = Budget::configured(&Config::default().agents);
    for origin in [Origin::Project, Origin::ProjectClaude] {
        let held = merged(asked(), origin, front);
        assert_eq!(held.permission, Permission::Edit);
        // The configuration sets no bound to tokens.
        let expected = Budget {
            max_tokens: Limit::At(9),
            ..configured
        };
        assert_eq!(held.budget, expected);
        let named: Vec<&str> = held
            .ignored
            .iter()
            .filter_map(|note| note.split(':').next())
            .collect();
        let raised = [
            "permission",
            "max_turns",
            "max_tool_calls",
            "max_cost_usd",
            "timeout_s",
            "idle_s",
        ];
        assert_eq!(named, raised);
        assert_eq!(
            held.ignored[1],
            "max_turns: 51 goes beyond the configured 50, which a definition of the project cannot \
             do"
        );
    }
    for origin in [Origin::User, Origin::UserClaude, Origin::BuiltIn] {
        let raised = merged(asked(), origin, front);
        assert_eq!(raised.permission, Permission::Full);
        assert_eq!(raised.budget.max_turns, Limit::At(51));
        assert_eq!(raised.ignored, Vec::<String>::new());
    }
    // The session itself may.
    let called = merged(may(Permission::Full), Origin::Project, "max_turns: 5");
    assert_eq!(called.permission, Permission::Full);
}

#[test]
fn what_came_with_the_project_takes_no_tree_away() {
    use Isolation::{None as Shared, Worktree, WorktreeWithChanges};
    for (origin, front, configured, expected, ignored) in [
        (Origin::Project, "isolation: none", Worktree, Worktree, 1),
        (Origin::User, "isolation: none", Worktree, Shared, 0),
        (Origin::Project, "isolation: worktree", Shared, Worktree, 0),
        (
            Origin::Project,
            "isolation: worktree_with_changes",
            Worktree,
            WorktreeWithChanges,
            0,
        ),
        (Origin::Project, "", Worktree, Worktree, 0),
    ] {
        let definition = definition(origin, front);
        let mut merge = Merge {
            definition: Some(&definition),
            ignored: Vec::new(),
        };
        let isolation = merge.isolation(&asked(), configured);
        assert_eq!(
            (isolation, merge.ignored.len()),
            (expected, ignored),
            "{front}"
        );
    }
}

#[test]
fn a_model_belongs_to_the_provider_of_its_definition() {
    use Origin::{BuiltIn, Project, ProjectClaude, User};
    let own = "provider: codex\nmodel: gpt-5.5";
    let each = "model:\n  claude: haiku\n  codex: mini";
    let none = None;
    for (origin, front, provider, model, ignored) in [
        (Project, own, none, Some("gpt-5.5"), ""),
        (Project, own, Some("codex"), Some("gpt-5.5"), ""),
        (
            Project,
            own,
            Some("claude"),
            none,
            "model: gpt-5.5 is for the provider codex",
        ),
        (Project, "model: m1", none, Some("m1"), ""),
        (
            Project,
            "model: m1",
            Some("codex"),
            none,
            "model: m1 is for the provider claude",
        ),
        (
            User,
            "model: sonnet",
            Some("gemini"),
            none,
            "model: sonnet is for Claude Code",
        ),
        (
            User,
            "model: opus[1m]",
            Some("claude"),
            Some("opus[1m]"),
            "",
        ),
        (ProjectClaude, "model: m1", none, Some("m1"), ""),
        (
            ProjectClaude,
            "model: m1",
            Some("codex"),
            none,
            "model: m1 is for Claude Code",
        ),
        (ProjectClaude, "model: inherit", Some("codex"), none, ""),
        (BuiltIn, each, none, Some("haiku"), ""),
        (BuiltIn, each, Some("codex"), Some("mini"), ""),
        (BuiltIn, each, Some("gemini"), none, ""),
    ] {
        let merged = merged(of(provider, none), origin, front);
        assert_eq!(merged.model.as_deref(), model, "{front} of {provider:?}");
        assert_eq!(merged.ignored.concat(), ignored, "{front} of {provider:?}");
    }
    let called = merged(of(Some("claude"), Some("opus")), Project, own);
    assert_eq!(called.model.as_deref(), Some("opus"));
    assert_eq!(called.ignored, Vec::<String>::new());
    let locked = format!("{own}\nlocked: [provider]");
    let held = merged(of(Some("claude"), Some("opus")), Project, &locked);
    assert_eq!(held.model.as_deref(), Some("gpt-5.5"));
    assert_eq!(
        held.ignored,
        [
            "provider: locked by the definition d",
            "model: opus was meant for the provider claude"
        ]
    );
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let refused = |request: SpawnRequest, front: &str| {
        let definition = definition(Origin::Project, front);
        let outcome = effective(&request, Some(&definition), &Config::default());
        outcome.unwrap_err().to_string()
    };
    assert_eq!(
        refused(asked(), "workflow: tdd"),
        "the definition `d` (d.md) cannot be used: it names a `workflow`, and this version of ostler \
         cannot hold an agent to one"
    );
    assert_eq!(
        refused(asked(), "provider: gpt"),
        "the definition `d` (d.md) cannot be used: there is no provider `gpt`"
    );
    assert_eq!(
        refused(of(Some("gpt"), None), ""),
        "there is no provider `gpt`"
    );
    assert_eq!(
        refused(of(Some("gpt"), None), "locked: provider"),
        "there is no provider `gpt`"
    );
    assert_eq!(
        refused(turns(0), "max_turns: 5\nlocked: max_turns"),
        "max_turns must be at least 1; leave it out for the default"
    );
    // Another provider than the missing one will do.
    assert_eq!(
        merged(of(Some("codex"), None), Origin::Project, "provider: gpt").provider,
        "codex"
    );
}

#[test]
fn what_a_definition_says_in_vain_is_told_with_each_agent() {
    let merged = merged(asked(), Origin::ProjectClaude, "memory: user\ncolor: red");
    assert_eq!(
        merged.ignored,
        ["memory: agents keep no memory of their own"]
    );
}
