//! Which of its tools a child has, in the CLI's own words: a name (`Read`), some calls of a tool
//! (`Bash(git:*)`), a tool of an MCP server (`mcp__x__y`, of which a child has ours and no others).
//!
//! Names are withheld by the CLI, so that its model never hears of them. So are denied calls. That
//! *only* some calls of a tool are allowed is nothing that the CLI knows: its own lists add to what
//! is allowed and take nothing away. That is held here, before each call, and what cannot be read is
//! refused.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::shell;
use crate::providers::{McpServer, ToolRules};

/// An entry of a list.
struct Rule<'a> {
    tool: &'a str,
    /// What the calls have to look like; `None` for all calls.
    calls: Option<&'a str>,
}

impl<'a> Rule<'a> {
    fn parse(entry: &'a str) -> Self {
        let entry = entry.trim();
        let (tool, calls) = match entry.split_once('(') {
            // An entry that is never closed stands for no call.
            Some((tool, calls)) => (tool, Some(calls.strip_suffix(')').unwrap_or_default())),
            None => (entry, None),
        };
        Self {
            tool: name(tool.trim()),
            calls: calls.filter(|calls| *calls != "*"),
        }
    }
}

/// The name of a tool in the request to the model; the CLI knows one by two names.
fn name(tool: &str) -> &str {
    match tool {
        "Task" => "Agent",
        other => other,
    }
}

/// The tools that the model is offered of those in `base`, or of all: the value of `--tools`. `None`
/// leaves it to the CLI.
pub(super) fn offered(rules: &ToolRules, base: Option<&[&str]>) -> Option<String> {
    let all_denied = rules
        .denied
        .iter()
        .any(|entry| entry.trim().starts_with('*'));
    if all_denied {
        return Some(String::new());
    }
    let Some(allowed) = rules.only() else {
        return base.map(|base| base.join(","));
    };
    let in_base = |tool: &str| base.is_none_or(|base| base.iter().any(|known| name(known) == tool));
    let mut offered: Vec<&str> = Vec::new();
    for entry in allowed {
        let tool = Rule::parse(entry).tool;
        // Whatever else stands there is no tool of the CLI, and must not be taken for an option.
        let is_name = !tool.is_empty() && tool.chars().all(|c| c.is_ascii_alphanumeric());
        if is_name && in_base(tool) && !offered.contains(&tool) {
            offered.push(tool);
        }
    }
    Some(offered.join(","))
}

/// What the CLI is told to withhold beside what no child has. Tools of our own servers stay.
pub(super) fn withheld<'a>(rules: &'a ToolRules, servers: &[McpServer]) -> Vec<&'a str> {
    let entries = rules.denied.iter().map(|entry| closed(entry.trim()));
    entries
        .filter(|entry| entry.starts_with(|c: char| c.is_ascii_alphabetic()))
        .filter(|entry| !servers.iter().any(|server| is_of(entry, server)))
        .collect()
}

/// An entry that is never closed is none to the CLI. It is taken for the whole tool.
fn closed(entry: &str) -> &str {
    match entry.split_once('(') {
        Some((tool, calls)) if !calls.ends_with(')') => tool.trim(),
        _ => entry,
    }
}

/// Whether an entry means tools of that server.
fn is_of(entry: &str, server: &McpServer) -> bool {
    let tool = Rule::parse(entry).tool;
    let tools = format!("mcp__{}__", server.name);
    match tool.split_once('*') {
        Some((beginning, _)) => tools.starts_with(beginning) || beginning.starts_with(&tools),
        None => tools.strip_suffix("__") == Some(tool) || tool.starts_with(&tools),
    }
}

/// Tools of which only some calls are allowed.
pub(super) struct Limits {
    cwd: PathBuf,
    /// The tool, and what a call may look like.
    some: Vec<(String, Vec<String>)>,
}

impl Limits {
    pub(super) fn new(rules: &ToolRules, cwd: &Path) -> Self {
        let mut some: Vec<(String, Vec<String>)> = Vec::new();
        let entries = rules.only().into_iter().flatten();
        let entries: Vec<Rule<'_>> = entries.map(|entry| Rule::parse(entry)).collect();
        for rule in &entries {
            let whole = |other: &&Rule<'_>| other.tool == rule.tool && other.calls.is_none();
            let Some(calls) = rule.calls.filter(|_| !entries.iter().any(|o| whole(&o))) else {
                continue;
            };
            match some.iter_mut().find(|(tool, _)| tool == rule.tool) {
                Some((_, all)) => all.push(calls.to_owned()),
                None => some.push((rule.tool.to_owned(), vec![calls.to_owned()])),
            }
        }
        Self {
            cwd: cwd.to_owned(),
            some,
        }
    }

