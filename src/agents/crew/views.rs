//! What callers are shown of agents.

use super::Crew;
use crate::agents::brief::{AgentBrief, CatchUp, Evidenced, Resulted, Transcript};
use crate::agents::error::AgentError;
use crate::agents::lifecycle::Status;
use crate::agents::record::read::Filter;
use crate::agents::record::{overlaps, read};
use crate::agents::{journal, recovery};
use crate::ids::{AgentId, GroupId};
use crate::memory::matters as memory;
use crate::page::Page;
use crate::store::Listener;
use crate::tasks::matters::Matters;

/// Agents named by a catch-up, and those it counts.
const OPEN_MATTERS: u32 = 100;

impl Crew {
    /// Changes of the state, by this and other processes.
    pub fn listen(&self) -> Listener {
        self.store.changes().listen()
    }

    /// One agent in one line.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], failures of the store.
    pub async fn brief(&self, id: &AgentId) -> Result<AgentBrief, AgentError> {
        self.reconcile().await?;
        Ok(AgentBrief::of(&self.line(id).await?, self.clock.now_ms()))
    }

    /// A page of an agent's result, from byte `cursor`; what a session reads of its own is marked as
    /// read.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], a cursor that is none, failures of the store.
    pub async fn result(
        &self,
        id: &AgentId,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Resulted, AgentError> {
        self.page(id, cursor, limit, false).await
    }

    async fn page(
        &self,
        id: &AgentId,
        cursor: Option<&str>,
        limit: Option<usize>,
        structured: bool,
    ) -> Result<Resulted, AgentError> {
        let from = cursor
            .map(|cursor| number("cursor", cursor))
            .transpose()?
            .unwrap_or(0);
        self.reconcile().await?;
        let line = self.line(id).await?;
        let mut texts = read::texts(&self.store, id, line.run_no).await?;
        if structured {
            let submitted = texts.submitted.take();
            let submitted = submitted.ok_or_else(|| AgentError::NoStructured { id: id.clone() })?;
            texts.result = submitted.to_string();
            texts.result_from = "submitted".to_owned();
        } else if !line.status.is_terminal()
            && let Some(text) = recovery::last_text(&self.store, id, line.run_no).await?
        {
            texts.result = text;
            texts.result_from = "so_far".to_owned();
        }
        if !texts.result.is_char_boundary(from) {
            let problem = "is not one that get_agent gave".to_owned();
            return Err(AgentError::BadValue {
                field: "cursor",
                problem,
            });
        }
        let requests = self.open_of(&line).await?;
        // Last of all: nothing may go wrong between the mark and the reply.
        self.collect(&[&line]).await?.keep();
        Ok(Resulted::of(
            &line,
            &texts,
            requests,
            self.clock.now_ms(),
            from,
            limit,
        ))
    }

    /// A page of what an agent has handed in, as text, from byte `cursor`.
    ///
    /// # Errors
    /// As [`Crew::result`], and [`AgentError::NoStructured`] where nothing was handed in.
    pub async fn structured(
        &self,
        id: &AgentId,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Resulted, AgentError> {
        self.page(id, cursor, limit, true).await
    }

    /// The account of an agent's current run.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], failures of the store.
    pub async fn evidence(&self, id: &AgentId) -> Result<Evidenced, AgentError> {
        self.reconcile().await?;
        let line = self.line(id).await?;
        let mut texts = read::texts(&self.store, id, line.run_no).await?;
        if !line.status.is_terminal() {
            texts.evidence = journal::evidence_so_far(&self.store, &line).await?;
        }
        Ok(Evidenced::of(&line, texts, self.clock.now_ms()))
    }

    /// A stretch of an agent's log, behind position `cursor`.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], a cursor that is none, failures of the store.
    pub async fn transcript(
        &self,
        id: &AgentId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Transcript, AgentError> {
        let after = cursor
            .map(|cursor| number("cursor", cursor))
            .transpose()?
            .unwrap_or(0);
        let line = self.line(id).await?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut items = read::log(&self.store, id, after, limit.saturating_add(1)).await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|entry| entry.seq.to_string());
        let page = Page { items, next_cursor };
        Ok(Transcript {
            id: id.clone(),
            status: line.status,
            page,
        })
    }

    /// Agents, newest first, of this project, of all, or of a group.
    ///
    /// # Errors
    /// A cursor that is none, failures of the store.
    pub async fn list(
        &self,
        status: Option<Status>,
        all_projects: bool,
        group: Option<&GroupId>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AgentBrief>, AgentError> {
        self.reconcile().await?;
        let after = cursor.map(page_start).transpose()?;
        if let Some(group) = group {
            self.members(group).await?;
        }
        // An agent knows of no others than its own, wherever they work.
        let within_project = !all_projects && group.is_none() && self.agent().is_none();
        let project = within_project.then(|| self.project.clone());
        let filter = Filter {
            project,
            status,
            group: group.cloned(),
            after,
            limit: limit.saturating_add(1),
            below: self.scope.clone(),
        };
        let mut lines = read::list(&self.store, &filter).await?;
        let more = lines.len() > limit as usize;
        lines.truncate(limit as usize);
        let last = lines.last().filter(|_| more);
        let next_cursor = last.map(|line| format!("{}:{}", line.created_ms, line.id));
        Ok(Page {
            items: self.briefs(&lines),
            next_cursor,
        })
    }

    /// What a fresh or compacted session must know about this project.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn catch_up(&self) -> Result<CatchUp, AgentError> {
        self.reconcile().await?;
        let (parent, session) = (self.agent(), &self.host.session);
        let lines = read::of_project(
            &self.store,
            &self.project,
            parent.as_ref(),
            session,
            OPEN_MATTERS,
        )
        .await?;
        let lines = self.seen(lines);
        let overlaps = match parent {
            // An agent knows of no others than its own.
            Some(_) => Vec::new(),
            None => overlaps::of_project(&self.store, &self.project).await?,
        };
        let tasks = match self.tracker().await {
            Ok(tracker) => tracker.matters().await?,
            // Who is not what it claims to be has nothing to come back to.
            Err(AgentError::Ending) => Matters::default(),
            Err(error) => return Err(error),
        };
        let memories = match self.memories().await {
            Ok(memories) => memories.matters().await?,
            Err(AgentError::Ending) => memory::Matters::default(),
            Err(error) => return Err(error),
        };
        let now_ms = self.clock.now_ms();
        Ok(CatchUp::of(&lines, &overlaps, tasks, memories, now_ms))
    }
}

fn number(field: &'static str, text: &str) -> Result<usize, AgentError> {
    let problem = || {
        format!(
            "is no position: {:?}",
            text.chars().take(40).collect::<String>()
        )
    };
    text.parse().map_err(|_| AgentError::BadValue {
        field,
        problem: problem(),
    })
}

fn page_start(cursor: &str) -> Result<(i64, AgentId), AgentError> {
    cursor
        .split_once(':')
        .and_then(|(created, id)| Some((created.parse().ok()?, AgentId::parse(id).ok()?)))
        .ok_or_else(|| AgentError::BadValue {
            field: "cursor",
            problem: "is not one that list_agents gave".to_owned(),
        })
}
