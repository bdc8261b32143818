//! Memories as a table.

use crate::cli::output::headed_table;
use crate::cli::paint::Paint;
use crate::clock::rfc3339;
use crate::memory::{Memory, Scope, Trust};
use crate::text::one_line;

/// Characters of a text in a table.
const TEXT: usize = 160;
/// Characters of a source.
const SOURCE: usize = 32;

const HEAD: [&str; 7] = ["ID", "DATE", "KIND", "SCOPE", "TRUST", "SOURCE", "TEXT"];
const TRUST: usize = 4;

/// A table with the columns that hold something.
pub(super) fn table(memories: &[Memory], paint: Paint) -> String {
    if memories.is_empty() {
        return "no memories\n".to_owned();
    }
    headed_table(
        HEAD,
        memories.iter().map(row),
        paint,
        |column, cell| match column {
            TRUST => paint.dim(cell),
            _ => cell.to_owned(),
        },
    )
}

fn row(memory: &Memory) -> Vec<String> {
    let scope = match &memory.scope {
        Scope::Project => String::new(),
        other => one_line(&other.to_string(), SOURCE),
    };
    let trust = match memory.trust {
        Trust::Confirmed => String::new(),
        other => other.to_string(),
    };
    vec![
        memory.id.to_string(),
        date(memory.at_ms),
        memory.kind.to_string(),
        scope,
        trust,
        one_line(&memory.source.to_string(), SOURCE),
        tagged(memory),
    ]
}

/// The text, and the tags behind it.
fn tagged(memory: &Memory) -> String {
    let mut text = match &memory.forgotten {
        Some(gone) if memory.text.is_empty() => format!("(forgotten {})", date(gone.at_ms)),
        _ => one_line(&memory.text, TEXT),
    };
    for tag in &memory.tags {
        text += &format!(" #{}", one_line(tag, 40));
    }
    text
}

/// The day of a time.
pub(super) fn date(ms: i64) -> String {
    rfc3339(ms).chars().take("2026-01-31".len()).collect()
}
