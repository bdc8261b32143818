//! Taking in the tasks of a file. Nothing in it is trusted, a line that cannot be is told and passed
//! by, and what goes in does so a few hundred tasks at a time: whoever else writes meanwhile does not
//! wait long, and a kill leaves whole tasks, which the next import of the same file adds to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

use sqlx::AnyConnection;

use super::error::TransferError;
use super::foreign::{self, Format};
use super::known::{self, Known};
use super::line::{self, Line};
use super::plan::{Plan, Told, Trust, plan};
use super::record::{Gone, Record};
use super::report::{Remark, Report};
use super::rows;
use super::writes::{self, Writes};
use crate::ids::TaskId;
use crate::tasks::error::TaskError;
use crate::tasks::graph::recount;
use crate::tasks::model::{Actor, EdgeKind};
use crate::tasks::tracker::Tracker;
use crate::transfer::{Raw, Source, is_conflict_marker};

/// Tasks written at once.
const PAGE: usize = 500;
/// Ids looked up at once.
const IDS: usize = 10_000;
/// How often a plan that somebody else has made stale is made anew before others have to wait for it.
const PLANS: u32 = 3;

/// What is to be taken in.
pub struct Import<'a> {
    /// Where it is read from.
    pub input: &'a mut dyn BufRead,
    /// What it is; `None`: what it looks like.
    pub from: Option<Format>,
    /// When what is told without a time was told; milliseconds since the Unix epoch.
    pub told_ms: i64,
    /// Whether a person sees what is done. Without one nothing is deleted, and nothing closed as done
    /// that takes evidence: a model with a shell is no person.
    pub at_terminal: bool,
    /// Only says what would be done.
    pub dry_run: bool,
    /// Is told how many tasks are written, and of how many.
    pub progress: &'a mut dyn FnMut(usize, usize),
}

impl Tracker<'_> {
    /// Takes in the tasks of a file. Of each field the value that was set last stays, whichever side
    /// has set it; what the file does not name stays as it is.
    ///
    /// # Errors
    /// Whoever is no person; a file that cannot be read or is no file of tasks; failures of the store.
    /// What is wrong with a line is no error, but told in the report.
    pub async fn import(&self, import: Import<'_>) -> Result<Report, TransferError> {
        if self.actor != Actor::Person {
            let problem = "only a person can import tasks".to_owned();
            return Err(TaskError::NotAllowed { problem }.into());
        }
        let mut source = Source::new(import.input);
        let format = match import.from {
            Some(format) => format,
            None => foreign::detect(&mut source)?,
        };
        let mut report = Report::new(format, import.dry_run);
        let mut told = match format {
            Format::Ostler => self.own_lines(&mut source, &mut report)?,
            _ => {
                let items = foreign::read(format, &mut source, import.told_ms, &mut report)?;
                self.adapt(items, &mut report).await?
            }
        };
        self.pass_by_others(&mut told, &mut report).await?;
        let mut run = Run {
            tracker: self,
            told,
            trust: match import.at_terminal {
                true => Trust::Person,
                false => Trust::Anybody,
            },
            plan: None,
            done: BTreeSet::new(),
            late: HashMap::new(),
            remarks: BTreeSet::new(),
            created: BTreeSet::new(),
            updated: BTreeSet::new(),
            deleted: BTreeSet::new(),
        };
        match import.dry_run {
            true => run.rehearse().await?,
            false => run.play(import.progress).await?,
        }
        run.tell(&mut report);
        Ok(report)
    }

    /// Reads lines of our own form.
    fn own_lines(&self, source: &mut Source, report: &mut Report) -> Result<Told, TransferError> {
        let mut told = Told::default();
        let now_ms = self.now_ms();
        while let Some((number, raw)) = source.next()? {
            let text = match raw {
                Raw::Text(text) => text,
                Raw::Bad(problem) => {
                    report.skip(number, problem);
                    continue;
                }
            };
            if is_conflict_marker(&text) {
                let problem = "it marks a conflict of git; the lines of both sides were merged";
                report.skip(number, problem);
                continue;
            }
            match line::read(&text, now_ms) {
                Ok(Line::Head(found)) if found > line::VERSION => {
                    let known = line::VERSION;
                    return Err(TransferError::Newer { found, known });
                }
                Ok(Line::Head(_)) => {}
                // What is stored is without secrets, and only with that can a line be compared.
                Ok(Line::Task(mut task)) => {
                    task.reword(|text| *text = self.store.redact(text));
                    told.task(*task, number);
                }
                Ok(Line::Gone(id, mut gone)) => {
                    gone.by = self.store.redact(&gone.by);
                    gone.why = self.store.redact(&gone.why);
                    told.gone(id, gone, number);
                }
                Err(problem) => report.skip(number, problem),
            }
        }
        Ok(told)
    }

    /// Passes by what has the id of a task of another project, which would be two tasks in one.
    async fn pass_by_others(
        &self,
        told: &mut Told,
        report: &mut Report,
    ) -> Result<(), TransferError> {
        let mut connection = self.store.read().acquire().await?;
        let all = told.ids();
        let mut elsewhere = BTreeSet::new();
        for ids in all.chunks(IDS) {
            elsewhere.extend(rows::elsewhere(&mut connection, self.project, ids).await?);
        }
        for id in elsewhere {
            for line in told.forget(&id) {
                let problem = format!("{id} is the id of a task of another project here");
                report.skip(line, problem);
            }
        }
        Ok(())
    }
}

