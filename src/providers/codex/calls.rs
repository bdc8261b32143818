//! Tool calls: under which name, with which arguments and with what outcome they are reported.

use serde_json::{Value, json};

use super::wire::{self, Item, Status};
use crate::providers::Event;

/// The names that the model knows its tools by.
pub(super) const SHELL: &str = "exec_command";
pub(super) const PATCH: &str = "apply_patch";

/// A tool call as it began.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) input: Value,
    command: Option<String>,
    /// The files that it would write.
    pub(super) writes: Vec<String>,
}

/// A tool call as it ended.
pub(super) struct Outcome {
    pub(super) status: Status,
    exit_code: Option<i32>,
    output: String,
}

/// The tool call in `item`, if it is one.
pub(super) fn call(item: &Item) -> Option<Call> {
    let (id, name, input) = match item {
        Item::CommandExecution {
            id, command, cwd, ..
        } => {
            let line = shell_line(command);
            return Some(Call {
                id: id.clone(),
                name: SHELL.to_owned(),
                input: json!({ "command": line, "cwd": cwd }),
                command: Some(line),
                writes: Vec::new(),
            });
        }
        Item::FileChange { id, changes, .. } => {
            return Some(Call {
                id: id.clone(),
                name: PATCH.to_owned(),
                input: json!({ "changes": changes }),
                command: None,
                writes: wire::paths(changes),
            });
        }
        Item::McpToolCall {
            id,
            server,
            tool,
            arguments,
            ..
        } => (id, mcp_tool(server, tool), arguments.clone()),
        Item::WebSearch { id, query } => (id, "web_search".to_owned(), json!({ "query": query })),
        Item::ImageView { id, path } => (id, "view_image".to_owned(), json!({ "path": path })),
        Item::UserMessage { .. }
        | Item::AgentMessage { .. }
        | Item::Reasoning { .. }
        | Item::Unknown => return None,
    };
    Some(Call {
        id: id.clone(),
        name,
        input,
        command: None,
        writes: Vec::new(),
    })
}

/// How the call in `item` ended.
pub(super) fn outcome(item: Item) -> Outcome {
    let (status, exit_code, output) = match item {
        Item::CommandExecution {
            status,
            exit_code,
            aggregated_output,
            ..
        } => (status, exit_code, aggregated_output),
        Item::FileChange { status, .. } => (status, None, String::new()),
        Item::McpToolCall {
            status,
            result,
            error,
            ..
        } => {
            let output = match error.message.is_empty() {
                true => wire::plain_text(&result),
                false => error.message,
            };
            (status, None, output)
        }
        _ => (Status::Completed, None, String::new()),
    };
    Outcome {
        status,
        exit_code,
        output,
    }
}

impl Call {
    pub(super) fn started(&self) -> Event {
        Event::ToolStarted {
            id: self.id.clone(),
            name: self.name.clone(),
            input: self.input.clone(),
            command: self.command.clone(),
        }
    }

    /// The events of the end of the call.
    pub(super) fn ended(self, outcome: Outcome) -> Vec<Event> {
        let ok = outcome.status == Status::Completed;
        let written = if ok { self.writes } else { Vec::new() };
        let mut events: Vec<Event> = written
            .into_iter()
            .map(|path| Event::FileChanged { path })
            .collect();
        events.push(Event::ToolEnded {
            id: self.id,
            ok,
            exit_code: outcome.exit_code,
            output: outcome.output,
        });
        events
    }
}

/// How an MCP tool is named in reports.
pub(super) fn mcp_tool(server: &str, tool: &str) -> String {
    format!("mcp__{server}__{tool}")
}

/// The line that the model gave to the shell, out of `/bin/bash -lc 'the line'`.
pub(super) fn shell_line(command: &str) -> String {
    let line = ["-lc", "-c"].into_iter().find_map(|flag| {
        let (shell, quoted) = command.split_once(&format!(" {flag} "))?;
        if shell.contains(char::is_whitespace) {
            return None;
        }
        unquoted(quoted)
    });
    line.unwrap_or_else(|| command.to_owned())
}

/// The one word that `text` is to a POSIX shell; `None` when it is not one.
fn unquoted(text: &str) -> Option<String> {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, '\\') => word.push(chars.next()?),
            (Some('"'), '\\') => match chars.next()? {
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            (None, c) if c.is_whitespace() => return None,
            (_, c) => word.push(c),
        }
    }
    quote.is_none().then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_told_as_the_model_wrote_it() {
        for (command, line) in [
            ("/bin/bash -lc 'echo out; exit 3'", "echo out; exit 3"),
            ("/bin/bash -c ls", "ls"),
            (
                r#"/bin/zsh -lc "echo \"it's\" \$HOME \n""#,
                r#"echo "it's" $HOME \n"#,
            ),
            (r"bash -lc 'it'\''s'", "it's"),
            ("bash -lc 'a' b", "bash -lc 'a' b"),
            ("bash -lc 'open", "bash -lc 'open"),
            ("git commit -c x", "git commit -c x"),
            ("", ""),
        ] {
            assert_eq!(shell_line(command), line, "{command}");
        }
    }
}
