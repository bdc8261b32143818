//! The tools that a definition gives and takes, by Claude Code's names, and what they say of agents
//! and of the permission.

use super::fields::{Names, split};
use super::frontmatter::on_one_line;
use crate::providers::ToolRules;

/// Tools with which a model changes something, or has it changed by a model that has other tools.
const ACTING: [&str; 14] = [
    "Agent",
    "Bash",
    "CronCreate",
    "Edit",
    "KillShell",
    "Monitor",
    "MultiEdit",
    "NotebookEdit",
    "PowerShell",
    "RemoteTrigger",
    "Skill",
    "Task",
    "Workflow",
    "Write",
];
pub(super) const ANY: &str = "*";

/// What the lists of tools come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tools {
    pub(super) rules: ToolRules,
    /// The definitions that `Agent(…)` names; `*` for `Agent` alone.
    pub(super) subagents: Vec<String>,
}

impl Tools {
    /// Reads the two lists; the error says what is wrong with which.
    pub(super) fn read(
        allowed: Option<&Names>,
        denied: Option<&Names>,
    ) -> Result<Self, (&'static str, String)> {
        let mut tools = Tools::default();
        if let Some(names) = allowed {
            tools.allow(names.each()).map_err(|why| ("tools", why))?;
        }
        if let Some(names) = denied {
            let denied = tools.deny(names.each());
            denied.map_err(|why| ("disallowed_tools", why))?;
        }
        Ok(tools)
    }

    fn allow(&mut self, names: Vec<String>) -> Result<(), String> {
        for name in &names {
            match parts(name)? {
                ("Agent" | "Task", Some(agents)) => self.subagents.extend(split(agents)),
                ("Agent" | "Task", None) => self.subagents.push(ANY.to_owned()),
                _ => {}
            }
        }
        if !names.iter().any(|name| name == ANY) {
            self.rules.allowed = Some(names);
        }
        Ok(())
    }

    fn deny(&mut self, names: Vec<String>) -> Result<(), String> {
        for name in names {
            match parts(&name)? {
                (ANY, None) => return Err("cannot be `*`; `tools: []` leaves no tool".to_owned()),
                ("Agent" | "Task", None) => self.subagents.clear(),
                ("Agent" | "Task", Some(agents)) => {
                    let denied = split(agents);
                    // All but some cannot be said here.
                    self.subagents
                        .retain(|agent| agent != ANY && !denied.contains(agent));
                }
                _ => {}
            }
            self.rules.denied.push(name);
        }
        Ok(())
    }
}

/// Whether `rules` leave nothing to act with. A list that rules nothing out leaves everything.
pub(super) fn only_look(rules: &ToolRules) -> bool {
    rules.allowed.as_ref().is_some_and(|allowed| {
        let mut left = allowed.iter().filter(|tool| !rules.denied.contains(tool));
        left.all(|tool| parts(tool).is_ok_and(|(tool, _)| !ACTING.contains(&tool)))
    })
}

/// `Bash(git diff)` is the tool `Bash` and the pattern `git diff`. Names become arguments of a CLI and
/// must not read as options.
fn parts(name: &str) -> Result<(&str, Option<&str>), String> {
    let wrong = || format!("holds `{}`, which is no tool", on_one_line(name, 40));
    let (tool, pattern) = match name.split_once('(') {
        Some((tool, pattern)) => (tool, Some(pattern.strip_suffix(')').ok_or_else(wrong)?)),
        None => (name, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:*".contains(c);
    let is_tool = !tool.is_empty()
        && name.len() <= 300
        && !tool.starts_with('-')
        && tool.chars().all(plain)
        && !name.chars().any(char::is_control);
    if is_tool {
        Ok((tool.trim(), pattern.map(str::trim)))
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(allowed: Option<&str>, denied: Option<&str>) -> Result<Tools, String> {
        let names = |line: Option<&str>| line.map(|line| Names::Line(line.to_owned()));
        Tools::read(names(allowed).as_ref(), names(denied).as_ref())
            .map_err(|(field, why)| format!("`{field}` {why}"))
    }

    #[test]
    fn a_list_allows_what_it_names_and_nothing_else() {
        let tools = read(Some("Read, Bash(git diff:*)"), Some("WebFetch, Bash(rm *)")).unwrap();
        let allowed = Some(vec!["Read".to_owned(), "Bash(git diff:*)".to_owned()]);
        assert_eq!(tools.rules.allowed, allowed);
        assert_eq!(tools.rules.denied, ["WebFetch", "Bash(rm *)"]);
        assert_eq!(read(None, None).unwrap(), Tools::default());
        assert_eq!(read(Some("*"), None).unwrap().rules.allowed, None);
        assert_eq!(
            read(Some(""), None).unwrap().rules.allowed,
            Some(Vec::new())
        );
    }

    #[test]
    fn agents_in_the_list_are_those_that_may_be_spawned() {
        for (allowed, denied, subagents) in [
            ("Read, Agent(a, b)", "", vec!["a", "b"]),
            ("Task(a)", "", vec!["a"]),
            ("Read, Task", "", vec!["*"]),
            ("Agent(a, b)", "Agent(b)", vec!["a"]),
            ("Agent", "Agent(b)", vec![]),
            ("Agent(a)", "Task", vec![]),
        ] {
            let found = read(Some(allowed), Some(denied)).unwrap();
            assert_eq!(found.subagents, subagents, "{allowed} without {denied}");
        }
    }

    #[test]
    fn who_has_nothing_to_act_with_only_looks() {
        for (allowed, denied, looks) in [
            (Some("Read, Grep, Glob"), None, true),
            (Some("Read, WebFetch, mcp__docs__search"), None, true),
            (Some(""), None, true),
            (Some("Read, Write"), Some("Write"), true),
            (Some("Read, Write"), None, false),
            (Some("Read, Bash(ls)"), None, false),
            (Some("Read, Task"), None, false),
            (Some("*"), None, false),
            (None, None, false),
            (None, Some("Write"), false),
        ] {
            let rules = read(allowed, denied).unwrap().rules;
            assert_eq!(only_look(&rules), looks, "{allowed:?} without {denied:?}");
        }
    }

    #[test]
    fn what_is_no_tool_is_refused() {
        for name in ["--dangerous", "a;b", "Bash(x", "(x)", "ü"] {
            let why = read(Some(name), None).unwrap_err();
            assert_eq!(why, format!("`tools` holds `{name}`, which is no tool"));
        }
        let why = read(None, Some("*")).unwrap_err();
        assert!(why.starts_with("`disallowed_tools` cannot be `*`"));
    }
}