/// An import under way.
struct Run<'a, 'b> {
    tracker: &'a Tracker<'b>,
    told: Told,
    trust: Trust,
    /// With the state of the store that it was made for.
    plan: Option<(Plan, i64)>,
    /// Tasks that are written.
    done: BTreeSet<TaskId>,
    /// Edges to tasks that are not written yet, by these.
    late: HashMap<TaskId, BTreeSet<(TaskId, EdgeKind)>>,
    remarks: BTreeSet<Remark>,
    created: BTreeSet<TaskId>,
    updated: BTreeSet<TaskId>,
    deleted: BTreeSet<TaskId>,
}

impl Run<'_, '_> {
    /// Finds out what would be done.
    async fn rehearse(&mut self) -> Result<(), TransferError> {
        let mut moment = self.tracker.store.read().begin().await?;
        let (known, gone) = self.look(&mut moment).await?;
        let mut plan = self.decide(&known, &gone);
        let deleted = plan.deleted.iter().map(|(id, _)| id);
        self.deleted
            .extend(deleted.filter(|id| known.contains_key(*id)).cloned());
        for ids in std::mem::take(&mut plan.steps).chunks(PAGE) {
            let mut here = rows::records(&mut moment, self.tracker.project, ids).await?;
            for id in ids {
                // What is deleted would have been by then.
                if let Some(here) = here.get_mut(id) {
                    plan.let_go(here);
                }
                let _ = self.outcome(&plan, here.get(id), id);
            }
        }
        Ok(moment.rollback().await?)
    }

