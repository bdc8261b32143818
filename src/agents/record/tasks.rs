//! Agents and tasks on record: the claim that is written together with a run, and what becomes of it
//! in the transaction that gives the run its end. There is never a run without its claim, nor a claim
//! without its run.

use sqlx::AnyConnection;

use super::{Ending, NewAgent, Plan, Scribe};
use crate::agents::assignment::{self, Assignment, AtEnd, TaskStanding};
use crate::agents::drain::rows as drains;
use crate::agents::evidence::Evidence;
use crate::agents::lifecycle::Status;
use crate::config::Permission;
use crate::ids::{AgentId, NoteId, OwnerId, ProjectId};
use crate::store::{StoreError, Tx, statements};
use crate::tasks::{
    Actor, Close, Holder, Link, LinkKind, Note, NoteKind, Proof, Reason, Status as TaskStatus,
    Task, TaskError, Tracker, claim, rows,
};

statements! {
    RUN = "SELECT agent.project_id, agent.session, run.owner_id, run.launch FROM agent JOIN run
        ON run.agent_id = agent.id WHERE agent.id = $1 AND run.run_no = $2";
    RUNS = "SELECT count(*) FROM agent JOIN run
        ON run.agent_id = agent.id AND run.run_no = agent.run_no
        WHERE agent.id = $1 AND run.run_no = $2 AND run.status = 'running'";
    /// The exit code of exactly that command, the last time that the run has called it: -1 where the
    /// protocol does not tell, -2 while it has no end.
    LAST_OF_COMMAND = "SELECT coalesce((SELECT coalesce(done.body ->> 'exit_code', -1)
          FROM event AS done WHERE done.agent_id = begun.agent_id AND done.run_no = begun.run_no
          AND done.seq > begun.seq AND done.kind = 'tool_result'
          AND done.body ->> 'id' = begun.body ->> 'id' ORDER BY done.seq LIMIT 1), -2)
        FROM event AS begun WHERE begun.agent_id = $1 AND begun.run_no = $2
          AND begun.kind = 'tool' AND begun.body ->> 'shell' = 1 AND begun.body ->> 'input' = $3
        ORDER BY begun.seq DESC LIMIT 1";
    /// When the last run that worked on the task has ended; now, $2, if one has not.
    WORKED_UNTIL = "SELECT coalesce(max(coalesce(run.ended_ms, $2)), 0) FROM task_link
        JOIN agent ON agent.id = task_link.target
        JOIN run ON run.agent_id = agent.id
        WHERE task_link.task_id = $1 AND task_link.kind = 'worker'";
}

/// A run as far as its tasks are concerned.
struct Run {
    project: ProjectId,
    session: String,
    owner: OwnerId,
    task: Option<Assignment>,
    /// The command that was to succeed.
    command: Option<String>,
    /// Whether what was expected takes more than to leave everything alone.
    expects_work: bool,
}

async fn run(
    connection: &mut AnyConnection,
    agent: &AgentId,
    run_no: u32,
) -> Result<Option<Run>, StoreError> {
    let row: Option<(String, String, String, String)> = sqlx::query_as(RUN)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .fetch_optional(connection)
        .await?;
    let Some((project, session, owner, plan)) = row else {
        return Ok(None);
    };
    let plan: Plan = super::read::parse("launch", &plan)?;
    Ok(Some(Run {
        project: ProjectId::stored(project),
        session,
        owner: OwnerId::stored(owner),
        task: plan.task,
        expects_work: plan.expect.as_ref().is_some_and(|expect| {
            expect.command.is_some() || expect.commits || !expect.files.is_empty()
        }),
        command: plan.expect.and_then(|expect| expect.command),
    }))
}

fn tracker<'a>(scribe: &Scribe<'a>, project: &'a ProjectId, actor: Actor) -> Tracker<'a> {
    Tracker {
        store: scribe.store,
        clock: scribe.clock,
        ids: scribe.ids,
        project,
        actor,
    }
}

