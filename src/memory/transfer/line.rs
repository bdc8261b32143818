//! A line of a file of memories: JSON with its keys in one order, so that the same memory is the same
//! bytes everywhere. Reading one checks everything in it as if somebody had typed it; whether its text
//! may be kept is for the write gate to say.

use serde::{Deserialize, Serialize};

use crate::clock::{parse_time, rfc3339};
use crate::ids::MemoryId;
use crate::memory::model::{Forgotten, Kind, Link, LinkKind, Memory, Scope};
use crate::memory::model::{Source, SourceKind, Trust};
use crate::text::one_line;

/// The form of these lines.
pub(super) const VERSION: u32 = 1;
/// How far ahead the clock of another machine may be.
const AHEAD_MS: i64 = 24 * 3600 * 1000;
/// Longest word about a memory, in characters: who has written it, why it is gone.
const WORDS: usize = 2000;

/// More of anything that is counted is none: the next one must be a number as well.
const MANY: i64 = 1 << 53;

/// What a line holds.
#[derive(Debug)]
pub(super) enum Line {
    /// The first line of a file, with its version.
    Head(u32),
    /// A memory; one that was forgotten has no text.
    Memory(Box<Memory>),
}

/// What a line is, before it is read as that.
#[derive(Deserialize)]
struct Peek {
    ostler_memory: Option<u32>,
    forgotten: Option<serde::de::IgnoredAny>,
}

