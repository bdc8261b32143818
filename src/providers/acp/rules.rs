//! The rules that hold a permission, and limits on tools, in the program itself. Limits take away
//! and never grant: what they leave is decided by the permission as before.
//!
//! Tools are named as the program names them, or as Claude Code does, whose names most agent
//! definitions use.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::config::Permission;
use crate::providers::{McpServer, ToolRules};

/// What a Gemini may do unasked when it only reads.
const GEMINI_LOOKS: &[&str] = &[
    "glob",
    "grep_search",
    "list_directory",
    "read_file",
    "read_many_files",
    "google_web_search",
    "list_mcp_resources",
    "read_mcp_resource",
    "update_topic",
    "write_todos",
];
/// What it may do beyond that when it edits.
const GEMINI_EDITS: &[&str] = &["replace", "write_file"];

/// The priorities of rules; the highest that matches a call decides.
const GENERAL: u16 = 1;
const SINGLE: u16 = 2;
const ONLY: u16 = 3;
const ALLOWED: u16 = 4;
const DENIED: u16 = 5;
const OURS: u16 = 6;

/// The rules of a Gemini; `None` when its mode says it all. They stand above what the user's own
/// rules allow. A tool that is denied whatever it is called with is not offered to the model.
pub(super) fn gemini(
    permission: Permission,
    tools: &ToolRules,
    servers: &[McpServer],
) -> Option<String> {
    let mut rules = String::new();
    if permission == Permission::ReadOnly {
        // Everything has to be asked for but looking. Shell commands that the program knows to be
        // harmless run all the same.
        rule(&mut rules, &["*"], "ask_user", GENERAL);
        rule(&mut rules, GEMINI_LOOKS, "allow", SINGLE);
    }
    if let Some(only) = tools.only() {
        rule(&mut rules, &["*"], "deny", ONLY);
        for entry in only.iter().filter(|entry| !entry.contains('(')) {
            for tool in gemini_names(entry) {
                let looks = GEMINI_LOOKS.contains(&tool.as_str());
                let edits = GEMINI_EDITS.contains(&tool.as_str());
                let unasked = match permission {
                    Permission::ReadOnly => looks,
                    Permission::Edit => looks || edits,
                    Permission::Full => true,
                };
                let decision = if unasked { "allow" } else { "ask_user" };
                rule(&mut rules, &[&tool], decision, ALLOWED);
            }
        }
    }
    for entry in &tools.denied {
        // The program cannot tell some calls of a tool from others as the entry does.
        for tool in gemini_names(name(entry)) {
            rule(&mut rules, &[&tool], "deny", DENIED);
        }
    }
    if !tools.is_empty() {
        for server in servers {
            let ours = format!("mcp_{}_*", server.name);
            rule(&mut rules, &[&ours], "allow", OURS);
        }
    }
    (!rules.is_empty()).then_some(rules)
}

fn rule(rules: &mut String, tools: &[&str], decision: &str, priority: u16) {
    let tools = json!(tools);
    let _ = write!(
        rules,
        "[[rule]]\ntoolName = {tools}\ndecision = \"{decision}\"\npriority = {priority}\n\n"
    );
}

/// What an entry is called in rules; nothing for what no tool is called.
fn gemini_names(entry: &str) -> Vec<String> {
    let names: &[&str] = match entry.trim() {
        "Read" => &["read_file", "read_many_files"],
        "Grep" => &["grep_search"],
        "Glob" => &["glob"],
        "LS" => &["list_directory"],
        "Bash" => &[
            "run_shell_command",
            "list_background_processes",
            "read_background_output",
        ],
        "Edit" | "MultiEdit" => &["replace"],
        "Write" => &["write_file"],
        "WebFetch" => &["web_fetch"],
        "WebSearch" => &["google_web_search"],
        "TodoWrite" => &["write_todos"],
        "Task" | "Agent" => &["invoke_agent"],
        "Skill" => &["activate_skill"],
        other => &[other],
    };
    // Anything else could end the string that it stands in.
    let is_name = |name: &&&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-*".contains(c);
        !name.is_empty() && name.chars().all(plain)
    };
    let names = names.iter().filter(is_name);
    names.map(|name| (*name).to_owned()).collect()
}

