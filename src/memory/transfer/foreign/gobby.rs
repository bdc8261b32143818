//! `.gobby/memories.jsonl`: a JSON object a line with `content`, `type`, `importance`, `tags`, times and
//! a source.

use serde::Deserialize;

use super::super::error::TransferError;
use super::super::report::Report;
use super::{Found, kind};
use crate::clock::parse_time;
use crate::memory::model::Kind;
use crate::transfer::{Raw, Source};

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: String,
    content: String,
    #[serde(default, rename = "type", alias = "memory_type")]
    kind: String,
    #[serde(default)]
    importance: Option<f64>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    created_at: Option<String>,
}

pub(super) fn read(
    name: &str,
    source: &mut Source,
    report: &mut Report,
) -> Result<Vec<Found>, TransferError> {
    let mut found = Vec::new();
    while let Some((line, raw)) = source.next()? {
        let parsed: Result<Line, String> = match raw {
            Raw::Text(text) => serde_json::from_str(&text).map_err(|error| error.to_string()),
            Raw::Bad(problem) => Err(problem),
        };
        let memory = match parsed {
            Ok(memory) => memory,
            Err(problem) => {
                report.skip(line, problem);
                continue;
            }
        };
        let origin = format!("{name} {}", memory.id).trim_end().to_owned();
        let known = kind(&memory.kind);
        let tags = memory.tags.unwrap_or_default();
        let unknown = known.is_none().then_some(memory.kind.as_str());
        let mut statement = Found::new(line, origin, memory.content, known.unwrap_or(Kind::Fact))
            .tags(tags.iter().map(String::as_str).chain(unknown), report);
        statement.new.importance = memory.importance.map(|it| it.clamp(0.0, 1.0));
        if statement.new.importance != memory.importance {
            report.leave("importances beyond 0 to 1");
        }
        // Times without an offset are meant in UTC.
        statement.new.at_ms = memory.created_at.as_deref().and_then(|at| {
            let at = at.trim().replacen(' ', "T", 1);
            parse_time(&at).or_else(|| parse_time(&format!("{at}Z")))
        });
        if statement.new.at_ms.is_none() && memory.created_at.is_some() {
            report.leave("times that are none");
        }
        found.push(statement);
    }
    Ok(found)
}
