//! `ostler tasks create`, `update` and `note`.

use std::fs::File;
use std::io::{self, Read};

use clap::Args;
use serde::de::DeserializeOwned;

use super::{as_json, kind, lines};
use crate::cli::paint::Paint;
use crate::edge::{Failure, Kind as FailureKind};
use crate::tasks::{
    Changes, Created, Kind, NewTask, TaskError, TaskLine, Tracker, WrittenTasks, defer_until,
};

/// Longest file of tasks, in bytes.
const FILE: u64 = 64 * 1024 * 1024;

#[derive(Args)]
pub(in crate::cli) struct Create {
    /// One line
    #[arg(required_unless_present = "file")]
    title: Option<String>,
    /// What is to be done; `-` reads it from standard input
    #[arg(
        long,
        short,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    description: String,
    /// What must hold before it may be closed as done
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    acceptance: String,
    /// task, bug, feature, chore, epic or question
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// From 0, the most urgent, to 4 [default: 2]
    #[arg(long, short, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// Words to find it by
    #[arg(long = "label", value_delimiter = ',', value_name = "LABELS")]
    labels: Vec<String>,
    /// The task it is a part of
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Tasks that must be closed before it can begin
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    blocked_by: Vec<String>,
    /// Other edges: on_failure, waits_children, related, discovered_from, duplicates, supersedes or
    /// validates, a colon, and a task
    #[arg(long = "edge", value_delimiter = ',', value_name = "KIND:ID")]
    edges: Vec<String>,
    /// Whether the work changes files [default: true, but for a question]
    #[arg(long)]
    writes: Option<bool>,
    /// Minutes it may take
    #[arg(long, value_name = "MINUTES")]
    estimate: Option<u32>,
    /// Not ready before: a date, or a time as RFC 3339
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TIME"
    )]
    defer_until: String,
    /// What it is called elsewhere
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME"
    )]
    external_ref: String,
    /// Many tasks, all or none: a file with the JSON that the tool create_tasks takes; `-` for standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["title", "description", "acceptance",
        "kind", "priority", "labels", "parent", "blocked_by", "edges", "writes", "estimate",
        "defer_until", "external_ref"])]
    file: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Create {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        let json = self.json;
        let created = match &self.file {
            Some(file) => tracker.create(&read(file)?).await?,
            None => tracker
                .create(&[self.into_new()?])
                .await
                .map_err(TaskError::of_one)?,
        };
        if json {
            return as_json(&created);
        }
        let line = |task: &Created| {
            let name = task.reference.as_ref();
            let name = name.map_or_else(String::new, |name| format!("  {name}"));
            format!("{}  {}{name}\n", task.id, paint.status(task.status))
        };
        Ok(created.iter().map(line).collect())
    }

    fn into_new(self) -> Result<NewTask, Failure> {
        Ok(NewTask {
            title: self.title.unwrap_or_default(),
            description: given(self.description)?,
            acceptance: self.acceptance,
            kind: self.kind,
            priority: self.priority,
            labels: self.labels,
            parent: self.parent.filter(|parent| !parent.is_empty()),
            blocked_by: self.blocked_by,
            edges: self.edges,
            writes: self.writes,
            estimate_min: self.estimate,
            defer_until_ms: defer_until(&self.defer_until)?,
            external_ref: self.external_ref,
            reference: None,
        })
    }
}

/// The tasks of a file: `{"tasks": […]}`, or the list alone.
fn read(file: &str) -> Result<Vec<NewTask>, Failure> {
    let text = match file {
        "-" => from(io::stdin().lock(), "standard input")?,
        path => match File::open(path) {
            Ok(file) => from(file, path)?,
            Err(error) => return Err(unreadable(path, &error)),
        },
    };
    let written = match text.trim_start().starts_with('[') {
        true => WrittenTasks {
            tasks: parsed(&text, "tasks")?,
        },
        false => parsed(&text, "")?,
    };
    Ok(written.into_new()?)
}

/// What a JSON text says of the field `within`; of all of it where that is empty.
fn parsed<T: DeserializeOwned>(text: &str, within: &str) -> Result<T, Failure> {
    let mut json = serde_json::Deserializer::from_str(text);
    let bad = |place: String, error: serde_json::Error| {
        let message = match place.as_str() {
            "" | "." | "?" => format!("these are no tasks: {error}"),
            place => format!("`{within}{place}`: {error}"),
        };
        Failure::new(FailureKind::Invalid, message)
            .hint("nothing was created; write {\"tasks\": [{\"title\": \"…\"}, …]}")
    };
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| bad(error.path().to_string(), error.into_inner()))?;
    json.end().map_err(|error| bad(String::new(), error))?;
    Ok(value)
}

