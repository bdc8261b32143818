//! A line of a file of tasks: JSON with its keys in one order, so that the same task is the same
//! bytes everywhere. Reading one checks everything in it as if somebody had typed it.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::record::{Closing, FIELDS, Gone, Mark, Record, Stamped};
use crate::clock::{parse_time, rfc3339};
use crate::ids::{AgentId, NoteId, TaskId};
use crate::tasks::close::Proof;
use crate::tasks::fields;
use crate::tasks::model::{EdgeKind, Kind, LinkKind, Note, NoteKind, Reason};

/// The form of these lines.
pub(super) const VERSION: u32 = 1;
/// How far ahead the clock of another machine may be.
const AHEAD_MS: i64 = 24 * 3600 * 1000;

/// What a line holds.
#[derive(Debug)]
pub(super) enum Line {
    /// The first line of a file, with its version.
    Head(u32),
    /// A task.
    Task(Box<Record>),
    /// A task that was deleted.
    Gone(TaskId, Gone),
}

/// What a line is, before it is read as that.
#[derive(Deserialize)]
struct Peek {
    ostler_tasks: Option<u32>,
    gone: Option<IgnoredAny>,
}

#[derive(Serialize)]
struct Head {
    ostler_tasks: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoneLine {
    id: String,
    gone: String,
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskLine {
    id: String,
    title: String,
    kind: Kind,
    priority: i64,
    status: Standing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    acceptance: String,
    writes: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    estimate_min: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    defer_until: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    external_ref: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<LabelPart>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    edges: Vec<EdgePart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<Proof>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    closed_by: String,
    created: String,
    created_by: String,
    updated: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    stamps: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<NotePart>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkPart>,
}

/// Whether a task is closed. That somebody works on it is nobody else's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Open,
    Closed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelPart {
    label: String,
    at: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgePart {
    kind: EdgeKind,
    task: String,
    at: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotePart {
    id: String,
    at: String,
    kind: NoteKind,
    by: String,
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkPart {
    kind: LinkKind,
    target: String,
    at: String,
}

/// The first line of a file.
pub(super) fn head() -> String {
    json(&Head {
        ostler_tasks: VERSION,
    })
}

/// The line of a task that was deleted.
pub(super) fn of_gone(id: &TaskId, gone: &Gone) -> String {
    json(&GoneLine {
        id: id.to_string(),
        gone: rfc3339(gone.at_ms),
        by: gone.by.clone(),
        why: gone.why.clone(),
    })
}

/// The line of a task.
pub(super) fn of_task(task: &Record) -> String {
    let closing = task.closing.value.as_ref();
    let mut notes: Vec<&Note> = task.notes.values().collect();
    notes.sort_by_key(|note| (note.at_ms, &note.id));
    json(&TaskLine {
        id: task.id.to_string(),
        title: task.title.value.clone(),
        kind: task.kind.value,
        priority: task.priority.value.into(),
        status: match closing {
            Some(_) => Standing::Closed,
            None => Standing::Open,
        },
        parent: task.parent.value.as_ref().map(TaskId::to_string),
        description: task.description.value.clone(),
        acceptance: task.acceptance.value.clone(),
        writes: task.writes.value,
        estimate_min: Some(task.estimate_min.value).filter(|minutes| *minutes > 0),
        defer_until: Some(task.defer_until_ms.value)
            .filter(|until_ms| *until_ms > 0)
            .map(rfc3339),
        external_ref: task.external_ref.value.clone(),
        labels: task.labels.iter().map(label_part).collect(),
        edges: task.edges.iter().map(edge_part).collect(),
        reason: closing.map(|closing| closing.reason),
        why: closing.map_or(String::new(), |closing| closing.why.clone()),
        evidence: closing.and_then(|closing| serde_json::from_str(&closing.evidence).ok()),
        closed: closing.map(|closing| rfc3339(closing.closed_ms)),
        closed_by: closing.map_or(String::new(), |closing| closing.closed_by.clone()),
        created: rfc3339(task.created_ms),
        created_by: task.created_by.clone(),
        updated: rfc3339(task.updated_ms),
        stamps: task
            .stamps()
            .into_iter()
            .map(|(field, at_ms)| (field.to_owned(), rfc3339(at_ms)))
            .collect(),
        notes: notes.into_iter().map(note_part).collect(),
        links: task
            .links
            .iter()
            .map(|((kind, target), at_ms)| LinkPart {
                kind: *kind,
                target: target.clone(),
                at: rfc3339(*at_ms),
            })
            .collect(),
    })
}

fn label_part((label, mark): (&String, &Mark)) -> LabelPart {
    LabelPart {
        label: label.clone(),
        at: rfc3339(mark.at_ms),
        gone: mark.gone,
    }
}

fn edge_part(((kind, other), mark): (&(EdgeKind, TaskId), &Mark)) -> EdgePart {
    EdgePart {
        kind: *kind,
        task: other.to_string(),
        at: rfc3339(mark.at_ms),
        gone: mark.gone,
    }
}

fn note_part(note: &Note) -> NotePart {
    NotePart {
        id: note.id.to_string(),
        at: rfc3339(note.at_ms),
        kind: note.kind,
        by: note.by.clone(),
        text: note.text.clone(),
    }
}

/// A value of ours as JSON, which it always has.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads a line at `now_ms`; says what is wrong with one that is none.
pub(super) fn read(text: &str, now_ms: i64) -> Result<Line, String> {
    // A list would be taken for the values of a line in their order.
    if !text.trim_start().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    let peek: Peek = parse(text)?;
    if let Some(version) = peek.ostler_tasks {
        return Ok(Line::Head(version));
    }
    let times = Times {
        latest_ms: now_ms.saturating_add(AHEAD_MS),
    };
    if peek.gone.is_some() {
        let line: GoneLine = parse(text)?;
        let gone = Gone {
            at_ms: times.past("gone", &line.gone)?,
            by: fields::by(&line.by).map_err(told)?,
            why: fields::why(&line.why).map_err(told)?,
        };
        return Ok(Line::Gone(id("id", &line.id)?, gone));
    }
    record(parse(text)?, &times).map(|record| Line::Task(Box::new(record)))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let what = told.strip_suffix(&place).unwrap_or(&told);
        match error.classify() {
            serde_json::error::Category::Data => format!("{what} (column {})", error.column()),
            _ => format!("it is no JSON: {what} (column {})", error.column()),
        }
    })
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn id(field: &str, text: &str) -> Result<TaskId, String> {
    TaskId::parse(text).map_err(|error| format!("`{field}`: {error}"))
}

/// What a time in a file may be.
struct Times {
    latest_ms: i64,
}

impl Times {
    /// When something has happened.
    fn past(&self, field: &str, text: &str) -> Result<i64, String> {
        let at_ms = any_time(field, text)?;
        // It would win against every change until then.
        match at_ms <= self.latest_ms {
            true => Ok(at_ms),
            false => Err(format!(
                "`{field}` is {text:?}, which lies in the future; is the clock right?"
            )),
        }
    }
}

fn any_time(field: &str, text: &str) -> Result<i64, String> {
    match parse_time(text) {
        Some(at_ms) if at_ms >= 0 => Ok(at_ms),
        _ => {
            let shown = crate::text::one_line(text, 40);
            Err(format!(
                "`{field}` is {shown:?}, which is no time like 2026-01-31T12:00:00Z"
            ))
        }
    }
}

fn record(line: TaskLine, times: &Times) -> Result<Record, String> {
    let own = id("id", &line.id)?;
    let created_ms = times.past("created", &line.created)?;
    let mut stamps: BTreeMap<&str, i64> = BTreeMap::new();
    for (field, at) in &line.stamps {
        let known = FIELDS.iter().find(|known| *known == field);
        let field = known.ok_or_else(|| {
            let shown = crate::text::one_line(field, 40);
            format!("`stamps` has {shown:?}, which is no field")
        })?;
        stamps.insert(field, times.past("stamps", at)?);
    }
    let at = |field: &str| stamps.get(field).copied().unwrap_or(created_ms);
    let parent = match &line.parent {
        Some(parent) => Some(id("parent", parent)?),
        None => None,
    };
    if parent.as_ref() == Some(&own) {
        return Err("`parent` is the task itself".to_owned());
    }
    let closing = closing(&line, times)?;
    let mut task = Record {
        created_ms,
        created_by: fields::by(&line.created_by).map_err(told)?,
        updated_ms: times.past("updated", &line.updated)?,
        title: Stamped::new(fields::title(&line.title).map_err(told)?, at("title")),
        description: Stamped::new(
            fields::description(&line.description).map_err(told)?,
            at("description"),
        ),
        acceptance: Stamped::new(
            fields::acceptance(&line.acceptance).map_err(told)?,
            at("acceptance"),
        ),
        kind: Stamped::new(line.kind, at("kind")),
        priority: Stamped::new(
            fields::priority(line.priority).map_err(told)?,
            at("priority"),
        ),
        writes: Stamped::new(line.writes, at("writes")),
        estimate_min: Stamped::new(
            match line.estimate_min {
                Some(minutes) => fields::estimate_min(minutes).map_err(told)?,
                None => 0,
            },
            at("estimate_min"),
        ),
        defer_until_ms: Stamped::new(
            match &line.defer_until {
                Some(until) => any_time("defer_until", until)?,
                None => 0,
            },
            at("defer_until"),
        ),
        external_ref: Stamped::new(
            fields::external_ref(&line.external_ref).map_err(told)?,
            at("external_ref"),
        ),
        parent: Stamped::new(parent, at("parent")),
        closing: Stamped::new(closing, at("status")),
        labels: BTreeMap::new(),
        edges: BTreeMap::new(),
        notes: BTreeMap::new(),
        links: BTreeMap::new(),
        id: own,
    };
    for part in line.labels {
        let mark = Mark {
            at_ms: times.past("labels", &part.at)?,
            gone: part.gone,
        };
        let label = fields::label(&part.label).map_err(told)?;
        task.labels.insert(label, mark);
    }
    for part in line.edges {
        let other = id("edges", &part.task)?;
        if other == task.id {
            return Err(format!("`edges` has {} to the task itself", part.kind));
        }
        let mark = Mark {
            at_ms: times.past("edges", &part.at)?,
            gone: part.gone,
        };
        task.edges.insert((part.kind, other), mark);
    }
    for part in line.notes {
        let note = Note {
            id: NoteId::parse(&part.id).map_err(|error| format!("`notes`: {error}"))?,
            at_ms: times.past("notes", &part.at)?,
            kind: part.kind,
            by: fields::by(&part.by).map_err(told)?,
            text: fields::history(&part.text).map_err(told)?,
        };
        task.notes.insert(note.id.clone(), note);
    }
    for part in line.links {
        let target = match part.kind {
            LinkKind::Worker | LinkKind::Reader => AgentId::parse(&part.target)
                .map_err(|error| format!("`links`: {error}"))?
                .to_string(),
            LinkKind::Branch | LinkKind::Commit => fields::target(&part.target).map_err(told)?,
        };
        let at_ms = times.past("links", &part.at)?;
        task.links.insert((part.kind, target), at_ms);
    }
    Ok(task)
}

fn closing(line: &TaskLine, times: &Times) -> Result<Option<Closing>, String> {
    let (reason, closed) = match (line.status, line.reason, &line.closed) {
        (Standing::Open, None, None) => return Ok(None),
        (Standing::Open, ..) => {
            return Err("`status` is open, but there is a `reason` or `closed`".to_owned());
        }
        (Standing::Closed, Some(reason), Some(closed)) => (reason, closed),
        (Standing::Closed, ..) => {
            return Err("`status` is closed, but `reason` or `closed` is missing".to_owned());
        }
    };
    if let Some(proof) = &line.evidence {
        for agent in &proof.agents {
            AgentId::parse(agent.as_str()).map_err(|error| format!("`evidence`: {error}"))?;
        }
    }
    let evidence = line.evidence.as_ref().filter(|proof| !proof.is_empty());
    let evidence = evidence.map(json).unwrap_or_default();
    Ok(Some(Closing {
        reason,
        why: fields::why(&line.why).map_err(told)?,
        evidence: fields::evidence(&evidence).map_err(told)?,
        closed_ms: times.past("closed", closed)?,
        closed_by: fields::by(&line.closed_by).map_err(told)?,
    }))
}
