//! Lines of our own form, each checked as if somebody had typed it: by the write gate where that has a
//! word for it, else as what a line of ours can hold.

use std::collections::{BTreeMap, BTreeSet};

use super::error::TransferError;
use super::line::{self, Line};
use super::merge::merged;
use super::report::Report;
use crate::ids::{AgentId, MemoryId};
use crate::memory::MemoryError;
use crate::memory::memories::Memories;
use crate::memory::model::{Memory, Scope, SourceKind};
use crate::memory::remember::{NewMemory, fields};
use crate::text::one_line;
use crate::transfer::{Raw, Source, is_conflict_marker};

/// Most characters of what is said of where something comes from, and of who has forgotten something.
const ORIGIN: usize = 400;

/// Memories with their lines.
type Lines = Vec<(u64, Memory)>;

impl Memories<'_> {
    /// Reads lines of our own form, those of the user only `with_user`; returns the ids of those that
    /// were left out as well.
    pub(super) fn own_lines(
        &self,
        source: &mut Source,
        with_user: bool,
        report: &mut Report,
    ) -> Result<(Lines, BTreeSet<MemoryId>), TransferError> {
        let mut left = BTreeSet::new();
        let mut told: BTreeMap<MemoryId, (u64, Memory)> = BTreeMap::new();
        while let Some((number, raw)) = source.next()? {
            let memory = match raw {
                Raw::Bad(problem) => Err(problem),
                Raw::Text(text) if is_conflict_marker(&text) => {
                    Err("it marks a conflict of git; the lines of both sides were merged".into())
                }
                Raw::Text(text) => match line::read(&text, self.now_ms()) {
                    Ok(Line::Head(found)) if found > line::VERSION => {
                        let known = line::VERSION;
                        return Err(TransferError::Newer { found, known });
                    }
                    Ok(Line::Head(_)) => continue,
                    Ok(Line::Memory(memory)) if memory.scope == Scope::User && !with_user => {
                        report.of_user += 1;
                        left.insert(memory.id);
                        continue;
                    }
                    Ok(Line::Memory(memory)) => self.gated(*memory, report),
                    Err(problem) => Err(problem),
                },
            };
            let memory = memory.and_then(|memory| match told.get(&memory.id) {
                Some((_, other)) => merged(other, &memory),
                None => Ok(memory),
            });
            match memory {
                Ok(memory) => {
                    let first = told.remove(&memory.id);
                    // The same memory on two lines, as git leaves it, is one.
                    let line = first.map_or(number, |(line, _)| line);
                    told.insert(memory.id.clone(), (line, memory));
                }
                Err(problem) => report.skip(number, problem),
            }
        }
        Ok((told.into_values().collect(), left))
    }

    /// A memory of a file, if it may be kept here.
    fn gated(&self, mut memory: Memory, report: &mut Report) -> Result<Memory, String> {
        let refused = |error: MemoryError| error.to_string();
        if let Some(gone) = &mut memory.forgotten {
            let why = self.store.redact(&gone.why);
            report.redacted += u64::from(why != gone.why);
            gone.why = fields::why(&why).map_err(refused)?;
            gone.by = plain("by", &gone.by)?;
            fields::scope(&memory.scope).map_err(refused)?;
            return Ok(memory);
        }
        let session = (!memory.session.is_empty()).then(|| memory.session.clone());
        let new = NewMemory {
            text: memory.text,
            kind: Some(memory.kind),
            scope: Some(memory.scope.clone()),
            tags: memory.tags,
            subject: memory.subject,
            importance: Some(memory.importance),
            at_ms: Some(memory.at_ms),
            session,
            valid_from_ms: memory.valid_from_ms,
            valid_to_ms: memory.valid_to_ms,
            links: memory.links,
            force: true,
            ..NewMemory::default()
        };
        let checked = self.check(&new).map_err(refused)?;
        report.redacted += u64::from(self.redacts(&new));
        memory.text = checked.text;
        memory.subject = checked.subject;
        memory.tags = checked.tags;
        memory.tags.sort();
        memory.links = checked.links;
        memory.links.sort();
        memory.session = fields::session(&memory.session).map_err(refused)?;
        memory.source.id = plain("source_id", &memory.source.id)?;
        let id = &memory.source.id;
        if memory.source.kind == SourceKind::Agent && AgentId::parse(id).is_err() {
            return Err("`source_id` is no id of an agent".to_owned());
        }
        Ok(memory)
    }

    /// Whether something in a statement is taken out of it before it is kept.
    pub(in crate::memory::transfer) fn redacts(&self, new: &NewMemory) -> bool {
        let words = [&new.text, &new.subject].into_iter().chain(&new.tags);
        words
            .into_iter()
            .any(|word| self.store.redact(word) != *word)
    }
}

/// One line of others' words, which nothing in it steers, and no secret.
fn plain(field: &'static str, text: &str) -> Result<String, String> {
    fields::no_secret(field, text).map_err(|error| error.to_string())?;
    match one_line(text, ORIGIN) == text {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{field}` is not one line of at most {ORIGIN} characters"
        )),
    }
}