    /// Does it, a page at a time.
    async fn play(&mut self, progress: &mut dyn FnMut(usize, usize)) -> Result<(), TransferError> {
        let store = self.tracker.store;
        let mut plans = 0;
        loop {
            let mut tx = store.begin().await?;
            let version = known::version(&mut tx).await?;
            let is_current = self
                .plan
                .as_ref()
                .is_some_and(|(_, planned)| *planned == version);
            if !is_current {
                let (known, gone) = self.look(&mut tx).await?;
                plans += 1;
                if plans <= PLANS {
                    tx.rollback().await?;
                    let plan = self.decide(&known, &gone);
                    self.plan = Some((plan, version));
                    continue;
                }
                let plan = self.decide(&known, &gone);
                self.plan = Some((plan, version));
            }
            plans = 0;
            let Some((mut plan, version)) = self.plan.take() else {
                break;
            };
            let is_more = self.page(&mut tx, &mut plan).await?;
            self.plan = Some((plan, version));
            match is_more {
                true => {
                    store.commit(tx).await?;
                    progress(self.done.len(), self.told.tasks.len());
                }
                false => {
                    tx.rollback().await?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// What there is, and which of the told tasks were deleted here.
    async fn look(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<(Known, BTreeMap<TaskId, Gone>), TransferError> {
        let known = known::read(connection, self.tracker.project).await?;
        let mut gone = BTreeMap::new();
        for ids in self.told.ids().chunks(IDS) {
            gone.extend(rows::gone(connection, self.tracker.project, ids).await?);
        }
        Ok((known, gone))
    }

    fn decide(&mut self, known: &Known, gone: &BTreeMap<TaskId, Gone>) -> Plan {
        let mut plan = plan(&self.told, known, gone, self.trust);
        plan.steps
            .retain(|id| !self.done.contains(id) || plan.bent.contains(id));
        // The last ones first: steps are taken from the end.
        plan.steps.reverse();
        self.remarks.extend(std::mem::take(&mut plan.remarks));
        plan
    }

    /// What becomes of a task, if that is something new.
    fn outcome(&mut self, plan: &Plan, here: Option<&Record>, id: &TaskId) -> Option<Record> {
        let told = self.told.tasks.get(id).map(|(task, _)| task);
        let outcome = plan.outcome(here, told)?;
        if Some(&outcome) == here {
            return None;
        }
        match here {
            None => self.created.insert(id.clone()),
            Some(_) => self.updated.insert(id.clone()),
        };
        Some(outcome)
    }

    /// Writes the next page of the plan; `false` when there is none.
    async fn page(
        &mut self,
        connection: &mut AnyConnection,
        plan: &mut Plan,
    ) -> Result<bool, TransferError> {
        let Tracker { store, project, .. } = self.tracker;
        if !plan.deleted.is_empty() {
            let rest = plan.deleted.split_off(plan.deleted.len().min(PAGE));
            let deleted = std::mem::replace(&mut plan.deleted, rest);
            let ids: Vec<TaskId> = deleted.iter().map(|(id, _)| id.clone()).collect();
            let there = rows::records(connection, project, &ids).await?;
            self.deleted.extend(there.into_keys());
            let (moved, touched) = writes::delete(connection, store, project, &deleted).await?;
            recount(connection, &moved, &touched).await?;
            return Ok(true);
        }
        let from = plan.steps.len().saturating_sub(PAGE);
        let ids: Vec<TaskId> = plan.steps.drain(from..).rev().collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let here = rows::records(connection, project, &ids).await?;
        let mut writes = Writes::default();
        self.done.extend(ids.iter().cloned());
        for id in &ids {
            let before = here.get(id);
            if let Some(mut after) = self.outcome(plan, before, id) {
                after.edges.retain(|(kind, other), _| {
                    let is_there = self.done.contains(other) || plan.was_there.contains(other);
                    if !is_there {
                        let late = self.late.entry(other.clone()).or_default();
                        late.insert((id.clone(), *kind));
                    }
                    is_there
                });
                writes.task(before, &after);
            }
            // What becomes of it was decided anew if somebody has written since.
            for (task, kind) in self.late.remove(id).unwrap_or_default() {
                let told = self.told.tasks.get(&task);
                let mark = told.and_then(|(told, _)| plan.edge(told, kind, id));
                if let Some(mark) = mark {
                    writes.edge(&task, kind, id, mark);
                }
            }
        }
        writes.run(connection, store, project).await?;
        recount(connection, &writes.moved, &writes.touched).await?;
        Ok(true)
    }

    fn tell(self, report: &mut Report) {
        let number = |set: &BTreeSet<TaskId>| set.len() as u64;
        report.created = number(&self.created);
        report.updated = self.updated.difference(&self.created).count() as u64;
        report.deleted = number(&self.deleted);
        let quiet = |id: &&TaskId| !self.created.contains(*id) && !self.updated.contains(*id);
        report.unchanged = self.told.tasks.keys().filter(quiet).count() as u64;
        report.remark(self.remarks);
    }
}
