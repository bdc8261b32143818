//! A memory as a program reads it.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::ids::MemoryId;
use crate::memory::{Kind, Link, LinkKind, Memory, Trust};
use crate::text::one_line;

/// Most characters of who has written or forgotten something, and why.
const WORDS: usize = 400;

#[derive(Serialize)]
pub(super) struct MemoryView<'a> {
    id: &'a MemoryId,
    scope: String,
    text: &'a str,
    kind: Kind,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    tags: &'a [String],
    importance: f64,
    trust: Trust,
    source: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    session: &'a str,
    at: String,
    created: String,
    changed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<String>,
    uses: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    #[serde(skip_serializing_if = "<[MemoryId]>::is_empty")]
    supersedes: &'a [MemoryId],
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<&'a MemoryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<ForgottenView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkView<'a>>,
}

#[derive(Serialize)]
struct ForgottenView {
    at: String,
    by: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

#[derive(Serialize)]
struct LinkView<'a> {
    kind: LinkKind,
    target: &'a str,
    /// Whether it leads to nothing any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

impl<'a> MemoryView<'a> {
    pub(super) fn of(memory: &'a Memory, stale: &[Link]) -> Self {
        let time = |ms: i64| (ms != 0).then(|| rfc3339(ms));
        Self {
            id: &memory.id,
            scope: memory.scope.to_string(),
            text: &memory.text,
            kind: memory.kind,
            subject: &memory.subject,
            tags: &memory.tags,
            importance: memory.importance,
            trust: memory.trust,
            source: one_line(&memory.source.to_string(), WORDS),
            session: &memory.session,
            at: rfc3339(memory.at_ms),
            created: rfc3339(memory.created_ms),
            changed: rfc3339(memory.changed_ms),
            used: time(memory.used_ms),
            uses: memory.uses,
            valid_from: time(memory.valid_from_ms),
            valid_to: time(memory.valid_to_ms),
            supersedes: &memory.supersedes,
            superseded_by: memory.superseded_by.as_ref(),
            forgotten: memory.forgotten.as_ref().map(|it| ForgottenView {
                at: rfc3339(it.at_ms),
                by: one_line(&it.by, WORDS),
                why: one_line(&it.why, WORDS),
            }),
            links: memory
                .links
                .iter()
                .map(|link| LinkView {
                    kind: link.kind,
                    target: &link.target,
                    stale: stale.contains(link),
                })
                .collect(),
        }
    }
}
