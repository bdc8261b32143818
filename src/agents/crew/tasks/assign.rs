//! Spawning an agent for a task, and going on with one: which task it is, what the agent is told of
//! it, and the claim, which is taken where the run is written.

use crate::agents::assignment::{Assignment, AtEnd};
use crate::agents::context;
use crate::agents::crew::Crew;
use crate::agents::crew::requests::Draft;
use crate::agents::error::AgentError;
use crate::agents::launch::{self, SpawnRequest, Spawned};
use crate::agents::record::{Line, Plan, write};
use crate::config::Permission;
use crate::ids::{AgentId, TaskId};
use crate::project::Project;
use crate::providers;
use crate::tasks::prime::{self, Closes, Terms};
use crate::tasks::{Actor, Status, TaskError, Wanted};

/// What stands for the best ready task.
const NEXT: &str = "next";
/// How many tasks are tried that somebody else takes meanwhile.
const TRIES: u32 = 10;

impl Crew {
    /// Writes a new agent together with its claim of the task that `given` stands for: an id, or
    /// `next` for the best ready one that it may work on.
    ///
    /// # Errors
    /// As [`Crew::spawn`]; a task that somebody else holds or that is not ready, nothing that is.
    pub(in crate::agents::crew) async fn spawn_for_task(
        &self,
        request: &SpawnRequest,
        given: &str,
        caller: Option<&Line>,
    ) -> Result<Spawned, AgentError> {
        // What it may do decides which task is for it, and the task what it is called.
        let Draft { id, plan, .. } = self.draft(request, caller).await?;
        let permission = plan.launch.permission;
        let is_next = given.trim().eq_ignore_ascii_case(NEXT);
        let mut tries = if is_next { TRIES } else { 1 };
        loop {
            let task = self.task_for(&id, permission, is_next, given).await?;
            tries -= 1;
            match self.spawn_for(request, &task, caller).await {
                Err(AgentError::Task(TaskError::Held { .. } | TaskError::NotReady { .. }))
                    if tries > 0 => {}
                outcome => return outcome,
            }
        }
    }

    async fn task_for(
        &self,
        agent: &AgentId,
        permission: Permission,
        is_next: bool,
        given: &str,
    ) -> Result<TaskId, AgentError> {
        let tracker = self.tracker_of(Actor::Agent {
            id: agent.clone(),
            read_only: permission == Permission::ReadOnly,
        });
        if !is_next {
            return Ok(tracker.find(given).await?);
        }
        tracker.expire().await?;
        let mut connection = self.store.read().acquire().await.map_err(TaskError::from)?;
        let best = tracker
            .best_in(&mut connection, &Wanted::default(), 1)
            .await?;
        let filter = match permission {
            Permission::ReadOnly => " that changes no files, and this agent may only read",
            _ => "",
        };
        best.into_iter().next().ok_or_else(|| {
            let filter = filter.to_owned();
            TaskError::NothingReady { filter }.into()
        })
    }

    async fn spawn_for(
        &self,
        request: &SpawnRequest,
        id: &TaskId,
        caller: Option<&Line>,
    ) -> Result<Spawned, AgentError> {
        let facts = self.tracker_of(Actor::Person).facts(id).await?;
        let title = &facts.task.title;
        let label = launch::label_of(title);
        let request = SpawnRequest {
            label: request.label.clone().or(Some(label)),
            ..request.clone()
        };
        let mut draft = self.draft(&request, caller).await?;
        draft.plan.task = Some(Assignment {
            id: id.clone(),
            title: title.clone(),
            at_end: request.at_end,
            drain: request.drain.clone(),
        });
        let mark = format!("{}{}", self.ids.token(), self.ids.token());
        let terms = self.terms(&draft.plan);
        draft.prompt = context::clean(&prime::prompt(&facts, &terms, &mark, &draft.prompt));
        let context = self.context_block(&draft, &request, title).await?;
        self.be_ready_to_run()?;
        let agent = self.new_agent(&draft, &context, caller);
        let plan = write::enqueue(&self.scribe(), &agent)
            .await
            .map_err(|error| AgentError::admission(&draft.id, "spawned", error))?;
        self.nudge.notify_one();
        self.started(draft, &plan, context).await
    }

    /// How an agent with that plan may work on its task.
    fn terms(&self, plan: &Plan) -> Terms {
        let provider = self.config.providers.get(&plan.launch.provider);
        let takes = provider.is_some_and(|it| providers::takes_servers(it, &plan.launch));
        // Its own tree is made from there when it starts.
        let place = match &plan.workspace {
            Some(own) => &own.from,
            None => &plan.launch.cwd,
        };
        let project = Project::discover(place).ok();
        let at_end = plan.task.as_ref().map(|task| task.at_end);
        Terms {
            has_tools: takes && self.child_server.is_some(),
            may_write: plan.launch.permission != Permission::ReadOnly,
            in_repository: project.is_some_and(|project| project.key != project.root),
            runs_commands: plan.launch.permission == Permission::Full,
            closes: match (at_end, &plan.expect) {
                (Some(AtEnd::HandBack), _) => Closes::Spawner,
                (_, Some(_)) => Closes::Expectation,
                (_, None) => Closes::Agent,
            },
        }
    }

    /// Looks whether an agent that goes on can have its task again: what it is told of that, and what
    /// its caller is told if it goes on without it.
    ///
    /// # Errors
    /// A task that somebody else holds.
    pub(in crate::agents::crew) async fn task_again(
        &self,
        agent: &AgentId,
        plan: &mut Plan,
        caller: Option<&Line>,
    ) -> Result<(Option<String>, Option<String>), AgentError> {
        let Some(task) = plan.task.clone() else {
            return Ok((None, None));
        };
        let tracker = self.tracker_of(Actor::Agent {
            id: agent.clone(),
            read_only: plan.launch.permission == Permission::ReadOnly,
        });
        tracker.expire().await?;
        let without = |why: String| format!("task: {} {why}; this run goes on without it", task.id);
        let now = match tracker.facts(&task.id).await {
            Ok(facts) => facts.task,
            Err(TaskError::Unknown { .. }) => {
                plan.task = None;
                return Ok((None, Some(without("is gone".to_owned()))));
            }
            Err(error) => return Err(error.into()),
        };
        let own = self.actor(caller).told();
        let problem = match (&now.holder, now.status) {
            (Some(holder), _) if caller.is_some() || holder.told() != own => {
                return Err(AgentError::Task(TaskError::Held {
                    id: now.id,
                    holder: holder.told(),
                }));
            }
            (Some(_), _) => None,
            (None, Status::Closed) => Some(format!("is closed ({})", now.standing(now.updated_ms))),
            (None, _) if now.is_ready(self.clock.now_ms()) => None,
            (None, _) => Some(format!(
                "is not ready ({})",
                now.standing(self.clock.now_ms())
            )),
        };
        Ok(match problem {
            Some(problem) => {
                plan.task = None;
                (None, Some(without(problem)))
            }
            None => (Some(prime::again(&now.id, &now.title)), None),
        })
    }
}

/// Refuses a task where there are several agents: one alone can have its claim.
pub(in crate::agents::crew) fn one_agent_only(request: &SpawnRequest) -> Result<(), AgentError> {
    match request.task {
        Some(_) => Err(AgentError::BadValue {
            field: "task",
            problem: "is claimed by one agent; leave `n` and `providers` out, or `task`".to_owned(),
        }),
        None => Ok(()),
    }
}
