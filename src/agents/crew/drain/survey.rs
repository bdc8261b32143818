//! A look at where every task of a drain stands: its row, its agent's last run, and what that has left
//! on its branch.

use std::collections::HashMap;

use super::{INTERRUPTED, Job, Memory, USED_UP};
use crate::agents::crew::Crew;
use crate::agents::drain::plan::{Brought, End, Held, Item, Nature, State, Work};
use crate::agents::drain::rows::{self, Begun};
use crate::agents::error::AgentError;
use crate::agents::lifecycle::Status;
use crate::agents::record::{Line, read};
use crate::ids::{AgentId, TaskId};
use crate::tasks::{Holder, Kind, Task, rows as tasks};
use crate::workspaces::integrate::IntegrateError;
use crate::workspaces::{Tree, TreeState, rows as trees, unsaved};

/// What was found out about a run's branch, for as long as the branch that it is held against stays
/// where it is.
#[derive(Default)]
pub(super) struct Known {
    brought: HashMap<AgentId, (u32, String, Brought)>,
    titles: HashMap<TaskId, String>,
}

impl Known {
    pub(super) fn forget(&mut self, agent: &AgentId) {
        self.brought.remove(agent);
    }

    pub(super) fn title(&self, task: &TaskId) -> String {
        self.titles.get(task).cloned().unwrap_or_default()
    }
}

impl Crew {
    /// Looks at everything that counts.
    pub(super) async fn survey(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        merging: bool,
    ) -> Result<State, AgentError> {
        let tracker = self.session_tracker();
        tracker.expire().await?;
        let begun = rows::begun(&self.store, &job.id).await?;
        let wanted = &job.request.wanted;
        let mut items = Vec::new();
        let mut connection = self.store.read().acquire().await.map_err(sql)?;
        // As many as there is room for, behind those that are begun or cannot be.
        let known = begun.len() + memory.refused.len();
        let limit = job
            .request
            .max
            .saturating_add(u32::try_from(known).unwrap_or(u32::MAX));
        let ready = tracker.best_in(&mut connection, wanted, limit).await?;
        drop(connection);
        for row in &begun {
            if let Some(task) = self.task(&row.task).await? {
                let item = self.begun_item(job, memory, task, row).await?;
                if item.is_live() || !memory.refused.contains_key(&item.task) {
                    items.push(item);
                }
            }
        }
        for id in ready {
            let is_known =
                begun.iter().any(|row| row.task == id) || memory.refused.contains_key(&id);
            if !is_known && let Some(task) = self.task(&id).await? {
                items.push(self.item(memory, &task));
            }
        }
        Ok(State {
            max: usize::try_from(job.request.max).unwrap_or(usize::MAX),
            attempts: job.request.attempts,
            merging,
            items,
        })
    }

    async fn task(&self, id: &TaskId) -> Result<Option<Task>, AgentError> {
        let mut connection = self.store.read().acquire().await.map_err(sql)?;
        Ok(tasks::get(&mut connection, &self.project, id).await?)
    }

    fn item(&self, memory: &mut Memory, task: &Task) -> Item {
        let titles = &mut memory.known.titles;
        titles.insert(task.id.clone(), task.title.clone());
        let us = Holder::Session(self.host.session.clone());
        let is_sum = task.kind == Kind::Epic && task.children > 0;
        Item {
            task: task.id.clone(),
            title: task.title.clone(),
            ready: task.is_ready(self.clock.now_ms()),
            held: match &task.holder {
                None => Held::Nobody,
                Some(holder) if *holder == us => Held::Us,
                Some(_) => Held::Other,
            },
            nature: match (is_sum, task.acceptance.trim().is_empty(), task.writes) {
                (true, true, _) => Nature::Parts,
                (true, false, _) => Nature::PartsAndReview,
                (false, _, true) => Nature::Writes,
                (false, _, false) => Nature::Reads,
            },
            work: None,
        }
    }

    async fn begun_item(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        task: Task,
        row: &Begun,
    ) -> Result<Item, AgentError> {
        let mut item = self.item(memory, &task);
        // One that was removed for good has nothing to go on from.
        let Some(line) = read::agent(&self.store, &row.agent).await? else {
            return Ok(item);
        };
        let end = self.end(job, &line).await?;
        if is_unfit(&line) && memory.started.contains(&line.id) {
            memory.unfit = Some(format!("cannot be used: {}", line.detail));
        }
        let judged = row.judged >= line.run_no;
        let brought = match end {
            End::Worked if !judged && item.held != Held::Other => {
                self.brought(job, memory, &line, row).await?
            }
            _ => Brought::Nothing,
        };
        if line.status == Status::Running {
            job.say(memory, &task.id, Some(&line.id), line.status.as_str());
        }
        item.work = Some(Work {
            agent: line.id,
            run_no: line.run_no,
            end,
            brought,
            failures: row.failures,
            judged,
        });
        Ok(item)
    }