/// The tool of an entry such as `Bash(git:*)`.
fn name(entry: &str) -> &str {
    entry.split('(').next().unwrap_or_default().trim()
}

/// The rules of an opencode. The last rule that matches a call decides, so the general ones come
/// first. A tool that is denied whatever it is called with is not offered to the model.
pub(super) fn opencode(permission: Permission, tools: &ToolRules, servers: &[McpServer]) -> Value {
    let mut rules = opencode_permission(permission);
    if !tools.is_empty() {
        limit(&mut rules, tools);
    }
    for server in servers {
        let ours = format!("{}_*", server.name);
        // Behind all others, also where one of them had the same name.
        rules.shift_remove(&ours);
        rules.insert(ours, "allow".into());
    }
    Value::Object(rules)
}

fn opencode_permission(permission: Permission) -> Map<String, Value> {
    let secrets =
        json!({ "*": "allow", "*.env": "ask", "*.env.*": "ask", "*.env.example": "allow" });
    let mut rules = Map::new();
    let mut rule = |name: &str, value: Value| rules.insert(name.to_owned(), value);
    match permission {
        Permission::Full => {
            rule("*", "allow".into());
            rule("external_directory", "allow".into());
            rule("doom_loop", "allow".into());
        }
        Permission::ReadOnly | Permission::Edit => {
            rule("*", "ask".into());
            rule("read", secrets);
            for tool in ["glob", "grep", "list", "lsp", "skill", "todowrite"] {
                rule(tool, "allow".into());
            }
            rule("external_directory", "ask".into());
            // What its sub-agents ask for reaches nobody, and nothing of this binds them.
            rule("task", "deny".into());
            if permission == Permission::Edit {
                rule("edit", "allow".into());
            }
        }
    }
    // Nobody is there to answer it.
    rule("question", "deny".into());
    rules
}

/// Rules that are about no tool.
const OPENCODE_BESIDE: [&str; 2] = ["external_directory", "doom_loop"];

fn limit(rules: &mut Map<String, Value>, tools: &ToolRules) {
    let general = rules.get("*").cloned().unwrap_or_else(|| "deny".into());
    // The limits do not bind its sub-agents.
    rules.insert("task".to_owned(), "deny".into());
    if let Some(only) = tools.only() {
        let before = std::mem::take(rules);
        rules.insert("*".to_owned(), "deny".into());
        // A star could mean more than tools that one may have.
        for entry in only
            .iter()
            .filter(|entry| !name(entry).contains(['*', '?']))
        {
            let tool = opencode_name(name(entry));
            let decision = before.get(&tool).unwrap_or(&general).clone();
            match (calls(entry), tool.as_str()) {
                (None, _) => {
                    rules.insert(tool, decision);
                }
                (Some(calls), "bash") if !is_whole(rules, "bash") => {
                    add_calls(rules, &"deny".into(), calls, &decision);
                }
                // The program knows no such calls of other tools.
                (Some(_), _) => {}
            }
        }
        for beside in OPENCODE_BESIDE {
            let decision = before.get(beside).unwrap_or(&general).clone();
            rules.insert(beside.to_owned(), decision);
        }
    }
    for entry in &tools.denied {
        let tool = opencode_name(name(entry));
        match (calls(entry), tool.as_str()) {
            (Some(calls), "bash") => {
                let otherwise = rules.get("bash").or(rules.get("*"));
                let otherwise = otherwise.cloned().unwrap_or_else(|| "deny".into());
                add_calls(rules, &otherwise, calls, &"deny".into());
            }
            (_, "*") => {
                rules.retain(|rule, _| OPENCODE_BESIDE.contains(&rule.as_str()));
                rules.insert("*".to_owned(), "deny".into());
            }
            _ => {
                // Behind the others, for it may have a star.
                rules.shift_remove(&tool);
                rules.insert(tool, "deny".into());
            }
        }
    }
}

