//! Taking in the memories of a file. Nothing in it is trusted, a line that cannot be is told and passed
//! by, and what goes in does so a few hundred memories at a time: whoever else writes meanwhile does
//! not wait long, and a kill leaves whole memories, which the next import of the same file adds to.

use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;

use sqlx::AnyConnection;

use super::error::TransferError;
use super::foreign::{self, Document, Format, Found};
use super::merge::merged;
use super::report::Report;
use super::{closings, rows, writes};
use crate::ids::MemoryId;
use crate::memory::MemoryError;
use crate::memory::memories::Memories;
use crate::memory::model::{Kind, Memory, Scope, Source as Origin, SourceKind, Trust};
use crate::text::one_line;
use crate::transfer::Source;

/// Memories written at once.
const PAGE: usize = 500;
/// Most characters of what is said of where something comes from.
const ORIGIN: usize = 200;

/// What is to be taken in.
pub struct Import<'a, 'p> {
    /// Where it is read from.
    pub input: Input<'a>,
    /// What it is; `None`: what it looks like.
    pub format: Option<Format>,
    /// Also takes memories in the scope of the user, which count in every project.
    pub with_user: bool,
    /// Only says what would be done.
    pub dry_run: bool,
    /// Is told how many memories are written, and of how many.
    pub progress: &'p mut dyn FnMut(usize, usize),
}

/// Where memories are read from.
pub enum Input<'a> {
    /// A file.
    File {
        /// Its name, as memories have it for their source.
        name: String,
        /// What is in it.
        read: &'a mut dyn BufRead,
    },
    /// The Markdown files of a folder.
    Folder(Vec<Document>),
}

impl Memories<'_> {
    /// Takes in the memories of a file. What is here and not there stays; no text is ever changed; what
    /// was forgotten or superseded on either side is so afterwards.
    ///
    /// # Errors
    /// An agent; a file that cannot be read or is no file of memories; failures of the store. What is
    /// wrong with a line is no error, but told in the report.
    pub async fn import(&self, import: Import<'_, '_>) -> Result<Report, TransferError> {
        if self.is_agent() {
            let what = "only a person can import memories".to_owned();
            return Err(MemoryError::NotAllowed { what }.into());
        }
        let Told {
            memories: mut told,
            left,
            report,
        } = self.told(import.input, import.format, import.with_user)?;
        let mut run = Run {
            memories: self,
            is_own: report.format == Format::Ostler,
            ids: told.iter().map(|(_, memory)| memory.id.clone()).collect(),
            standing: BTreeSet::new(),
            texts: HashMap::new(),
            report: Report {
                dry_run: import.dry_run,
                ..report
            },
        };
        run.look(&mut told, &left).await?;
        let mut done = 0;
        for page in told.chunks(PAGE) {
            if import.dry_run {
                let mut connection = self.store.read().acquire().await?;
                run.page(&mut connection, page).await?;
                continue;
            }
            let mut tx = self.store.begin().await?;
            run.page(&mut tx, page).await?;
            self.store.commit(tx).await?;
            done += page.len();
            (import.progress)(done, told.len());
            if done < told.len() {
                self.store.give_way().await;
            }
        }
        run.let_stand().await?;
        Ok(run.report)
    }

    /// What a file tells, with its lines.
    fn told(
        &self,
        input: Input<'_>,
        format: Option<Format>,
        with_user: bool,
    ) -> Result<Told, TransferError> {
        let (documents, format) = match input {
            Input::Folder(documents) => (documents, format),
            Input::File { name, read } => {
                let mut source = Source::new(read);
                let format = match format {
                    Some(format) => Some(format),
                    None => foreign::detect(&mut source)?,
                };
                match format {
                    Some(Format::Ostler) => {
                        let mut report = Report::new(Format::Ostler);
                        let (memories, left) =
                            self.own_lines(&mut source, with_user, &mut report)?;
                        return Ok(Told {
                            memories,
                            left,
                            report,
                        });
                    }
                    Some(format @ (Format::ServerMemory | Format::Gobby)) => {
                        let mut report = Report::new(format);
                        let found = foreign::of_lines(format, &name, &mut source, &mut report)?;
                        return Ok(self.adapt(found, report));
                    }
                    _ => {
                        let text = source.document()?.replace("\r\n", "\n");
                        (vec![Document { name, text }], format)
                    }
                }
            }
        };
        let format = match format {
            Some(Format::Ostler | Format::ServerMemory | Format::Gobby) => {
                let problem = "a folder has no lines of JSON".to_owned();
                return Err(TransferError::Unknown { problem });
            }
            Some(format) => format,
            None => Format::of_documents(&documents)?,
        };
        let mut report = Report::new(format);
        let found = foreign::of_documents(format, &documents, &mut report);
        Ok(self.adapt(found, report))
    }

    /// Makes memories of what was found in files of others. The person who imports stands for them.
    fn adapt(&self, found: Vec<Found>, mut report: Report) -> Told {
        let now_ms = self.now_ms();
        let mut memories = Vec::with_capacity(found.len());
        for Found { line, origin, new } in found {
            let checked = match self.check(&new) {
                Ok(checked) => checked,
                Err(error) => {
                    report.skip(line, error.to_string());
                    continue;
                }
            };
            report.redacted += u64::from(self.redacts(&new));
            let mut tags = checked.tags;
            tags.sort();
            let memory = Memory {
                id: MemoryId::new(self.ids),
                scope: checked.scope,
                text: checked.text,
                kind: new.kind.unwrap_or(Kind::Fact),
                tags,
                subject: checked.subject,
                importance: checked.importance,
                trust: Trust::Confirmed,
                source: Origin {
                    kind: SourceKind::Import,
                    id: one_line(&self.store.redact(&origin), ORIGIN),
                },
                session: String::new(),
                turn: 0,
                at_ms: new.at_ms.unwrap_or(now_ms),
                created_ms: now_ms,
                changed_ms: now_ms,
                used_ms: 0,
                uses: 0,
                valid_from_ms: 0,
                valid_to_ms: 0,
                supersedes: Vec::new(),
                superseded_by: None,
                forgotten: None,
                links: Vec::new(),
            };
            memories.push((line, memory));
        }
        Told {
            memories,
            left: BTreeSet::new(),
            report,
        }
    }
}