    async fn end(&self, job: &Job<'_>, line: &Line) -> Result<End, AgentError> {
        let told = || match (line.reason.as_str(), line.detail.as_str()) {
            ("", "") => format!("its run ended as {}", line.status),
            (reason, "") => format!("its run ended as {} ({reason})", line.status),
            (_, detail) => format!("its run ended as {}: {detail}", line.status),
        };
        Ok(match line.status {
            Status::Queued | Status::Running => End::Live,
            Status::Completed | Status::Steered => {
                let texts = read::texts(&self.store, &line.id, line.run_no).await?;
                match texts.evidence.verified {
                    Some(false) => {
                        let failed = texts.evidence.failed.iter();
                        let failed = failed.map(|unmet| format!("{}: {}", unmet.what, unmet.why));
                        End::Failed(failed.collect::<Vec<_>>().join("\n"))
                    }
                    _ => End::Worked,
                }
            }
            Status::Error if line.reason == "owner_lost" || is_unfit(line) => End::CutOff,
            Status::Stopped if self.was_cut_off(job, line) => End::CutOff,
            // What others left of the drain's money is no measure of the task.
            Status::Aborted if line.reason == "max_cost_usd" && self.had_a_share(line) => {
                End::CutOff
            }
            Status::Stopped => End::Withdrawn(format!("it was stopped: {}", line.detail)),
            Status::Aborted | Status::Error => End::Failed(told()),
        })
    }

    /// Whether a stop was not meant for the agent but for the process that ran it; what happened before
    /// this process took the drain up does not count against the agent either.
    fn was_cut_off(&self, job: &Job<'_>, line: &Line) -> bool {
        let ended_ms = line.ended_ms.unwrap_or_default();
        let meant = [INTERRUPTED, USED_UP];
        ended_ms < job.began_ms || meant.iter().any(|why| line.detail.ends_with(why))
    }

    /// What a run that has worked has left on its branch, held against the branch of the drain.
    async fn brought(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        line: &Line,
        row: &Begun,
    ) -> Result<Brought, AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        let trunk = &job.trunk;
        let stands_at = trunk.tip().await.map_err(git)?.unwrap_or_default();
        if let Some((run_no, at, brought)) = memory.known.brought.get(&line.id)
            && (*run_no, at) == (line.run_no, &stands_at)
        {
            return Ok(brought.clone());
        }
        let tree = trees::of_agent(&self.store, &line.id).await?;
        let tip = match &tree {
            Some(tree) => trunk.tip_of(&tree.branch).await.map_err(git)?,
            None => None,
        };
        // Once it is merged the branch may be taken away.
        let tip = tip.or_else(|| (!row.tip.is_empty()).then(|| row.tip.clone()));
        let brought = match tip {
            None => Brought::Nothing,
            Some(tip) => match trunk.merge_of(&tip, &job.base).await.map_err(git)? {
                Some(merge) => Brought::Merged(merge),
                // Somebody else has brought in what we were about to.
                None if tip == row.tip && trunk.has(&tip).await.map_err(git)? => {
                    Brought::Merged(tip)
                }
                None => match left_over(tree.as_ref()).await {
                    Some(why) => Brought::Short(format!("not everything is on its branch: {why}")),
                    None if trunk.would_change(&tip).await.map_err(git)? => Brought::Ahead(tip),
                    None => Brought::Nothing,
                },
            },
        };
        let known = (line.run_no, stands_at, brought.clone());
        memory.known.brought.insert(line.id.clone(), known);
        Ok(brought)
    }
}

/// Whether a run could not have worked at any task: its CLI, its login or its model is amiss.
fn is_unfit(line: &Line) -> bool {
    let amiss = ["not_installed", "not_logged_in", "bad_model", "quota"];
    line.status == Status::Error && amiss.contains(&line.reason.as_str())
}

/// What a tree holds beside its branch and would not be merged with it.
async fn left_over(tree: Option<&Tree>) -> Option<String> {
    let tree = tree.filter(|tree| tree.state != TreeState::Removed)?;
    // A tree that its agent has broken is the agent's failure and not that of the drain.
    unsaved(tree)
        .await
        .unwrap_or_else(|error| Some(error.to_string()))
}

fn sql(error: sqlx::Error) -> AgentError {
    AgentError::Store(error.into())
}
