//! The tool calls of an agent, from whatever tells of them first: an update, or a request for
//! permission. A call is reported once it is known what it is to do, and ends once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::quirks::{Quirks, ToolName};
use super::wire::{call_text, list, text};
use crate::providers::{Event, McpServer, Reach, clip};

/// Calls that are kept at once; an agent with more of them open is not to be believed.
const OPEN_LIMIT: usize = 1024;
/// Files noted for one call.
const FILES_LIMIT: usize = 256;
/// Longest title taken for a name.
const NAME_LIMIT: usize = 80;

/// The calls that have not ended.
pub(super) struct Calls {
    quirks: &'static Quirks,
    /// Tools that begin like this are of servers that we gave the agent.
    own: Vec<String>,
    open: BTreeMap<String, Call>,
}

#[derive(Default)]
struct Call {
    name: String,
    kind: String,
    title: String,
    input: Value,
    files: Vec<String>,
    output: String,
    reported: bool,
    /// We refused it; some agents say no more of it.
    refused: bool,
}

/// What is asked about a call.
pub(super) struct Asked {
    pub(super) call: String,
    pub(super) tool: String,
    pub(super) input: Value,
    pub(super) reach: Reach,
    pub(super) files: Vec<String>,
    /// It is a tool of a server that we gave the agent.
    pub(super) is_own: bool,
}

impl Calls {
    pub(super) fn new(quirks: &'static Quirks, servers: &[McpServer]) -> Self {
        let own = |server: &McpServer| Some(format!("{}{}_", quirks.server_tool?, server.name));
        Self {
            quirks,
            own: servers.iter().filter_map(own).collect(),
            open: BTreeMap::new(),
        }
    }

    /// Whether this call was heard of before.
    pub(super) fn is_known(&self, update: &Value) -> bool {
        self.open.contains_key(text(update, "toolCallId"))
    }

    /// Whether a call runs, or waits for an answer.
    pub(super) fn any_runs(&self) -> bool {
        self.open.values().any(|call| !call.refused)
    }

    /// An update about a call; `broken` while the turn is being broken off.
    pub(super) fn update(&mut self, update: &Value, broken: bool) -> Vec<Event> {
        let id = text(update, "toolCallId").to_owned();
        let status = text(update, "status");
        // What a pending call is to do may follow.
        let reports = status != "pending";
        let Some(call) = self.learn(&id, update) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        if reports && !call.reported {
            events.push(call.report(&id));
        }
        if matches!(status, "completed" | "failed")
            && let Some(call) = self.open.remove(&id)
        {
            // Agents call a command completed that they have just killed.
            let killed = call.kind == "execute" && (broken || shows_no_exit(update));
            let exited = exit_code(update.get("rawOutput").unwrap_or(&Value::Null)).is_some();
            let completed = status == "completed" && (exited || !killed);
            events.extend(call.end(id, completed, update));
        }
        events
    }

    /// A request for permission: the call, reported if it was not, and what is asked.
    pub(super) fn ask(&mut self, update: &Value) -> (Vec<Event>, Asked) {
        let id = text(update, "toolCallId").to_owned();
        let own = self.own.clone();
        let mut events = Vec::new();
        let mut unkept = Call::default();
        let call = match self.learn(&id, update) {
            Some(call) => call,
            None => &mut unkept,
        };
        if !call.reported && !id.is_empty() {
            events.push(call.report(&id));
        }
        let asked = Asked {
            call: id,
            tool: call.name.clone(),
            input: call.input(),
            reach: call.reach(),
            // Of a call that does anything the places that it names say little.
            files: match call.reach() {
                Reach::Reads | Reach::Edits => call.files.clone(),
                Reach::Acts => Vec::new(),
            },
            is_own: own.iter().any(|prefix| call.name.starts_with(prefix)),
        };
        (events, asked)
    }

    /// We refused a call.
    pub(super) fn refuse(&mut self, id: &str) {
        if let Some(call) = self.open.get_mut(id) {
            call.refused = true;
        }
    }

    /// Ends calls that the agent will say no more of: those refused, or `all` at the end of a turn.
    pub(super) fn settle(&mut self, all: bool) -> Vec<Event> {
        let over: Vec<String> = self
            .open
            .iter()
            .filter(|(_, call)| all || call.refused)
            .map(|(id, _)| id.clone())
            .collect();
        let mut events = Vec::new();
        for id in over {
            if let Some(mut call) = self.open.remove(&id) {
                if !call.reported {
                    events.push(call.report(&id));
                }
                events.extend(call.end(id, false, &Value::Null));
            }
        }
        events
    }

