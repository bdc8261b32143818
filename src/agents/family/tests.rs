use std::path::PathBuf;

use super::*;
use crate::agents::budget::Budget;
use crate::agents::expect::Expect;
use crate::agents::lifecycle::Status;
use crate::agents::record::{Nesting, Progress};
use crate::config::{ProviderConfig, ScriptInput, ScriptProvider};
use crate::ids::{AgentId, OwnerId, RandomIds};
use crate::providers::{Conversation, Launch};

fn plan(config: &Config) -> Plan {
    Plan {
        launch: Launch {
            provider: "claude".to_owned(),
            model: None,
            permission: Permission::Edit,
            cwd: "/".into(),
            conversation: Conversation::Fresh {
                session: String::new(),
            },
            max_cost_usd: None,
            effort: None,
            instructions: String::new(),
            tools: ToolRules::default(),
        },
        budget: Budget::configured(&config.agents),
        max_tree: 4,
        agent: None,
        workspace: None,
        output_schema: None,
        expect: None,
        task: None,
        nesting: Nesting {
            max_depth: 2,
            subagents: vec!["*".to_owned()],
            max_spawns_per_minute: 7,
        },
    }
}

fn line(plan: Plan) -> Line {
    Line {
        id: AgentId::new(&RandomIds),
        parent: None,
        path: "/a-000001/".to_owned(),
        group: None,
        session: String::new(),
        label: String::new(),
        run_no: 1,
        status: Status::Running,
        reason: String::new(),
        detail: String::new(),
        owner: OwnerId::new(&RandomIds),
        plan,
        queued_ms: 0,
        started_ms: None,
        ended_ms: None,
        created_ms: 0,
        above: "/".to_owned(),
        progress: Progress::default(),
        delivered: false,
        rests_until_ms: 0,
        waiting: String::new(),
        overlaps: 0,
    }
}

fn nothing() -> Asked<'static> {
    static NONE: std::sync::LazyLock<BudgetRequest> = std::sync::LazyLock::new(Default::default);
    Asked {
        agent: None,
        permission: None,
        budget: &NONE,
    }
}

fn rules(allowed: Option<&[&str]>, denied: &[&str]) -> ToolRules {
    let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    ToolRules {
        allowed: allowed.map(texts),
        denied: texts(denied),
    }
}

#[test]
fn the_host_gives_what_the_configuration_says() {
    let config = Config::default();
    let mut child = plan(&config);
    bound(&mut child, &nothing(), None, &config).unwrap();
    assert_eq!((child.nesting.max_depth, child.max_tree), (1, 16));
    assert_eq!(child.nesting.max_spawns_per_minute, 30);
}

#[test]
fn an_agent_passes_on_its_own_bounds_whatever_its_configuration_says() {
    let mut config = Config::default();
    let parent = line(plan(&config));
    config.agents.max_depth = 8;
    config.agents.max_tree = 256;
    config.agents.max_spawns_per_minute = 1000;
    let mut child = plan(&config);
    (child.max_tree, child.nesting.max_depth) = (256, 8);
    bound(&mut child, &nothing(), Some(&parent), &config).unwrap();
    assert_eq!((child.nesting.max_depth, child.max_tree), (2, 4));
    assert_eq!(child.nesting.max_spawns_per_minute, 7);
}

#[test]
fn depth_and_the_names_of_definitions_decide_who_spawns() {
    let config = Config::default();
    let spawns = |path: &str, max_depth, subagents: &[&str], asked: Option<&str>| {
        let mut parent = line(plan(&config));
        parent.path = path.to_owned();
        parent.plan.nesting.max_depth = max_depth;
        parent.plan.nesting.subagents = subagents.iter().map(|it| (*it).to_owned()).collect();
        let asked = Asked {
            agent: asked,
            ..nothing()
        };
        let bound = bound(&mut plan(&config), &asked, Some(&parent), &config);
        assert!(may_spawn(&parent) || bound.is_err());
        bound.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(spawns("/a-1/", 2, &["*"], None), Ok(()));
    assert_eq!(spawns("/a-1/", 2, &["*"], Some("any")), Ok(()));
    assert_eq!(spawns("/a-1/", 2, &["review"], Some("review")), Ok(()));
    for refused in [
        spawns("/a-1/", 1, &["*"], None),
        spawns("/a-1/a-2/", 2, &["*"], None),
        spawns("/a-1/", 2, &[], None),
        spawns("/a-1/", 2, &["review"], None),
        spawns("/a-1/", 2, &["review"], Some("general")),
    ] {
        assert!(refused.is_err());
    }
}

#[test]
fn a_permission_above_the_parents_is_refused_and_a_default_cut_down() {
    let config = Config::default();
    let mut parent = line(plan(&config));
    parent.plan.launch.permission = Permission::ReadOnly;
    let mut child = plan(&config);
    bound(&mut child, &nothing(), Some(&parent), &config).unwrap();
    assert_eq!(child.launch.permission, Permission::ReadOnly);
    let asked = Asked {
        permission: Some(Permission::Edit),
        ..nothing()
    };
    // It was asked for in vain where the definition has decided otherwise.
    let mut locked = plan(&config);
    locked.launch.permission = Permission::Full;
    bound(&mut locked, &asked, Some(&parent), &config).unwrap();
    assert_eq!(locked.launch.permission, Permission::ReadOnly);
    let refused = bound(&mut plan(&config), &asked, Some(&parent), &config).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`permission` edit is more than this agent has itself (read_only)"
    );
}

