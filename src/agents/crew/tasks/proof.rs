//! What is given as evidence that a task is done, held against what ostler finds itself. Whatever
//! cannot be found out does not hold.

use std::path::PathBuf;
use std::time::Duration;

use crate::agents::assignment::has_worked;
use crate::agents::crew::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::tasks::{self, CameOut};
use crate::agents::record::{Line, read};
use crate::config::Permission;
use crate::ids::AgentId;
use crate::providers::shell::{Ran, Shell};
use crate::tasks::{LinkKind, Proof, Task, TaskError};
use crate::workspaces::Git;

use super::Shown;

/// Most commits.
const COMMITS: usize = 50;
/// Longest command, in bytes: what the log of an agent has whole.
const COMMAND: usize = 4 * 1024;
/// How long a command may take. Clients give up on a tool after a minute.
const PATIENCE: Duration = Duration::from_secs(50);
/// How long git may look.
const LOOK: Duration = Duration::from_secs(20);
/// How much is told of the output of a command that fails, in characters.
const OUTPUT: usize = 600;
/// Longest words of a person, in bytes.
const SEEN: usize = 4 * 1024;
/// How often the log of an agent is looked into, and how long between: its CLI tells us of the end of
/// a command while it tells its model.
const LOOKS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(200);

/// Checks evidence about one task for one caller.
pub(super) struct Examiner<'a> {
    pub(super) crew: &'a Crew,
    /// The agent that asks; `None` for a session or a person.
    pub(super) caller: Option<&'a Line>,
    pub(super) is_person: bool,
    pub(super) task: &'a Task,
}