/// Claims the task that a new run of `agent` is for, and links it with those that it is given to read.
pub(crate) async fn claim_for(
    tx: &mut Tx,
    scribe: &Scribe<'_>,
    agent: &NewAgent<'_>,
) -> Result<(), TaskError> {
    let at_ms = scribe.clock.now_ms();
    for task in agent.reads {
        let reader = Link {
            kind: LinkKind::Reader,
            target: agent.id.to_string(),
            at_ms,
        };
        // It may have been deleted since it was read.
        if rows::get(tx, agent.project, task).await?.is_some() {
            rows::add_link(tx, task, &reader).await?;
        }
    }
    let Some(task) = &agent.plan.task else {
        return Ok(());
    };
    let actor = Actor::Agent {
        id: agent.id.clone(),
        read_only: agent.plan.launch.permission == Permission::ReadOnly,
    };
    let from = match agent.parent {
        Some(parent) => Holder::Agent(parent.clone()),
        None => Holder::Session(agent.session.to_owned()),
    };
    let tracker = tracker(scribe, agent.project, actor);
    tracker.claim_at_spawn(tx, &task.id, &from).await?;
    if let Some(drain) = &task.drain {
        drains::add(tx, drain, &task.id, agent.id, scribe.clock.now_ms()).await?;
    }
    Ok(())
}

/// Settles what a run that is about to get its end had to do with tasks: its own is closed, handed
/// back or left open, with an account of the run; whatever else the agent holds is given back.
pub(crate) async fn settle(
    tx: &mut Tx,
    scribe: &Scribe<'_>,
    (agent, run_no): (&AgentId, u32),
    to: Status,
    ending: &mut Ending,
) -> Result<(), StoreError> {
    if let Some(run) = run(tx, agent, run_no).await?
        && let Some(assignment) = &run.task
    {
        let actor = Actor::Agent {
            id: agent.clone(),
            read_only: false,
        };
        let tracker = tracker(scribe, &run.project, actor);
        let mut why = String::new();
        if let Some(task) = rows::get(tx, &run.project, &assignment.id).await? {
            keep_account(tx, scribe, &task, agent, to, ending).await?;
            if task.holder == Some(Holder::Agent(agent.clone())) && assignment::has_worked(to) {
                why = match assignment.at_end {
                    AtEnd::Close => {
                        close(tx, &tracker, &task, &run, agent, &ending.evidence).await?
                    }
                    AtEnd::HandBack => {
                        let session = Actor::Session {
                            id: run.session.clone(),
                            dies_with: Some(run.owner.clone()),
                        };
                        let now_ms = scribe.clock.now_ms();
                        claim::hand_over(tx, &task.id, agent, &session, now_ms).await?;
                        "it is for whoever has spawned the agent to decide".to_owned()
                    }
                };
            }
        }
        release(tx, scribe, agent, to, &ending.reason).await?;
        let mut standing = standing(tx, &tracker, assignment).await?;
        standing.why = why;
        ending.evidence.task = Some(standing);
        return Ok(());
    }
    release(tx, scribe, agent, to, &ending.reason).await
}

async fn release(
    tx: &mut Tx,
    scribe: &Scribe<'_>,
    agent: &AgentId,
    to: Status,
    reason: &str,
) -> Result<(), StoreError> {
    let why = assignment::ended_as(agent, to, reason);
    claim::release_of_agent(tx, agent, &why, scribe.clock, scribe.ids).await
}

/// Adds what the run has come to, to the task's history and links.
async fn keep_account(
    tx: &mut Tx,
    scribe: &Scribe<'_>,
    task: &Task,
    agent: &AgentId,
    to: Status,
    ending: &Ending,
) -> Result<(), StoreError> {
    let at_ms = scribe.clock.now_ms();
    let note = Note {
        id: NoteId::new(scribe.ids),
        at_ms,
        kind: NoteKind::Result,
        by: "ostler".to_owned(),
        text: scribe.store.redact(&assignment::account(agent, to, ending)),
    };
    rows::add_note(tx, &task.id, &note).await?;
    let evidence = &ending.evidence;
    let branch = evidence.workspace.iter().filter(|tree| tree.commits > 0);
    let branches = branch.map(|tree| (LinkKind::Branch, &tree.branch));
    let commits = evidence.commits.iter().map(|it| (LinkKind::Commit, it));
    for (kind, target) in branches.chain(commits) {
        let target = target.clone();
        let link = Link {
            kind,
            target,
            at_ms,
        };
        rows::add_link(tx, &task.id, &link).await?;
    }
    Ok(())
}

