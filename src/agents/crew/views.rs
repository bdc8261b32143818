//! What callers are shown of agents.

use super::Crew;
use crate::agents::brief::{AgentBrief, CatchUp, Evidenced, Resulted, Transcript};
use crate::agents::error::AgentError;
use crate::agents::lifecycle::Status;
use crate::agents::owner;
use crate::agents::record::read::Filter;
use crate::agents::record::{Line, Page, overlaps, read, write};
use crate::agents::{journal, recovery};
use crate::ids::AgentId;
use crate::store::Listener;

/// Agents named by a catch-up, and those it counts.
const OPEN_MATTERS: u32 = 100;

impl Crew {
    /// Marks results that are about to be shown as read: those of this session, and, for a session
    /// that collects, those that nobody is left to collect. For each: whether it had been read before,
    /// and `false` for those that are only looked at.
    pub(in crate::agents) async fn collect(
        &self,
        lines: &[&Line],
    ) -> Result<Vec<bool>, AgentError> {
        let own: Vec<bool> = lines.iter().map(|line| self.may_collect(line)).collect();
        let runs: Vec<(&AgentId, u32)> = lines
            .iter()
            .zip(&own)
            .filter(|(_, own)| **own)
            .map(|(line, _)| (&line.id, line.run_no))
            .collect();
        let mut first = write::deliver(&self.store, &runs).await?.into_iter();
        Ok(own
            .into_iter()
            .map(|own| own && first.next() == Some(false))
            .collect())
    }

    fn may_collect(&self, line: &Line) -> bool {
        let orphaned = || !owner::is_alive(self.store.home(), &line.owner);
        line.session == self.host.session || (self.host.collects && orphaned())
    }

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
        let from = cursor
            .map(|cursor| number("cursor", cursor))
            .transpose()?
            .unwrap_or(0);
        self.reconcile().await?;
        let line = self.line(id).await?;
        let mut texts = read::texts(&self.store, id, line.run_no).await?;
        if !line.status.is_terminal()
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
        self.collect(&[&line]).await?;
        let requests = self.waiting_of(std::slice::from_ref(&line)).await?;
        Ok(Resulted::of(
            &line,
            &texts,
            requests,
            self.clock.now_ms(),
            from,
            limit,
        ))
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

    /// Agents, newest first, of this project or of all.
    ///
    /// # Errors
    /// A cursor that is none, failures of the store.
    pub async fn list(
        &self,
        status: Option<Status>,
        all_projects: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AgentBrief>, AgentError> {
        self.reconcile().await?;
        let after = cursor.map(page_start).transpose()?;
        let project = (!all_projects).then(|| self.project.clone());
        let filter = Filter {
            project,
            status,
            after,
            limit: limit.saturating_add(1),
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
        let lines = read::of_project(&self.store, &self.project, OPEN_MATTERS).await?;
        let overlaps = overlaps::of_project(&self.store, &self.project).await?;
        Ok(CatchUp::of(&lines, &overlaps, self.clock.now_ms()))
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
