//! What to do next with each task, from where it stands, what its agent has come to, and what of that
//! is on the branch. Pure: whoever died at any moment finds the same answer again.

use crate::ids::{AgentId, TaskId};

/// All that counts at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Agents that may be at work.
    pub(crate) max: usize,
    /// Runs of an agent that may fail at its task.
    pub(crate) attempts: u32,
    /// A branch is being merged.
    pub(crate) merging: bool,
    /// Tasks that were begun, in the order in which they were, and then those that are ready, the
    /// best first.
    pub(crate) items: Vec<Item>,
}

/// A task.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) task: TaskId,
    pub(crate) title: String,
    /// Somebody may begin to work on it.
    pub(crate) ready: bool,
    pub(crate) held: Held,
    pub(crate) nature: Nature,
    /// The agent that works on it, or did.
    pub(crate) work: Option<Work>,
}

/// Who has the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Nobody,
    Us,
    Other,
}

/// What it takes to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Commits.
    Writes,
    /// An answer.
    Reads,
    /// Its parts, which are done.
    Parts,
    /// Its parts, which are done, and somebody who finds that its criteria hold.
    PartsAndReview,
}

/// The agent of a task.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) agent: AgentId,
    pub(crate) run_no: u32,
    pub(crate) end: End,
    /// What is on its branch; told of runs that have worked.
    pub(crate) brought: Brought,
    /// Runs that failed at the task.
    pub(crate) failures: u32,
    /// This run was found to be one of them.
    pub(crate) judged: bool,
}

/// How its run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It has not.
    Live,
    /// It has done what was expected.
    Worked,
    /// By no fault of its own: its process died, or was asked to leave.
    CutOff,
    /// It has not done what was expected; what is missing.
    Failed(String),
    /// Somebody has stopped it.
    Withdrawn(String),
}

/// What a run has left on its branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Brought {
    /// Nothing that would change anything.
    Nothing,
    /// Work up to this commit, which has to be merged.
    Ahead(String),
    /// Work that came in with this commit.
    Merged(String),
    /// Less than it has made: something in its working tree could not be committed, and why.
    Short(String),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin a task with a new agent.
    Spawn { task: TaskId },
    /// Have its agent go on.
    Resume { task: TaskId, agent: AgentId },
    /// Bring the agent's work in.
    Merge {
        task: TaskId,
        agent: AgentId,
        commit: String,
    },
    /// The task is done.
    Close {
        task: TaskId,
        agent: Option<AgentId>,
        commit: Option<String>,
    },
    /// The run has failed at the task; for good, if it is the last one.
    Judge {
        task: TaskId,
        agent: AgentId,
        run_no: u32,
        why: String,
        last: bool,
    },
}

impl Action {
    /// The task that it is about.
    pub(crate) fn task(&self) -> &TaskId {
        match self {
            Action::Spawn { task }
            | Action::Resume { task, .. }
            | Action::Merge { task, .. }
            | Action::Close { task, .. }
            | Action::Judge { task, .. } => task,
        }
    }

    /// Whether an agent is put to work by it.
    pub(crate) fn starts(&self) -> bool {
        matches!(self, Action::Spawn { .. } | Action::Resume { .. })
    }
}

/// What is said of an agent that worked and left nothing.
pub(crate) const NOTHING: &str = "it has committed nothing on its branch that changes anything";

/// What to do next. Empty: wait, if anything is going on, else it is over.
pub(crate) fn next(state: &State) -> Vec<Action> {
    let live = state.items.iter().filter(|item| item.is_live()).count();
    let mut room = state.max.saturating_sub(live);
    let mut merging = state.merging;
    let mut actions = Vec::new();
    for item in &state.items {
        let action = match &item.work {
            None => item.begin(),
            Some(work) => item.go_on(work, state.attempts),
        };
        match action {
            Some(Action::Spawn { .. } | Action::Resume { .. }) if room == 0 => {}
            // One after the other: each has to fit what came before it.
            Some(Action::Merge { .. }) if merging => {}
            Some(action) => {
                match action {
                    Action::Spawn { .. } | Action::Resume { .. } => room -= 1,
                    Action::Merge { .. } => merging = true,
                    _ => {}
                }
                actions.push(action);
            }
            None => {}
        }
    }
    actions
}