/// What was read.
struct Told {
    /// With their lines.
    memories: Vec<(u64, Memory)>,
    /// The user's that were left out.
    left: BTreeSet<MemoryId>,
    report: Report,
}

/// An import under way.
struct Run<'a, 'b> {
    memories: &'a Memories<'b>,
    is_own: bool,
    /// What the file tells of.
    ids: BTreeSet<MemoryId>,
    /// What has to stand although both copies together say that something has taken its place.
    standing: BTreeSet<MemoryId>,
    /// What is here, by what it says.
    texts: HashMap<(Scope, String), Vec<MemoryId>>,
    report: Report,
}

impl Run<'_, '_> {
    /// Finds out what is here, as far as all of it matters, and puts first what nothing takes the place
    /// of: a kill leaves nothing superseded by what is not there.
    async fn look(
        &mut self,
        told: &mut [(u64, Memory)],
        left: &BTreeSet<MemoryId>,
    ) -> Result<(), TransferError> {
        let Memories { project, .. } = self.memories;
        let now_ms = self.memories.now_ms();
        let mut connection = self.memories.store.read().acquire().await?;
        for (text, id) in rows::texts(&mut connection, project).await? {
            self.texts.entry(text).or_default().push(id);
        }
        let report = &mut self.report;
        self.standing =
            closings::check(&mut connection, project, told, left, now_ms, report).await?;
        let standing = &self.standing;
        told.sort_by_key(|(_, memory)| {
            memory.superseded_by.is_some() && !standing.contains(&memory.id)
        });
        Ok(())
    }