    /// Why a call may not be made; `None` when the limits have nothing against it.
    pub(super) fn refusal(&self, tool: &str, input: &Value) -> Option<String> {
        let tool = name(tool);
        let (_, allowed) = self.some.iter().find(|(limited, _)| limited == tool)?;
        if self.fits(tool, allowed, input) {
            return None;
        }
        let allowed: Vec<String> = allowed
            .iter()
            .map(|calls| format!("{tool}({calls})"))
            .collect();
        Some(format!(
            "This agent may call {tool} only as {}. Do the work without this call.",
            allowed.join(", ")
        ))
    }

    fn fits(&self, tool: &str, allowed: &[String], input: &Value) -> bool {
        let field = |name: &str| input.get(name).and_then(Value::as_str);
        match tool {
            "Bash" => field("command").is_some_and(|line| shell::fits(line, allowed)),
            "Agent" => field("subagent_type").is_some_and(|kind| {
                let mut kinds = allowed.iter().flat_map(|list| list.split(','));
                kinds.any(|allowed| allowed.trim() == kind)
            }),
            "Skill" => field("skill").is_some_and(|skill| allowed.iter().any(|a| a == skill)),
            "WebFetch" => field("url").and_then(host).is_some_and(|host| {
                let mut domains = allowed.iter().filter_map(|a| a.strip_prefix("domain:"));
                domains.any(|domain| shell::is_like(&host, &domain.to_ascii_lowercase()))
            }),
            "Read" | "Edit" | "Write" => self.is_at(field("file_path"), allowed),
            "NotebookEdit" => self.is_at(field("notebook_path"), allowed),
            "Glob" | "Grep" => self.is_at(field("path").or(Some(".")), allowed),
            _ => false,
        }
    }

    /// Whether the path, as it is written, is one of those that the patterns mean: relative to the
    /// working directory, or with `//` before it to the root.
    fn is_at(&self, path: Option<&str>, allowed: &[String]) -> bool {
        let Some(path) = path.and_then(|path| plain(&self.cwd.join(path))) else {
            return false;
        };
        let mut patterns = allowed.iter().filter(|pattern| !pattern.is_empty());
        patterns.any(|pattern| {
            if let Some(rooted) = pattern.strip_prefix("//") {
                return is_below(&path, &segments(rooted));
            }
            let inside = plain(&self.cwd).and_then(|cwd| {
                let inside = path.strip_prefix(cwd.as_slice())?;
                Some(inside.to_vec())
            });
            let beginning = pattern.trim_start_matches("./").trim_start_matches('/');
            let mut wanted = segments(beginning);
            // One name means a file or folder of that name wherever it stands.
            if wanted.len() == 1 && !pattern.starts_with(['/', '.']) {
                wanted.insert(0, "**");
            }
            inside.is_some_and(|path| is_below(&path, &wanted))
        })
    }
}

/// The segments of an absolute path without `.` and `..`.
fn plain(path: &Path) -> Option<Vec<String>> {
    let mut plain = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(segment) => plain.push(segment.to_str()?.to_owned()),
            Component::ParentDir => {
                plain.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(plain)
}

fn segments(pattern: &str) -> Vec<&str> {
    pattern
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect()
}

/// Whether a path is what the pattern names, or stands below that.
fn is_below(path: &[String], pattern: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, _) => true,
        (Some((&"**", rest)), None) => is_below(path, rest),
        (Some((&"**", rest)), Some((_, deeper))) => {
            is_below(path, rest) || is_below(deeper, pattern)
        }
        (Some((first, rest)), Some((segment, deeper))) => {
            shell::is_like(segment, first) && is_below(deeper, rest)
        }
        (Some(_), None) => false,
    }
}

/// The host of a URL, without port and in lower case.
fn host(url: &str) -> Option<String> {
    // A browser reads a backslash as the end of the host, others do not.
    let rest = url.split_once("://").filter(|_| !url.contains('\\'))?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    Some(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