#[test]
fn limits_above_the_parents_are_refused_and_defaults_cut_down() {
    let config = Config::default();
    let mut parent = line(plan(&config));
    parent.plan.budget.max_turns = Limit::At(3);
    let mut child = plan(&config);
    child.budget.timeout_s = Limit::Unlimited;
    bound(&mut child, &nothing(), Some(&parent), &config).unwrap();
    assert_eq!(child.budget.max_turns, Limit::At(3));
    assert_eq!(child.budget.timeout_s, parent.plan.budget.timeout_s);
    let request = BudgetRequest {
        max_turns: Some(4),
        ..BudgetRequest::default()
    };
    let asked = Asked {
        budget: &request,
        ..nothing()
    };
    let mut child = plan(&config);
    child.budget = child.budget.with(&request).unwrap();
    let refused = bound(&mut child, &asked, Some(&parent), &config).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`max_turns` 4 is more than this agent has itself (3)"
    );
}

#[test]
fn a_directory_outside_is_refused_also_through_a_link() {
    let config = Config::default();
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    let (own, other) = (top.join("own"), top.join("own-not"));
    std::fs::create_dir_all(own.join("below")).unwrap();
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(&other, own.join("link")).unwrap();
    let mut parent = line(plan(&config));
    parent.plan.launch.cwd = own.clone();
    let goes = |cwd: PathBuf| {
        let mut child = plan(&config);
        child.launch.cwd = cwd;
        bound(&mut child, &nothing(), Some(&parent), &config).is_ok()
    };
    assert!(goes(own.clone()));
    assert!(goes(own.join("below")));
    assert!(!goes(other));
    assert!(!goes(own.join("link")));
    assert!(!goes(top));
}

#[test]
fn a_command_to_be_run_by_us_needs_the_full_permission() {
    let config = Config::default();
    let goes = |permission| {
        let mut parent = line(plan(&config));
        parent.plan.launch.permission = permission;
        let mut child = plan(&config);
        child.expect = Some(Expect {
            command: Some("true".to_owned()),
            ..Expect::default()
        });
        bound(&mut child, &nothing(), Some(&parent), &config).is_ok()
    };
    assert!(goes(Permission::Full));
    assert!(!goes(Permission::Edit));
}

#[test]
fn a_provider_that_holds_less_is_refused() {
    let mut config = Config::default();
    let script = ScriptProvider {
        command: vec!["cat".to_owned()],
        input: ScriptInput::Text,
        env: std::collections::BTreeMap::new(),
    };
    let script = ProviderConfig::Script(script);
    config.providers.insert("script".to_owned(), script);
    let goes = |permission, tools, provider: &str| {
        let mut parent = line(plan(&config));
        parent.plan.launch.permission = permission;
        parent.plan.launch.tools = tools;
        let mut child = plan(&config);
        child.launch.provider = provider.to_owned();
        bound(&mut child, &nothing(), Some(&parent), &config).is_ok()
    };
    let reading = || rules(Some(&["Read"]), &[]);
    assert!(goes(Permission::Edit, ToolRules::default(), "gemini"));
    assert!(!goes(Permission::Edit, ToolRules::default(), "script"));
    assert!(goes(Permission::Full, ToolRules::default(), "script"));
    assert!(goes(Permission::Edit, reading(), "claude"));
    assert!(!goes(Permission::Full, reading(), "gemini"));
}

#[test]
fn tools_are_what_both_allow_and_neither_denies() {
    for (own, above, both) in [
        (rules(None, &[]), rules(None, &[]), rules(None, &[])),
        (
            rules(None, &["Bash"]),
            rules(Some(&["Read"]), &["Write"]),
            rules(Some(&["Read"]), &["Write", "Bash"]),
        ),
        (
            rules(Some(&["Read", "Edit"]), &[]),
            rules(Some(&["Read", "Bash"]), &[]),
            rules(Some(&["Read"]), &[]),
        ),
        (
            rules(Some(&["Bash"]), &[]),
            rules(Some(&["Bash(git *)"]), &[]),
            rules(Some(&["Bash(git *)"]), &[]),
        ),
        (
            rules(Some(&["Bash(git *)"]), &[]),
            rules(Some(&["Bash"]), &[]),
            rules(Some(&["Bash(git *)"]), &[]),
        ),
        (
            rules(Some(&["*"]), &[]),
            rules(Some(&["Read"]), &[]),
            rules(Some(&["Read"]), &[]),
        ),
        (
            rules(Some(&["Read"]), &[]),
            rules(Some(&["*"]), &["Bash"]),
            rules(Some(&["Read"]), &["Bash"]),
        ),
    ] {
        assert_eq!(narrowed(&own, &above), both, "{own:?} under {above:?}");
    }
}