    /// Decides about a page of memories, and writes it unless nothing is to be.
    async fn page(
        &mut self,
        connection: &mut AnyConnection,
        page: &[(u64, Memory)],
    ) -> Result<(), TransferError> {
        let project = self.memories.project;
        let ids: Vec<MemoryId> = page.iter().map(|(_, it)| it.id.clone()).collect();
        let elsewhere = rows::elsewhere(connection, project, &ids).await?;
        let mut here = rows::by_ids(connection, project, &ids).await?;
        for (line, told) in page {
            if elsewhere.contains(&told.id) {
                let problem = format!("{} is the id of a memory of another project here", told.id);
                self.report.skip(*line, problem);
                continue;
            }
            match here.remove(&told.id) {
                Some(before) => self.meet(connection, *line, before, told).await?,
                None => self.bring(connection, *line, told.clone()).await?,
            }
        }
        Ok(())
    }

    /// Two copies of a memory meet.
    async fn meet(
        &mut self,
        connection: &mut AnyConnection,
        line: u64,
        mut before: Memory,
        told: &Memory,
    ) -> Result<(), TransferError> {
        before.tags.sort();
        before.links.sort();
        let mut after = match merged(&before, told) {
            Ok(after) => after,
            Err(problem) => {
                self.report.skip(line, problem);
                return Ok(());
            }
        };
        self.stand(&mut after);
        if after == before {
            self.report.unchanged += 1;
            return Ok(());
        }
        self.tell_of(line, &before, &after);
        self.report.updated += 1;
        self.change(connection, &before, &after).await
    }

    /// Remarks what becomes of a memory that was here because a file says so.
    fn tell_of(&mut self, line: u64, before: &Memory, after: &Memory) {
        let mut remark = |what: String| {
            let remark = format!("{what} now, as it is there");
            self.report.remark(Some(line), &after.id, remark);
        };
        if before.forgotten.is_none() && after.forgotten.is_some() {
            remark("is forgotten".to_owned());
        }
        match &after.superseded_by {
            Some(by) if before.superseded_by.as_ref() != Some(by) => {
                remark(format!("is superseded by {by}"));
            }
            _ => {}
        }
        if (before.trust, after.trust) == (Trust::Quarantined, Trust::Confirmed) {
            remark("is confirmed".to_owned());
        }
        let marks = |it: &Memory| (it.tags.clone(), it.importance.to_bits(), it.links.clone());
        if after.scope == Scope::User && after.forgotten.is_none() && marks(before) != marks(after)
        {
            remark("is the user's and has other tags, importance or links".to_owned());
        }
    }

    /// A memory that is not here.
    async fn bring(
        &mut self,
        connection: &mut AnyConnection,
        line: u64,
        mut told: Memory,
    ) -> Result<(), TransferError> {
        self.stand(&mut told);
        let text = (told.scope.clone(), told.text.clone());
        if !told.text.is_empty() {
            let same = self.texts.get(&text).cloned().unwrap_or_default();
            if !self.is_own {
                if self.is_known(connection, line, &same).await? {
                    return Ok(());
                }
                while writes::is_taken(connection, &told.id).await? {
                    told.id = MemoryId::new(self.memories.ids);
                }
                self.texts.entry(text).or_default().push(told.id.clone());
            } else if told.superseded_by.is_none() {
                let others = same.iter().filter(|id| !self.ids.contains(*id));
                let others: Vec<MemoryId> = others.cloned().collect();
                self.settle(connection, line, &mut told, &others).await?;
            }
        }
        self.report.created += 1;
        match self.report.dry_run {
            true => Ok(()),
            false => Ok(writes::add(connection, self.memories.project, &told).await?),
        }
    }

    /// Whether a statement of others is here, as these memories: the one of them that holds, else what
    /// was forgotten or superseded, which is not taken in again. What has only run out, or is yet to
    /// come, does not keep out what is said now.
    async fn is_known(
        &mut self,
        connection: &mut AnyConnection,
        line: u64,
        same: &[MemoryId],
    ) -> Result<bool, TransferError> {
        let now_ms = self.memories.now_ms();
        let here = rows::by_ids(connection, self.memories.project, same).await?;
        if same.len() > here.len() {
            // A line above would have been written.
            self.report.unchanged += 1;
            return Ok(true);
        }
        if let Some(holds) = here.values().find(|it| it.holds_at(now_ms)) {
            self.stand_for(connection, line, holds).await?;
            return Ok(true);
        }
        let is_gone = |it: &&Memory| it.forgotten.is_some();
        let gone = here.values().find(is_gone);
        let gone = gone.or_else(|| here.values().find(|it| it.superseded_by.is_some()));
        let Some(gone) = gone else { return Ok(false) };
        let was = match (&gone.forgotten, &gone.superseded_by) {
            (None, Some(by)) => format!("was superseded here by {by}"),
            _ => "was forgotten here and stays so".to_owned(),
        };
        self.report.unchanged += 1;
        self.report.remark(Some(line), &gone.id, was);
        Ok(true)
    }