    /// Takes in what a message says of a call; `None` for one that cannot be kept.
    fn learn(&mut self, id: &str, update: &Value) -> Option<&mut Call> {
        if id.is_empty() || (self.open.len() >= OPEN_LIMIT && !self.open.contains_key(id)) {
            return None;
        }
        let call = self.open.entry(id.to_owned()).or_default();
        for (field, key) in [(&mut call.kind, "kind"), (&mut call.title, "title")] {
            let told = text(update, key);
            if !told.is_empty() {
                clip(told, 64 * 1024).clone_into(field);
            }
        }
        if call.name.is_empty() {
            call.name = name(self.quirks.tool_name, id, &call.kind, &call.title);
        }
        if let Some(input) = update.get("rawInput").filter(|input| is_something(input)) {
            call.input = input.clone();
        }
        let diffs = list(update, "content")
            .iter()
            .filter(|content| text(content, "type") == "diff");
        for place in list(update, "locations").iter().chain(diffs) {
            let path = text(place, "path").to_owned();
            if !path.is_empty() && call.files.len() < FILES_LIMIT && !call.files.contains(&path) {
                call.files.push(path);
            }
        }
        let output = call_text(update);
        if !output.is_empty() {
            call.output = output;
        }
        Some(call)
    }
}

impl Call {
    fn report(&mut self, id: &str) -> Event {
        self.reported = true;
        Event::ToolStarted {
            id: id.to_owned(),
            name: self.name.clone(),
            input: self.input(),
            command: self.command(),
        }
    }

    /// The arguments, else what is shown of them.
    fn input(&self) -> Value {
        if is_something(&self.input) {
            self.input.clone()
        } else if self.kind == "execute" {
            json!({ "command": self.title })
        } else if self.files.is_empty() {
            json!({ "title": self.title })
        } else {
            json!({ "title": self.title, "files": self.files })
        }
    }

    /// The command line of a shell; its title is one where the arguments are not shown.
    fn command(&self) -> Option<String> {
        if self.kind != "execute" {
            return None;
        }
        Some(match self.input.get("command") {
            Some(Value::String(command)) => command.clone(),
            Some(Value::Array(words)) => {
                let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                words.join(" ")
            }
            _ => self.title.clone(),
        })
    }

    fn reach(&self) -> Reach {
        match self.kind.as_str() {
            "read" | "search" => Reach::Reads,
            "edit" if !self.files.is_empty() => Reach::Edits,
            _ => Reach::Acts,
        }
    }

    /// The files that it would change; others name the places where they look or run.
    fn writes(&self) -> &[String] {
        match self.kind.as_str() {
            "edit" | "delete" | "move" => &self.files,
            _ => &[],
        }
    }

    fn end(self, id: String, completed: bool, update: &Value) -> Vec<Event> {
        let raw = update.get("rawOutput").unwrap_or(&Value::Null);
        let exit_code = exit_code(raw);
        let ok = completed && exit_code.is_none_or(|code| code == 0);
        let mut events = Vec::new();
        if ok {
            let written = self.writes().iter().cloned();
            events.extend(written.map(|path| Event::FileChanged { path }));
        }
        let output = match self.output {
            output if !output.is_empty() => output,
            _ => raw.as_str().unwrap_or(text(raw, "output")).to_owned(),
        };
        events.push(Event::ToolEnded {
            id,
            ok,
            exit_code,
            output,
        });
        events
    }
}

fn name(stands: ToolName, id: &str, kind: &str, title: &str) -> String {
    let known_kind = !matches!(kind, "" | "other");
    let name = match (stands, id.split_once("__")) {
        (ToolName::Id, Some((name, _))) => name,
        (ToolName::Kind, _) if known_kind => kind,
        _ if !title.is_empty() => title,
        _ if known_kind => kind,
        _ => "tool",
    };
    clip(name, NAME_LIMIT).to_owned()
}

/// The exit code of a shell, where the agent shows one.
fn exit_code(raw: &Value) -> Option<i32> {
    let places = [
        "/exitCode",
        "/exit_code",
        "/metadata/exit",
        "/metadata/exitCode",
    ];
    let code = places
        .iter()
        .find_map(|place| raw.pointer(place)?.as_i64())?;
    i32::try_from(code).ok()
}

/// Whether the agent has a place for the exit code of a shell and leaves it empty, as after a kill.
fn shows_no_exit(update: &Value) -> bool {
    update.pointer("/rawOutput/metadata/exit") == Some(&Value::Null)
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}