impl Item {
    pub(crate) fn is_live(&self) -> bool {
        let end = self.work.as_ref().map(|work| &work.end);
        end == Some(&End::Live)
    }

    /// Whether nothing keeps us from working on it.
    fn is_ours(&self) -> bool {
        match self.held {
            Held::Us => true,
            Held::Nobody => self.ready,
            Held::Other => false,
        }
    }

    fn begin(&self) -> Option<Action> {
        let task = self.task.clone();
        match self.nature {
            _ if !self.is_ours() => None,
            Nature::Writes | Nature::Reads => Some(Action::Spawn { task }),
            Nature::Parts => Some(Action::Close {
                task,
                agent: None,
                commit: None,
            }),
            Nature::PartsAndReview => None,
        }
    }

    fn go_on(&self, work: &Work, attempts: u32) -> Option<Action> {
        let (task, agent) = (self.task.clone(), work.agent.clone());
        if work.end == End::Live || !self.is_ours() {
            return None;
        }
        if work.judged {
            return (work.failures < attempts).then_some(Action::Resume { task, agent });
        }
        let judged = |why: &str, last: bool| {
            Some(Action::Judge {
                task: self.task.clone(),
                agent: work.agent.clone(),
                run_no: work.run_no,
                why: why.to_owned(),
                last,
            })
        };
        match (&work.end, &work.brought, self.nature) {
            (End::Live, ..) => None,
            (End::CutOff, ..) => Some(Action::Resume { task, agent }),
            (End::Failed(why), ..) => judged(why, false),
            (End::Withdrawn(why), ..) => judged(why, true),
            (End::Worked, Brought::Merged(commit), _) => Some(Action::Close {
                task,
                agent: Some(agent),
                commit: Some(commit.clone()),
            }),
            (End::Worked, Brought::Nothing, Nature::Writes) => judged(NOTHING, false),
            (End::Worked, Brought::Short(why), Nature::Writes) => judged(why, false),
            (End::Worked, Brought::Ahead(commit), Nature::Writes) => Some(Action::Merge {
                task,
                agent,
                commit: commit.clone(),
            }),
            // An answer needs no commit, and what came along is nothing that was asked for.
            (End::Worked, ..) => Some(Action::Close {
                task,
                agent: Some(agent),
                commit: None,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(number: u32) -> TaskId {
        TaskId::stored(format!("t-{number}"))
    }

    fn agent() -> AgentId {
        AgentId::stored("a-1".to_owned())
    }

    fn ready(number: u32) -> Item {
        Item {
            task: task(number),
            title: String::new(),
            ready: true,
            held: Held::Nobody,
            nature: Nature::Writes,
            work: None,
        }
    }

    fn worked(end: End, brought: Brought) -> Item {
        Item {
            work: Some(Work {
                agent: agent(),
                run_no: 1,
                end,
                brought,
                failures: 0,
                judged: false,
            }),
            held: Held::Us,
            ready: false,
            ..ready(1)
        }
    }

    /// The same once nobody holds it any more, as after the death of whoever did.
    fn let_go(item: Item) -> Item {
        Item {
            held: Held::Nobody,
            ready: true,
            ..item
        }
    }

    fn of(items: Vec<Item>) -> Vec<Action> {
        next(&State {
            max: 2,
            attempts: 2,
            merging: false,
            items,
        })
    }

    fn spawn(number: u32) -> Action {
        Action::Spawn { task: task(number) }
    }

    fn resume() -> Action {
        Action::Resume {
            task: task(1),
            agent: agent(),
        }
    }

    fn judge(why: &str, last: bool) -> Action {
        Action::Judge {
            task: task(1),
            agent: agent(),
            run_no: 1,
            why: why.to_owned(),
            last,
        }
    }

    fn merge() -> Action {
        Action::Merge {
            task: task(1),
            agent: agent(),
            commit: "c".to_owned(),
        }
    }

    fn close(commit: Option<&str>) -> Action {
        Action::Close {
            task: task(1),
            agent: Some(agent()),
            commit: commit.map(str::to_owned),
        }
    }

    #[test]
    fn as_many_are_begun_as_there_is_room_for_in_the_order_that_is_given() {
        assert_eq!(of(vec![ready(3), ready(1), ready(2)]), [spawn(3), spawn(1)]);
        let live = worked(End::Live, Brought::Nothing);
        assert_eq!(of(vec![live.clone(), ready(2), ready(3)]), [spawn(2)]);
        assert_eq!(of(vec![live.clone(), live, ready(2)]), []);
    }

    #[test]
    fn each_end_of_a_run_has_one_answer() {
        let (ahead, merged) = (
            Brought::Ahead("c".to_owned()),
            Brought::Merged("m".to_owned()),
        );
        let failed = End::Failed("bad".to_owned());
        let withdrawn = End::Withdrawn("no".to_owned());
        let table = [
            (End::Live, ahead.clone(), vec![]),
            (End::Worked, ahead.clone(), vec![merge()]),
            (End::Worked, merged.clone(), vec![close(Some("m"))]),
            (End::Worked, Brought::Nothing, vec![judge(NOTHING, false)]),
            (
                End::Worked,
                Brought::Short("left".to_owned()),
                vec![judge("left", false)],
            ),
            (End::CutOff, Brought::Nothing, vec![resume()]),
            (End::CutOff, ahead.clone(), vec![resume()]),
            (failed.clone(), ahead.clone(), vec![judge("bad", false)]),
            (failed, Brought::Nothing, vec![judge("bad", false)]),
            (withdrawn, ahead, vec![judge("no", true)]),
        ];
        for (end, brought, expected) in table {
            let item = worked(end, brought);
            assert_eq!(of(vec![item.clone()]), expected, "{item:?}");
            // Who takes over from a dead process goes on in the same way.
            assert_eq!(of(vec![let_go(item.clone())]), expected, "{item:?}");
            // What somebody else holds is theirs.
            let held = Item {
                held: Held::Other,
                ready: false,
                ..item
            };
            assert_eq!(of(vec![held]), []);
        }
    }

    #[test]
    fn an_answer_needs_no_commit() {
        for brought in [Brought::Nothing, Brought::Ahead("c".to_owned())] {
            let item = Item {
                nature: Nature::Reads,
                ..worked(End::Worked, brought)
            };
            assert_eq!(of(vec![item]), [close(None)]);
        }
    }

    #[test]
    fn a_run_that_failed_is_judged_once_and_goes_on_as_often_as_there_are_attempts() {
        let after = |failures| {
            let mut item = let_go(worked(End::Worked, Brought::Ahead("c".to_owned())));
            let work = item.work.as_mut().unwrap();
            (work.failures, work.judged) = (failures, true);
            item
        };
        assert_eq!(of(vec![after(1)]), [resume()]);
        assert_eq!(of(vec![after(2)]), []);
        // It has given up its place: others go on.
        assert_eq!(of(vec![after(2), ready(2)]), [spawn(2)]);
        let blocked = Item {
            ready: false,
            ..after(1)
        };
        assert_eq!(of(vec![blocked]), []);
    }

    #[test]
    fn branches_are_merged_one_after_the_other_while_others_work() {
        let ahead = worked(End::Worked, Brought::Ahead("c".to_owned()));
        let both = vec![ahead.clone(), ahead.clone(), ready(2)];
        assert_eq!(of(both.clone()), [merge(), spawn(2)]);
        let state = State {
            max: 2,
            attempts: 2,
            merging: true,
            items: both,
        };
        assert_eq!(next(&state), [spawn(2)]);
    }

    #[test]
    fn an_epic_is_done_with_its_parts_unless_somebody_has_to_look() {
        let epic = |nature| Item { nature, ..ready(1) };
        let done = Action::Close {
            task: task(1),
            agent: None,
            commit: None,
        };
        assert_eq!(of(vec![epic(Nature::Parts)]), [done]);
        assert_eq!(of(vec![epic(Nature::PartsAndReview)]), []);
    }
}