impl Examiner<'_> {
    /// The proof in `shown`, if all of it holds. The command comes last, because it may take a while.
    pub(super) async fn examine(&self, shown: &Shown) -> Result<Proof, AgentError> {
        let mut proof = Proof::default();
        let seen = shown.seen.trim();
        if !seen.is_empty() && !self.is_person {
            let problem = "only a person can have seen it; give commits, a command or an agent";
            return Err(self.lacks(problem).into());
        }
        if seen.len() > SEEN {
            return Err(AgentError::TooLong {
                field: "seen",
                bytes: seen.len(),
                limit: SEEN,
            });
        }
        seen.clone_into(&mut proof.seen);
        if shown.commits.len() > COMMITS {
            let problem = format!("has more than {COMMITS} entries");
            return Err(AgentError::BadValue {
                field: "commits",
                problem,
            });
        }
        for commit in &shown.commits {
            let commit = self.commit(commit.trim()).await?;
            if !proof.commits.contains(&commit) {
                proof.commits.push(commit);
            }
        }
        if let Some(agent) = &shown.agent {
            proof.agents.push(self.agent(agent).await?);
        }
        if let Some(command) = &shown.command {
            proof.commands.push(self.command(command).await?);
        }
        Ok(proof)
    }

    fn lacks(&self, problem: impl Into<String>) -> TaskError {
        TaskError::NoEvidence {
            id: self.task.id.clone(),
            problem: problem.into(),
        }
    }

    /// Where the caller works.
    fn dir(&self) -> PathBuf {
        match self.caller {
            Some(line) => line.plan.dir(),
            None => self.crew.host.cwd.clone(),
        }
    }

    /// The full hash of a commit that can have to do with the task.
    async fn commit(&self, given: &str) -> Result<String, AgentError> {
        let shown = crate::text::one_line(given, 80);
        let is_hash =
            (4..=64).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hash {
            let problem = format!("{shown:?} is no hash of a commit");
            return Err(self.lacks(problem).into());
        }
        let given = given.to_ascii_lowercase();
        let git = Git::at(self.dir())
            .within(LOOK)
            .with("GIT_NO_LAZY_FETCH", "1");
        let failed = |error: crate::workspaces::GitError| self.lacks(format!("{shown}: {error}"));
        let revision = format!("{given}^{{commit}}");
        let ask = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &revision,
        ];
        let found = git.attempt(&ask).await.map_err(failed)?;
        let full = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        // A branch may be called like a hash.
        if found.code != Some(0) || !full.starts_with(&given) {
            let dir = git.dir().display();
            let problem = format!("{shown} is no commit of the repository in {dir}");
            return Err(self.lacks(problem).into());
        }
        let ask = [
            "log",
            "-1",
            "--no-show-signature",
            "--format=%ct",
            &full,
            "--",
        ];
        let seconds = git.run(&ask).await.map_err(failed)?;
        let made_ms = seconds
            .parse::<i64>()
            .unwrap_or_default()
            .saturating_mul(1000);
        // Git counts in seconds.
        let second = |ms: i64| ms - ms.rem_euclid(1000);
        if made_ms < second(self.task.counts_since_ms()) {
            let problem = format!("the commit {shown} is older than the task, or its reopening");
            return Err(self.lacks(problem).into());
        }
        let Some(line) = self.caller else {
            return Ok(full);
        };
        let began_ms = line.started_ms.unwrap_or(line.queued_ms);
        if made_ms < second(began_ms) {
            let problem = format!("the commit {shown} was made before your run began");
            return Err(self.lacks(problem).into());
        }
        let ask = ["merge-base", "--is-ancestor", &full, "HEAD"];
        if git.attempt(&ask).await.map_err(failed)?.code != Some(0) {
            let problem = format!("the commit {shown} is not part of what you have checked out");
            return Err(self.lacks(problem).into());
        }
        Ok(full)
    }

    /// A command that has exited 0: run by us, or, for an agent that may not have everything run, in
    /// the log of its run.
    async fn command(&self, given: &str) -> Result<String, AgentError> {
        let command = given.trim();
        if command.is_empty() {
            return Err(AgentError::Empty { field: "command" });
        }
        if command.len() > COMMAND || command.contains('\0') {
            return Err(AgentError::TooLong {
                field: "command",
                bytes: command.len(),
                limit: COMMAND,
            });
        }
        match self.caller {
            Some(line) if line.plan.launch.permission != Permission::Full => {
                self.was_run(line, command).await?;
            }
            _ => self.run(command).await?,
        }
        Ok(command.to_owned())
    }

    async fn was_run(&self, line: &Line, command: &str) -> Result<(), AgentError> {
        let store = &self.crew.store;
        let logged = store.redact(command);
        let mut came_out = None;
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN).await;
            }
            let mut connection = store.read().acquire().await.map_err(TaskError::from)?;
            let (agent, run_no) = (&line.id, line.run_no);
            came_out = tasks::last_of_command(&mut connection, agent, run_no, &logged).await?;
            if !matches!(came_out, None | Some(CameOut::Runs)) {
                break;
            }
        }
        let problem = match came_out {
            Some(CameOut::Exited(0)) => return Ok(()),
            Some(CameOut::Exited(code)) => {
                format!("the command had exit code {code} when you ran it last")
            }
            Some(CameOut::Untold) => "it is not known how that command came out".to_owned(),
            Some(CameOut::Runs) => "the command has no end yet".to_owned(),
            None => "you have not run exactly that command; run it first, alone".to_owned(),
        };
        Err(self.lacks(problem).into())
    }

    async fn run(&self, command: &str) -> Result<(), AgentError> {
        let crew = self.crew;
        crew.be_ready_to_run()?;
        let mark = format!("close-{}", crew.ids.token());
        let lineage = crew.host.lineage.errand(crew.owner(), &mark);
        let (cwd, env_allow) = (self.dir(), crew.config.agents.env_allow.clone());
        let (ostler, closing) = (crew.program.clone(), crew.closing.clone());
        let line = command.to_owned();
        let gone = tokio_util::sync::CancellationToken::new();
        // Who goes away meanwhile leaves nothing running behind.
        let _here = gone.clone().drop_guard();
        let work = crew.tasks.spawn(async move {
            let shell = Shell {
                cwd: &cwd,
                lineage: &lineage,
                mark: &mark,
                env_allow: &env_allow,
                ostler: &ostler,
                patience: PATIENCE,
            };
            let ran = tokio::select! {
                ran = shell.run(&line) => Some(ran),
                () = gone.cancelled() => None,
                () = closing.cancelled() => None,
            };
            if ran.is_none() {
                shell.clear().await;
            }
            ran
        });
        let problem = match work.await {
            Ok(Some(Ok(ran))) if ran.is_success() => return Ok(()),
            Ok(Some(Ok(ran))) if ran.timed_out => {
                let seconds = PATIENCE.as_secs();
                format!("the command did not end within {seconds} s; take a quicker check")
            }
            Ok(Some(Ok(ran))) => failed(&ran),
            Ok(Some(Err(error))) => format!("the command cannot be started: {error}"),
            Ok(None) | Err(_) => return Err(AgentError::ShuttingDown),
        };
        Err(self.lacks(problem).into())
    }

    /// An agent that has shown it: one that was spawned for the task and did what was expected, or
    /// one of another family that has read the task after the work and approved.
    async fn agent(&self, name: &str) -> Result<AgentId, AgentError> {
        let crew = self.crew;
        let id = crew.named(name).await?;
        if self.caller.is_some_and(|line| line.id == id) {
            return Err(self.lacks("an agent cannot vouch for itself").into());
        }
        let line = crew.line(&id).await?;
        if !line.status.is_terminal() {
            return Err(self.lacks(format!("{id} has not ended")).into());
        }
        let texts = read::texts(&crew.store, &id, line.run_no).await?;
        let mut connection = crew.store.read().acquire().await.map_err(TaskError::from)?;
        let links = crate::tasks::rows::links(&mut connection, &self.task.id).await?;
        drop(connection);
        let is = |kind: LinkKind| {
            let mut of_kind = links.iter().filter(|link| link.kind == kind);
            of_kind.any(|link| link.target == id.as_str())
        };
        if is(LinkKind::Worker) {
            let was_for_it = line
                .plan
                .task
                .as_ref()
                .is_some_and(|own| own.id == self.task.id);
            let verified = texts.evidence.verified == Some(true);
            if line.ended_ms.unwrap_or_default() < self.task.counts_since_ms() {
                let problem = format!("{id} had ended before the task was opened again");
                return Err(self.lacks(problem).into());
            }
            return match was_for_it && verified && has_worked(line.status) {
                true => Ok(id),
                false => {
                    let problem = format!(
                        "{id} has worked on it, and nothing that was expected of that run was found \
                         by ostler"
                    );
                    Err(self.lacks(problem).into())
                }
            };
        }
        if !is(LinkKind::Reader) {
            let problem = format!(
                "{id} has neither worked on it nor was it given it to read (context `task:{}`)",
                self.task.id
            );
            return Err(self.lacks(problem).into());
        }
        for worker in links.iter().filter(|link| link.kind == LinkKind::Worker) {
            let worker = AgentId::stored(worker.target.clone());
            if let Some(worker) = read::agent(&crew.store, &worker).await?
                && outermost(&worker.path) == outermost(&line.path)
            {
                let problem = format!("{id} is of the family of {}, which did the work", worker.id);
                return Err(self.lacks(problem).into());
            }
        }
        let now_ms = crew.clock.now_ms();
        let mut connection = crew.store.read().acquire().await.map_err(TaskError::from)?;
        if line.queued_ms < tasks::worked_until(&mut connection, self.task, now_ms).await? {
            let problem = format!("{id} was spawned before the work on it had ended");
            return Err(self.lacks(problem).into());
        }
        if line.queued_ms < self.task.counts_since_ms() {
            let problem = format!("{id} has read it before it was opened again");
            return Err(self.lacks(problem).into());
        }
        let approved = texts.submitted.as_ref().and_then(|it| it.get("approved"));
        match approved {
            Some(serde_json::Value::Bool(true)) if has_worked(line.status) => Ok(id),
            Some(_) => Err(self.lacks(format!("{id} has not approved it")).into()),
            None => {
                let problem =
                    format!("{id} has handed in no result with `approved` (output_schema)");
                Err(self.lacks(problem).into())
            }
        }
    }
}

/// A command that has failed, with the end of its output on the same line.
fn failed(ran: &Ran) -> String {
    let how = match ran.code {
        Some(code) => format!("the command had exit code {code}"),
        None => "the command was ended by a signal".to_owned(),
    };
    let over = ran.output.chars().count().saturating_sub(OUTPUT);
    let end: String = ran.output.chars().skip(over).collect();
    match crate::text::one_line(&end, OUTPUT) {
        end if end.is_empty() => how,
        end => format!("{how}; the end of its output: {end}"),
    }
}

/// The agent at the top of a family, in a path such as `/a-1/a-2/`.
fn outermost(path: &str) -> Option<&str> {
    path.split('/').find(|agent| !agent.is_empty())
}
