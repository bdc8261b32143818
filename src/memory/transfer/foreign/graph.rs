//! The file of the MCP server `server-memory`: entities with what was observed of them, and relations
//! between them, a JSON object a line.

use serde::Deserialize;

use super::super::error::TransferError;
use super::super::report::Report;
use super::Found;
use crate::memory::model::Kind;
use crate::transfer::{Raw, Source};

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    #[serde(rename_all = "camelCase")]
    Entity {
        name: String,
        #[serde(default)]
        entity_type: String,
        #[serde(default)]
        observations: Vec<String>,
    },
    #[serde(rename_all = "camelCase")]
    Relation {
        from: String,
        to: String,
        relation_type: String,
    },
}

pub(super) fn read(
    name: &str,
    source: &mut Source,
    report: &mut Report,
) -> Result<Vec<Found>, TransferError> {
    let mut found = Vec::new();
    while let Some((line, raw)) = source.next()? {
        let parsed = match raw {
            Raw::Text(text) => serde_json::from_str(&text).map_err(|error| error.to_string()),
            Raw::Bad(problem) => Err(problem),
        };
        match parsed {
            Ok(Line::Entity {
                name: entity,
                entity_type,
                observations,
            }) => {
                if observations.is_empty() {
                    report.leave("entities of which nothing was observed");
                }
                for observation in observations {
                    if observation.trim().is_empty() {
                        report.leave("observations that say nothing");
                        continue;
                    }
                    let text = about(&entity, &observation);
                    let origin = format!("{name} {entity}");
                    let statement = Found::new(line, origin, text, Kind::Fact);
                    let statement = statement.subject(&entity, report);
                    found.push(statement.tags([entity_type.as_str()], report));
                }
            }
            Ok(Line::Relation {
                from,
                to,
                relation_type,
            }) => {
                let text = format!("{from} {} {to}", relation_type.replace('_', " "));
                let origin = format!("{name} {from}");
                let statement = Found::new(line, origin, text, Kind::Fact);
                let statement = statement.subject(&from, report);
                found.push(statement.tags([relation_type.as_str(), &to], report));
            }
            Err(problem) => report.skip(line, problem),
        }
    }
    Ok(found)
}

/// A statement that says of itself what it is about.
pub(super) fn about(subject: &str, text: &str) -> String {
    match text.to_lowercase().contains(&subject.to_lowercase()) {
        true => text.to_owned(),
        false => format!("{subject}: {text}"),
    }
}
