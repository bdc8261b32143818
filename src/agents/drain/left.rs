//! Why what is left is left, and whether any of it may still become ready without us. Pure.

use std::collections::HashMap;

use super::report::Left;
use crate::ids::TaskId;

/// Tasks named of those that hold another back.
const NAMED: usize = 3;

/// An open task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open {
    pub(crate) title: String,
    pub(crate) parent: Option<TaskId>,
    /// Who works on it.
    pub(crate) holder: Option<String>,
    pub(crate) deferred: Option<String>,
    /// The drain was asked for it.
    pub(crate) wanted: bool,
    /// Why the drain does not go on with it.
    pub(crate) given_up: Option<String>,
    /// The agent that had begun it.
    pub(crate) begun_by: Option<String>,
}

/// All open tasks, and what waits for what.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) tasks: HashMap<TaskId, Open>,
    /// In which order they are told.
    pub(crate) order: Vec<TaskId>,
    /// The tasks that hold a task back by an edge of its own.
    pub(crate) holding: HashMap<TaskId, Vec<TaskId>>,
    children: HashMap<TaskId, Vec<TaskId>>,
}

impl Rest {
    pub(crate) fn new(
        tasks: Vec<(TaskId, Open)>,
        holding: impl IntoIterator<Item = (TaskId, TaskId)>,
    ) -> Self {
        let mut rest = Self::default();
        for (task, open) in tasks {
            if let Some(parent) = &open.parent {
                let children = rest.children.entry(parent.clone()).or_default();
                children.push(task.clone());
            }
            rest.order.push(task.clone());
            rest.tasks.insert(task, open);
        }
        for (task, other) in holding {
            rest.holding.entry(task).or_default().push(other);
        }
        rest
    }

    /// Whether a task that was asked for may become ready by what others do.
    pub(crate) fn may_move(&self) -> bool {
        let mut known = HashMap::new();
        let mut wanted = self.order.iter().filter(|id| self.is_wanted(id));
        wanted.any(|id| self.moves(id, &mut known))
    }

    fn is_wanted(&self, id: &TaskId) -> bool {
        self.tasks.get(id).is_some_and(|open| open.wanted)
    }

    /// Whether somebody is about to close the task, or whatever it waits for and then we the task.
    fn moves(&self, id: &TaskId, known: &mut HashMap<TaskId, bool>) -> bool {
        if let Some(known) = known.get(id) {
            return *known;
        }
        // Nothing waits for itself; should it, it does not move.
        known.insert(id.clone(), false);
        let moves = match self.tasks.get(id) {
            // It is closed and holds nevertheless: one for the case that it is given up.
            None => false,
            Some(open) if open.holder.is_some() => true,
            Some(open) => {
                let waits_for = self.waits_for(id);
                let stuck = open.given_up.is_some() || open.deferred.is_some();
                // A ready one that we were asked for would be at work.
                !stuck
                    && open.wanted
                    && !waits_for.is_empty()
                    && waits_for.iter().all(|other| self.moves(other, known))
            }
        };
        known.insert(id.clone(), moves);
        moves
    }

    /// What has to be closed before a task can begin: what holds it or one of the tasks above it, and
    /// its parts.
    fn waits_for(&self, id: &TaskId) -> Vec<TaskId> {
        let mut found: Vec<TaskId> = Vec::new();
        let mut above = Some(id.clone());
        while let Some(task) = above {
            found.extend(self.holding.get(&task).into_iter().flatten().cloned());
            above = self.tasks.get(&task).and_then(|open| open.parent.clone());
        }
        found.extend(self.children.get(id).into_iter().flatten().cloned());
        found
    }

    /// The tasks that were asked for and are open, each with the reason; those that wait for others
    /// last.
    pub(crate) fn left(&self) -> Vec<Left> {
        let wanted = self.order.iter().filter(|id| self.is_wanted(id));
        let stands_alone = |id: &&TaskId| {
            let open = self.tasks.get(id);
            let is_told = |open: &Open| open.given_up.is_some() || open.holder.is_some();
            open.is_some_and(is_told) || self.waits_for(id).is_empty()
        };
        let (alone, behind): (Vec<_>, Vec<_>) = wanted.partition(stands_alone);
        let wanted = alone.into_iter().chain(behind);
        wanted
            .filter_map(|id| {
                let open = self.tasks.get(id)?;
                Some(Left {
                    task: id.clone(),
                    title: open.title.clone(),
                    why: self.why(id, open),
                })
            })
            .collect()
    }