/// Whether all calls of a tool have one rule.
fn is_whole(rules: &Map<String, Value>, tool: &str) -> bool {
    rules.get(tool).is_some_and(Value::is_string)
}

/// A rule for some commands of the shell; `otherwise` is that of the others where there is none yet.
fn add_calls(rules: &mut Map<String, Value>, otherwise: &Value, calls: &str, decision: &Value) {
    let bash = rules.entry("bash").or_insert(Value::Null);
    if !bash.is_object() {
        *bash = json!({ "*": otherwise });
    }
    let Some(bash) = bash.as_object_mut() else {
        return;
    };
    let beginning = calls.strip_suffix(":*").or(calls.strip_suffix(" *"));
    let patterns = match beginning {
        Some(beginning) => vec![beginning.to_owned(), format!("{beginning} *")],
        None => vec![calls.to_owned()],
    };
    for pattern in patterns {
        bash.shift_remove(&pattern);
        bash.insert(pattern, decision.clone());
    }
}

/// What the calls of an entry look like; `None` when it means all of them.
fn calls(entry: &str) -> Option<&str> {
    let (_, calls) = entry.split_once('(')?;
    let calls = calls.trim().strip_suffix(')').unwrap_or_default();
    (calls != "*").then_some(calls)
}

/// The name of the rule that binds a tool: those that write files share one.
fn opencode_name(tool: &str) -> String {
    let tool = tool.trim().to_ascii_lowercase();
    match tool.as_str() {
        "write" | "multiedit" | "patch" | "apply_patch" | "notebookedit" => "edit".to_owned(),
        "agent" => "task".to_owned(),
        "ls" => "list".to_owned(),
        _ => tool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(allowed: Option<&[&str]>, denied: &[&str]) -> ToolRules {
        let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
        ToolRules {
            allowed: allowed.map(owned),
            denied: owned(denied),
        }
    }

    fn ours() -> Vec<McpServer> {
        vec![McpServer {
            name: "ours".to_owned(),
            command: "x".to_owned(),
            args: vec![],
            env: Default::default(),
        }]
    }

    /// The decision about a tool, as the program finds it.
    fn decided(rules: &str, tool: &str) -> Option<String> {
        let table: toml::Table = rules.parse().unwrap();
        let rules = table["rule"].as_array().unwrap();
        let matching = rules.iter().filter(|rule| {
            rule["toolName"].as_array().unwrap().iter().any(|name| {
                let name = name.as_str().unwrap();
                name == tool || name.strip_suffix('*').is_some_and(|n| tool.starts_with(n))
            })
        });
        let decides = matching.max_by_key(|rule| rule["priority"].as_integer())?;
        Some(decides["decision"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_gemini_without_limits_is_held_by_its_mode_unless_it_reads() {
        let none = limits(None, &[]);
        assert_eq!(gemini(Permission::Edit, &none, &ours()), None);
        let rules = gemini(Permission::ReadOnly, &none, &[]).unwrap();
        assert_eq!(decided(&rules, "read_file").unwrap(), "allow");
        assert_eq!(decided(&rules, "run_shell_command").unwrap(), "ask_user");
    }

    #[test]
    fn limits_of_a_gemini_take_away_and_grant_nothing() {
        let allowed = ["Read", "Bash", "write_file", "web\"_fetch", "Edit(x)"];
        for (permission, shell, write) in [
            (Permission::ReadOnly, "ask_user", "ask_user"),
            (Permission::Edit, "ask_user", "allow"),
            (Permission::Full, "allow", "allow"),
        ] {
            let rules = gemini(permission, &limits(Some(&allowed), &[]), &ours()).unwrap();
            for (tool, decision) in [
                ("read_file", "allow"),
                ("run_shell_command", shell),
                ("write_file", write),
                ("replace", "deny"),
                ("invoke_agent", "deny"),
                ("a_new_tool", "deny"),
                ("mcp_ours_ask_parent", "allow"),
                ("mcp_theirs_x", "deny"),
            ] {
                assert_eq!(
                    decided(&rules, tool).unwrap(),
                    decision,
                    "{permission:?} {tool}"
                );
            }
        }
        let rules = gemini(
            Permission::Full,
            &limits(None, &["Bash(git:*)", "*fetch"]),
            &[],
        );
        let rules = rules.unwrap();
        assert_eq!(decided(&rules, "run_shell_command").unwrap(), "deny");
        assert_eq!(decided(&rules, "glob"), None, "as its mode decides");
        let rules = gemini(Permission::Full, &limits(Some(&[]), &["*"]), &ours()).unwrap();
        assert_eq!(decided(&rules, "mcp_ours_ask_parent").unwrap(), "allow");
        assert_eq!(decided(&rules, "glob").unwrap(), "deny");
    }

    #[test]
    fn a_reading_opencode_has_to_ask_for_all_that_is_not_looking() {
        let none = limits(None, &[]);
        let rules = opencode(Permission::ReadOnly, &none, &[]);
        assert_eq!(rules["*"], "ask");
        for tool in ["edit", "bash", "webfetch"] {
            assert_eq!(rules[tool], Value::Null, "{tool}");
        }
        assert_eq!(opencode(Permission::Full, &none, &[])["*"], "allow");
    }

    #[test]
    fn limits_of_an_opencode_take_away_and_grant_nothing() {
        let allowed = limits(
            Some(&["Read", "Write", "Bash(git:*)", "webfetch", "Agent", "t*"]),
            &[],
        );
        let rules = opencode(Permission::Edit, &allowed, &ours());
        let first = rules.as_object().unwrap().iter().next().unwrap();
        assert_eq!(first, (&"*".to_owned(), &json!("deny")));
        assert_eq!(rules["read"]["*.env"], "ask");
        assert_eq!(rules["edit"], "allow");
        assert_eq!(
            rules["bash"],
            json!({ "*": "deny", "git": "ask", "git *": "ask" })
        );
        assert_eq!(rules["webfetch"], "ask");
        assert_eq!(rules["task"], "deny");
        assert_eq!(rules["external_directory"], "ask");
        assert_eq!((rules.get("grep"), rules.get("t*")), (None, None));
        assert_eq!(rules["ours_*"], "allow");

        let rules = opencode(Permission::ReadOnly, &limits(Some(&["Write"]), &[]), &[]);
        assert_eq!(rules["edit"], "ask", "what reads does not write");

        let denied = limits(
            None,
            &["Bash(rm *)", "WebFetch", "Grep(x)", "ours_ask", "mcp*"],
        );
        let rules = opencode(Permission::Full, &denied, &ours());
        assert_eq!(rules["*"], "allow");
        assert_eq!(
            rules["bash"],
            json!({ "*": "allow", "rm": "deny", "rm *": "deny" })
        );
        assert_eq!(
            (&rules["webfetch"], &rules["grep"]),
            (&json!("deny"), &json!("deny"))
        );
        assert_eq!(rules["task"], "deny");
        let last = rules.as_object().unwrap().iter().next_back().unwrap();
        assert_eq!(last, (&"ours_*".to_owned(), &json!("allow")));

        let both = limits(Some(&["Bash(git:*)"]), &["Bash(git push:*)", "Bash(git)"]);
        let rules = opencode(Permission::Full, &both, &[]);
        let order: Vec<_> = rules["bash"].as_object().unwrap().iter().collect();
        assert_eq!(order[0], (&"*".to_owned(), &json!("deny")));
        assert_eq!(rules["bash"]["git *"], "allow");
        assert_eq!(rules["bash"]["git push *"], "deny");
        assert_eq!(order.last().unwrap().0, "git");

        let nothing = opencode(Permission::Full, &limits(None, &["*"]), &ours());
        assert_eq!(nothing["*"], "deny");
        assert_eq!(nothing["ours_*"], "allow");
        assert_eq!(nothing.get("bash"), None);
    }

    #[test]
    fn a_star_among_the_allowed_allows_all() {
        let all = limits(Some(&["*"]), &[]);
        assert_eq!(gemini(Permission::Full, &all, &[]), None);
        assert_eq!(opencode(Permission::Full, &all, &[])["*"], "allow");
    }
}