/// Closes the task of a run if what was expected of it holds; why not, else.
async fn close(
    tx: &mut Tx,
    tracker: &Tracker<'_>,
    task: &Task,
    run: &Run,
    agent: &AgentId,
    evidence: &Evidence,
) -> Result<String, StoreError> {
    match evidence.verified {
        Some(true) => {}
        Some(false) => return Ok("what was expected of the agent does not hold".to_owned()),
        None => return Ok("nothing has shown that it is done".to_owned()),
    }
    // A tree that nobody has touched is clean.
    if !run.expects_work && evidence.commits.is_empty() && evidence.files_written.is_empty() {
        return Ok("what was expected of the agent holds without any work".to_owned());
    }
    let close = Close {
        reason: Reason::Done,
        why: format!("ostler has found what was expected of {agent}"),
        proof: Proof {
            commits: evidence.commits.clone(),
            commands: run.command.iter().cloned().collect(),
            agents: vec![agent.clone()],
            seen: String::new(),
        },
        fence: None,
    };
    match tracker.close_in(tx, task, &close).await {
        Ok(_) => Ok(String::new()),
        Err(TaskError::Store(error)) => Err(error),
        Err(refused) => Ok(refused.to_string()),
    }
}

async fn standing(
    tx: &mut Tx,
    tracker: &Tracker<'_>,
    assignment: &Assignment,
) -> Result<TaskStanding, StoreError> {
    let mut standing = TaskStanding {
        id: assignment.id.clone(),
        status: "gone".to_owned(),
        why: String::new(),
        unblocked: Vec::new(),
    };
    if let Some(task) = rows::get(tx, tracker.project, &assignment.id).await? {
        let reason = task.reason.map(Reason::as_str);
        standing.status = reason.unwrap_or(task.status.as_str()).to_owned();
        if task.status == TaskStatus::Closed {
            standing.unblocked = match tracker.unblocked_by(tx, &task).await {
                Ok(unblocked) => unblocked,
                Err(TaskError::Store(error)) => return Err(error),
                Err(_) => Vec::new(),
            };
        }
    }
    Ok(standing)
}

/// Where the task of a run that has its end stands; `None` for a run without one.
pub(crate) async fn standing_of(
    tx: &mut Tx,
    scribe: &Scribe<'_>,
    agent: &AgentId,
    run_no: u32,
) -> Result<Option<TaskStanding>, StoreError> {
    let Some(run) = run(tx, agent, run_no).await? else {
        return Ok(None);
    };
    let Some(assignment) = &run.task else {
        return Ok(None);
    };
    let tracker = tracker(scribe, &run.project, Actor::Person);
    standing(tx, &tracker, assignment).await.map(Some)
}

/// Whether that run goes on.
pub(crate) async fn runs(
    connection: &mut AnyConnection,
    agent: &AgentId,
    run_no: u32,
) -> Result<bool, StoreError> {
    let runs: i64 = sqlx::query_scalar(RUNS)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .fetch_one(connection)
        .await?;
    Ok(runs > 0)
}

/// How a command came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CameOut {
    /// With that exit code.
    Exited(i64),
    /// The protocol does not tell.
    Untold,
    /// It has no end yet, as far as the log knows.
    Runs,
}

/// How exactly that command came out when the run called it last, as its log has it.
pub(crate) async fn last_of_command(
    connection: &mut AnyConnection,
    agent: &AgentId,
    run_no: u32,
    command: &str,
) -> Result<Option<CameOut>, StoreError> {
    let code: Option<i64> = sqlx::query_scalar(LAST_OF_COMMAND)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .bind(command)
        .fetch_optional(connection)
        .await?;
    Ok(code.map(|code| match code {
        -1 => CameOut::Untold,
        -2 => CameOut::Runs,
        code => CameOut::Exited(code),
    }))
}

/// When the last run that worked on a task has ended; now, if one goes on; 0 if there was none.
pub(crate) async fn worked_until(
    connection: &mut AnyConnection,
    task: &Task,
    now_ms: i64,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(WORKED_UNTIL)
        .bind(task.id.as_str())
        .bind(now_ms)
        .fetch_one(connection)
        .await?)
}

#[cfg(test)]
mod tests;