#[derive(Serialize)]
struct Head {
    ostler_memory: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForgottenLine {
    id: String,
    scope: String,
    forgotten: String,
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryLine {
    id: String,
    scope: String,
    text: String,
    kind: Kind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    subject: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    importance: f64,
    trust: Trust,
    source: SourceKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    session: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    turn: i64,
    at: String,
    created: String,
    changed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    uses: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkPart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkPart {
    kind: LinkKind,
    target: String,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The first line of a file.
pub(super) fn head() -> String {
    json(&Head {
        ostler_memory: VERSION,
    })
}

/// The line of a memory.
pub(super) fn of(memory: &Memory) -> String {
    let time = |ms: i64| (ms != 0).then(|| rfc3339(ms));
    let superseded_by = memory.superseded_by.as_ref().map(MemoryId::to_string);
    if let Some(forgotten) = &memory.forgotten {
        return json(&ForgottenLine {
            id: memory.id.to_string(),
            scope: memory.scope.to_string(),
            forgotten: rfc3339(forgotten.at_ms),
            by: forgotten.by.clone(),
            why: forgotten.why.clone(),
            created: rfc3339(memory.created_ms),
            valid_to: time(memory.valid_to_ms),
            superseded_by,
        });
    }
    let mut tags = memory.tags.clone();
    tags.sort();
    let mut links: Vec<&Link> = memory.links.iter().collect();
    links.sort();
    json(&MemoryLine {
        id: memory.id.to_string(),
        scope: memory.scope.to_string(),
        text: memory.text.clone(),
        kind: memory.kind,
        subject: memory.subject.clone(),
        tags,
        importance: memory.importance,
        trust: memory.trust,
        source: memory.source.kind,
        source_id: memory.source.id.clone(),
        session: memory.session.clone(),
        turn: memory.turn,
        at: rfc3339(memory.at_ms),
        created: rfc3339(memory.created_ms),
        changed: rfc3339(memory.changed_ms),
        used: time(memory.used_ms),
        uses: memory.uses,
        valid_from: time(memory.valid_from_ms),
        valid_to: time(memory.valid_to_ms),
        superseded_by,
        links: links
            .into_iter()
            .map(|link| LinkPart {
                kind: link.kind,
                target: link.target.clone(),
            })
            .collect(),
    })
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
    if let Some(version) = peek.ostler_memory {
        return Ok(Line::Head(version));
    }
    let latest_ms = now_ms.saturating_add(AHEAD_MS);
    let memory = match peek.forgotten {
        Some(_) => tombstone(parse(text)?, latest_ms)?,
        None => whole(parse(text)?, latest_ms)?,
    };
    if memory.superseded_by.as_ref() == Some(&memory.id) {
        return Err("`superseded_by` is the memory itself".to_owned());
    }
    Ok(Line::Memory(Box::new(memory)))
}

fn whole(line: MemoryLine, latest_ms: i64) -> Result<Memory, String> {
    if !(0.0..=1.0).contains(&line.importance) {
        return Err("`importance` must be from 0 to 1".to_owned());
    }
    if !(0..=MANY).contains(&line.uses)
        || !(0..=MANY).contains(&line.turn)
        || (line.turn == 0) != line.session.is_empty()
    {
        return Err(
            "`uses` or `turn` is none, or there is only one of `session` and `turn`".into(),
        );
    }
    let mut tags = line.tags;
    tags.sort();
    tags.dedup();
    Ok(Memory {
        id: id("id", &line.id)?,
        scope: scope(&line.scope)?,
        text: line.text,
        kind: line.kind,
        tags,
        subject: words("subject", line.subject)?,
        // There are two zeros.
        importance: line.importance.abs(),
        trust: line.trust,
        source: Source {
            kind: line.source,
            id: words("source_id", line.source_id)?,
        },
        session: words("session", line.session)?,
        turn: line.turn,
        at_ms: time("at", &line.at)?,
        created_ms: past("created", &line.created, latest_ms)?,
        changed_ms: past("changed", &line.changed, latest_ms)?,
        used_ms: match &line.used {
            Some(used) => past("used", used, latest_ms)?,
            None => 0,
        },
        uses: line.uses,
        valid_from_ms: time_or_none("valid_from", line.valid_from.as_deref())?,
        valid_to_ms: time_or_none("valid_to", line.valid_to.as_deref())?,
        supersedes: Vec::new(),
        superseded_by: by(line.superseded_by.as_deref())?,
        forgotten: None,
        links: line
            .links
            .into_iter()
            .map(|part| {
                let target = words("links", part.target)?;
                let kind = part.kind;
                Ok(Link { kind, target })
            })
            .collect::<Result<_, String>>()?,
    })
}

/// What is left of a memory that was forgotten.
fn tombstone(line: ForgottenLine, latest_ms: i64) -> Result<Memory, String> {
    let created_ms = past("created", &line.created, latest_ms)?;
    let at_ms = past("forgotten", &line.forgotten, latest_ms)?;
    Ok(Memory {
        id: id("id", &line.id)?,
        scope: scope(&line.scope)?,
        text: String::new(),
        kind: Kind::Fact,
        tags: Vec::new(),
        subject: String::new(),
        importance: 0.0,
        trust: Trust::Quarantined,
        source: Source {
            kind: SourceKind::Import,
            id: String::new(),
        },
        session: String::new(),
        turn: 0,
        at_ms: created_ms,
        created_ms,
        changed_ms: at_ms,
        used_ms: 0,
        uses: 0,
        valid_from_ms: 0,
        valid_to_ms: time_or_none("valid_to", line.valid_to.as_deref())?,
        supersedes: Vec::new(),
        superseded_by: by(line.superseded_by.as_deref())?,
        forgotten: Some(Forgotten {
            // A memory without that was not forgotten.
            at_ms: at_ms.max(1),
            by: words("by", line.by)?,
            why: words("why", line.why)?,
        }),
        links: Vec::new(),
    })
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

fn id(field: &str, text: &str) -> Result<MemoryId, String> {
    MemoryId::parse(text).map_err(|error| format!("`{field}`: {error}"))
}

fn by(text: Option<&str>) -> Result<Option<MemoryId>, String> {
    text.map(|text| id("superseded_by", text)).transpose()
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| {
        let shown = one_line(text, 40);
        format!("`scope` is {shown:?}; there are {}", Scope::KNOWN)
    })
}

fn words(field: &str, text: String) -> Result<String, String> {
    match text.chars().count() > WORDS || text.contains('\0') {
        true => Err(format!(
            "`{field}` is longer than {WORDS} characters, or holds a NUL"
        )),
        false => Ok(text),
    }
}

/// When something has happened here: it would win against every change until then.
fn past(field: &str, text: &str, latest_ms: i64) -> Result<i64, String> {
    match time(field, text)? {
        at_ms if at_ms > latest_ms => {
            let shown = one_line(text, 40);
            let problem = "which lies in the future; is the clock right?";
            Err(format!("`{field}` is {shown:?}, {problem}"))
        }
        at_ms => Ok(at_ms),
    }
}

fn time_or_none(field: &str, text: Option<&str>) -> Result<i64, String> {
    text.map_or(Ok(0), |text| time(field, text))
}

fn time(field: &str, text: &str) -> Result<i64, String> {
    match parse_time(text) {
        Some(at_ms) if at_ms >= 0 => Ok(at_ms),
        _ => {
            let shown = one_line(text, 40);
            let problem = "which is no time like 2026-01-31T12:00:00Z";
            Err(format!("`{field}` is {shown:?}, {problem}"))
        }
    }
}