    fn why(&self, id: &TaskId, open: &Open) -> String {
        if let Some(why) = &open.given_up {
            return why.clone();
        }
        if let Some(holder) = &open.holder {
            return format!("held by {holder}");
        }
        let waits_for = self.waits_for(id);
        if !waits_for.is_empty() {
            let named: Vec<&str> = waits_for.iter().take(NAMED).map(TaskId::as_str).collect();
            let more = match waits_for.len() - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return format!("waits for {}{more}", named.join(", "));
        }
        match &open.deferred {
            Some(until) => format!("deferred until {until}"),
            None => match &open.begun_by {
                Some(agent) => format!("begun by {agent}, which goes on with the next drain"),
                None => "not begun".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> TaskId {
        TaskId::stored(format!("t-{name}"))
    }

    fn wanted() -> Open {
        Open {
            wanted: true,
            ..Open::default()
        }
    }

    fn held() -> Open {
        Open {
            holder: Some("a-1".to_owned()),
            ..wanted()
        }
    }

    fn given_up() -> Open {
        Open {
            given_up: Some("2 attempts failed".to_owned()),
            ..wanted()
        }
    }

    fn rest(tasks: &[(&str, Open)], holding: &[(&str, &str)]) -> Rest {
        let tasks = tasks.iter().map(|(name, open)| (id(name), open.clone()));
        let holding = holding.iter().map(|(task, other)| (id(task), id(other)));
        Rest::new(tasks.collect(), holding)
    }

    fn whys(rest: &Rest) -> Vec<String> {
        rest.left().into_iter().map(|left| left.why).collect()
    }

    #[test]
    fn what_somebody_works_on_may_move_and_what_is_given_up_does_not() {
        assert!(rest(&[("a", held())], &[]).may_move());
        assert!(!rest(&[("a", given_up())], &[]).may_move());
        assert!(!rest(&[], &[]).may_move());
        let chain = [("b", "a"), ("c", "b")];
        let behind = |first: Open| rest(&[("a", first), ("b", wanted()), ("c", wanted())], &chain);
        assert!(behind(held()).may_move());
        assert!(!behind(given_up()).may_move());
        assert_eq!(
            whys(&behind(given_up())),
            ["2 attempts failed", "waits for t-a", "waits for t-b"]
        );
    }

    #[test]
    fn it_takes_all_that_holds_a_task_to_move_it() {
        let both = [("c", "a"), ("c", "b")];
        let tasks = |a: Open| rest(&[("a", a), ("b", given_up()), ("c", wanted())], &both);
        // What moves is not worth waiting for by itself when nobody asked for it.
        let outside = Open {
            wanted: false,
            ..held()
        };
        assert!(!tasks(outside).may_move());
        assert!(tasks(held()).may_move());
    }

    #[test]
    fn a_task_that_nobody_asked_for_does_not_move_by_itself() {
        let nobodys = Open::default();
        let rest = rest(&[("a", nobodys), ("b", wanted())], &[("b", "a")]);
        assert!(!rest.may_move());
        assert_eq!(whys(&rest), ["waits for t-a"]);
    }

    #[test]
    fn a_task_waits_for_its_parts_and_for_what_holds_those_above_it() {
        let child = Open {
            parent: Some(id("p")),
            ..wanted()
        };
        let tasks = [("x", held()), ("p", wanted()), ("c", child)];
        let rest = rest(&tasks, &[("p", "x")]);
        assert!(rest.may_move());
        assert_eq!(
            whys(&rest),
            ["held by a-1", "waits for t-x, t-c", "waits for t-x"]
        );
    }

    #[test]
    fn what_is_deferred_is_told_and_not_waited_for() {
        let deferred = Open {
            deferred: Some("2027-01-01T00:00:00Z".to_owned()),
            ..wanted()
        };
        let rest = rest(&[("a", deferred)], &[]);
        assert!(!rest.may_move());
        assert_eq!(whys(&rest), ["deferred until 2027-01-01T00:00:00Z"]);
    }
}