fn from(source: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    source
        .take(FILE + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(name, &error))?;
    if text.len() as u64 > FILE {
        let message = format!("{name} is longer than {FILE} bytes");
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    Ok(text)
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::new(
        FailureKind::Invalid,
        format!("{name} cannot be read: {error}"),
    )
}

/// A text, or what standard input says in its place.
fn given(text: String) -> Result<String, Failure> {
    match text.as_str() {
        "-" => from(io::stdin().lock(), "standard input"),
        _ => Ok(text),
    }
}

#[derive(Args)]
pub(in crate::cli) struct Update {
    /// The task: its id, or the beginning of it
    id: String,
    /// One line
    #[arg(long)]
    title: Option<String>,
    /// What is to be done; `-` reads it from standard input
    #[arg(long, short, value_name = "TEXT")]
    description: Option<String>,
    /// What must hold before it may be closed as done
    #[arg(long, value_name = "TEXT")]
    acceptance: Option<String>,
    /// task, bug, feature, chore, epic or question
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// From 0, the most urgent, to 4
    #[arg(long, short, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// The task it is to be a part of; empty for none
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Whether the work changes files
    #[arg(long)]
    writes: Option<bool>,
    /// Minutes it may take; 0 for none
    #[arg(long, value_name = "MINUTES")]
    estimate: Option<u32>,
    /// Not ready before: a date, or a time as RFC 3339; empty for none
    #[arg(long, value_name = "TIME")]
    defer_until: Option<String>,
    /// What it is called elsewhere; empty for nothing
    #[arg(long, value_name = "NAME")]
    external_ref: Option<String>,
    /// Labels to add; commas between them, or once more
    #[arg(long = "add-label", value_delimiter = ',', value_name = "LABELS")]
    add_labels: Vec<String>,
    /// Labels to take off
    #[arg(long = "remove-label", value_delimiter = ',', value_name = "LABELS")]
    remove_labels: Vec<String>,
    /// Tasks that must be closed before it can begin
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    add_blocked_by: Vec<String>,
    /// Tasks that it no longer waits for
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    remove_blocked_by: Vec<String>,
    /// Other edges
    #[arg(long = "add-edge", value_delimiter = ',', value_name = "KIND:ID")]
    add_edges: Vec<String>,
    /// Edges to take off, as with --add-edge
    #[arg(long = "remove-edge", value_delimiter = ',', value_name = "KIND:ID")]
    remove_edges: Vec<String>,
    /// Words for its history
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Update {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        let defer_until_ms = self.defer_until.as_deref().map(defer_until).transpose()?;
        let changes = Changes {
            title: self.title,
            description: self.description.map(given).transpose()?,
            acceptance: self.acceptance,
            kind: self.kind,
            priority: self.priority,
            writes: self.writes,
            estimate_min: self.estimate,
            defer_until_ms,
            external_ref: self.external_ref,
            parent: self.parent.map(Some),
            add_labels: self.add_labels,
            remove_labels: self.remove_labels,
            add_blocked_by: self.add_blocked_by,
            remove_blocked_by: self.remove_blocked_by,
            add_edges: self.add_edges,
            remove_edges: self.remove_edges,
            note: self.note,
        };
        if changes == Changes::default() {
            let problem = "nothing is to be changed";
            return Err(Failure::new(FailureKind::Invalid, problem)
                .hint("`ostler tasks update --help` shows what can be"));
        }
        let id = tracker.update(&self.id, &changes, None).await?;
        changed(tracker, id.as_str(), self.json, paint).await
    }
}

#[derive(Args)]
pub(in crate::cli) struct Note {
    /// The task: its id, or the beginning of it
    id: String,
    /// The words; `-` reads them from standard input
    text: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Note {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        let changes = Changes {
            note: Some(given(self.text)?),
            ..Changes::default()
        };
        let id = tracker.update(&self.id, &changes, None).await?;
        changed(tracker, id.as_str(), self.json, paint).await
    }
}

/// The line of a task that was changed.
pub(super) async fn changed(
    tracker: &Tracker<'_>,
    id: &str,
    json: bool,
    paint: Paint,
) -> Result<String, Failure> {
    let line: TaskLine = tracker.show(id).await?.line;
    match json {
        true => as_json(&line),
        false => Ok(lines::table(&[line], paint)),
    }
}