    /// Whoever imports stands for what is here already, as for what is new.
    async fn stand_for(
        &mut self,
        connection: &mut AnyConnection,
        line: u64,
        before: &Memory,
    ) -> Result<(), TransferError> {
        // Once, also where nothing is written.
        let is_first = self.ids.insert(before.id.clone());
        if before.trust == Trust::Confirmed || !is_first {
            self.report.unchanged += 1;
            return Ok(());
        }
        let after = Memory {
            trust: Trust::Confirmed,
            changed_ms: self.memories.now_ms(),
            ..before.clone()
        };
        self.report.updated += 1;
        let remark = "is confirmed now: you stand for what you import".to_owned();
        self.report.remark(Some(line), &after.id, remark);
        self.change(connection, before, &after).await
    }

    /// Both sides have written the same, for the same time: the one that is relied upon, else the older
    /// one, takes the place of the other. Both sides decide so, whenever they meet: the clock has no say.
    async fn settle(
        &mut self,
        connection: &mut AnyConnection,
        line: u64,
        told: &mut Memory,
        others: &[MemoryId],
    ) -> Result<(), TransferError> {
        let here = rows::by_ids(connection, self.memories.project, others).await?;
        let span = (told.valid_from_ms, told.valid_to_ms);
        let is_same = |it: &Memory| {
            let is_found = it.superseded_by.is_none() && it.forgotten.is_none();
            is_found && (it.valid_from_ms, it.valid_to_ms) == span
        };
        for before in here.into_values().filter(is_same) {
            let rank = |it: &Memory| (it.trust, it.created_ms, it.id.clone());
            let since_ms = before.created_ms.max(told.created_ms);
            let close = |memory: &mut Memory, by: &MemoryId| {
                memory.superseded_by = Some(by.clone());
                if memory.valid_to_ms == 0 {
                    memory.valid_to_ms = since_ms.max(memory.valid_from_ms);
                }
            };
            let (old, by) = match rank(&before) < rank(told) {
                true => {
                    close(told, &before.id);
                    (told.id.clone(), before.id.clone())
                }
                false => {
                    let mut after = before.clone();
                    close(&mut after, &told.id);
                    self.change(connection, &before, &after).await?;
                    (before.id.clone(), told.id.clone())
                }
            };
            let remark = format!("says the same as {by}, which has taken its place");
            self.report.remark(Some(line), &old, remark);
            if told.superseded_by.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn stand(&mut self, memory: &mut Memory) {
        if self.standing.contains(&memory.id) && memory.superseded_by.take().is_some() {
            memory.valid_to_ms = 0;
            let remark = "stands: it and another have taken each other's place".to_owned();
            self.report.remark(None, &memory.id, remark);
        }
    }

    /// Lets those stand that the file does not tell of.
    async fn let_stand(&mut self) -> Result<(), TransferError> {
        let rest: Vec<MemoryId> = self.standing.difference(&self.ids).cloned().collect();
        if rest.is_empty() {
            return Ok(());
        }
        let store = self.memories.store;
        let mut tx = store.begin().await?;
        let here = rows::by_ids(&mut tx, self.memories.project, &rest).await?;
        for before in here.into_values() {
            let mut after = before.clone();
            self.stand(&mut after);
            self.change(&mut tx, &before, &after).await?;
        }
        Ok(store.commit(tx).await?)
    }

    async fn change(
        &self,
        connection: &mut AnyConnection,
        before: &Memory,
        after: &Memory,
    ) -> Result<(), TransferError> {
        if self.report.dry_run || before == after {
            return Ok(());
        }
        Ok(self.memories.change_in(connection, before, after).await?)
    }
}
