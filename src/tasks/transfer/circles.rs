//! Circles that come about only when two copies are merged, each of which has none: which edge or
//! parent is left out, so that both sides leave out the same.
//!
//! What the tracker calls a circle is said in [`crate::tasks::graph`]: a task begins, its children
//! end, it ends; a parent begins before its children and ends after them; what waits for a task begins
//! after its end. Here the same is looked at for all tasks at once and in memory.

use std::collections::HashSet;

use crate::tasks::model::EdgeKind;

/// What puts one task after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tie {
    /// The task is a child of the other.
    Child,
    /// The task waits for the other.
    Waits(EdgeKind),
}

/// An edge or a parent, of tasks by their numbers. Of two that close a circle the later one in this
/// order is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arc {
    pub(super) at_ms: i64,
    pub(super) tie: Tie,
    pub(super) task: usize,
    pub(super) other: usize,
}

/// Moments of a task: it begins, its children end, it ends.
const MOMENTS: usize = 3;

fn begins(task: usize) -> usize {
    task * MOMENTS
}

fn children_end(task: usize) -> usize {
    task * MOMENTS + 1
}

fn ends(task: usize) -> usize {
    task * MOMENTS + 2
}

impl Arc {
    /// The moments that it puts one after the other; the second pair repeats the first where there is
    /// but one.
    fn steps(&self) -> [(usize, usize); 2] {
        let Arc { task, other, .. } = *self;
        match self.tie {
            Tie::Child => [
                (begins(other), begins(task)),
                (ends(task), children_end(other)),
            ],
            Tie::Waits(EdgeKind::WaitsChildren) => [(children_end(other), begins(task)); 2],
            Tie::Waits(_) => [(ends(other), begins(task)); 2],
        }
    }
}

/// Those of `arcs` that have to be left out of `tasks` tasks so that there is no circle: taken in
/// their order, each that closes one with those before it.
pub(super) fn left_out(tasks: usize, arcs: &[Arc]) -> Vec<Arc> {
    let mut all = Ways::of(tasks);
    for arc in arcs {
        all.add(arc);
    }
    // A circle stays within one component of moments that all lead to each other.
    let component = components(&all.after);
    let is_inside = |(from, to): (usize, usize)| component.get(from) == component.get(to);
    let mut doubtful: Vec<Arc> = arcs
        .iter()
        .filter(|arc| arc.steps().into_iter().any(is_inside))
        .copied()
        .collect();
    if doubtful.is_empty() {
        return Vec::new();
    }
    doubtful.sort_unstable();
    let mut kept = Ways::of(tasks);
    let mut out = Vec::new();
    for arc in doubtful {
        let steps = arc.steps().into_iter();
        let mut inside = steps.filter(|step| is_inside(*step));
        match inside.any(|(from, to)| kept.leads(to, from)) {
            true => out.push(arc),
            false => kept.add(&arc),
        }
    }
    out
}

/// What comes directly after each moment, and directly before it.
struct Ways {
    after: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
}

impl Ways {
    /// So many tasks, none of which waits for another.
    fn of(tasks: usize) -> Self {
        let none = vec![Vec::new(); tasks * MOMENTS];
        let mut ways = Self {
            after: none.clone(),
            before: none,
        };
        for task in 0..tasks {
            ways.put(begins(task), children_end(task));
            ways.put(children_end(task), ends(task));
        }
        ways
    }

    fn add(&mut self, arc: &Arc) {
        for (from, to) in arc.steps() {
            self.put(from, to);
        }
    }

    fn put(&mut self, from: usize, to: usize) {
        if let Some(after) = self.after.get_mut(from) {
            after.push(to);
        }
        if let Some(before) = self.before.get_mut(to) {
            before.push(from);
        }
    }

    /// Whether there is a way from one moment to another. Looks from both ends by turns, so that it
    /// takes no longer than the shorter look would.
    fn leads(&self, from: usize, to: usize) -> bool {
        if from == to {
            return true;
        }
        let (mut onward, mut back) = (Look::from(from), Look::from(to));
        loop {
            for (look, other, ways) in [
                (&mut onward, to, &self.after),
                (&mut back, from, &self.before),
            ] {
                let Some(at) = look.open.pop() else {
                    return false;
                };
                for next in ways.get(at).into_iter().flatten() {
                    if *next == other {
                        return true;
                    }
                    if look.seen.insert(*next) {
                        look.open.push(*next);
                    }
                }
            }
        }
    }
}

/// A look around from one moment.
struct Look {
    seen: HashSet<usize>,
    open: Vec<usize>,
}

impl Look {
    fn from(moment: usize) -> Self {
        Self {
            seen: HashSet::from([moment]),
            open: vec![moment],
        }
    }
}

/// The number of each moment's component: those share one that lead to each other (Tarjan, without
/// recursion, which a long chain would exhaust).
fn components(after: &[Vec<usize>]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let count = after.len();
    let (mut index, mut low) = (vec![NONE; count], vec![NONE; count]);
    let mut component = vec![NONE; count];
    let (mut stack, mut numbered, mut found) = (Vec::new(), 0, 0);
    let at = |list: &[usize], place: usize| list.get(place).copied().unwrap_or(NONE);
    let set = |list: &mut [usize], place: usize, value: usize| {
        if let Some(slot) = list.get_mut(place) {
            *slot = value;
        }
    };
    for root in 0..count {
        if at(&index, root) != NONE {
            continue;
        }
        let mut way = vec![(root, 0usize)];
        while let Some((node, next)) = way.pop() {
            if next == 0 {
                set(&mut index, node, numbered);
                set(&mut low, node, numbered);
                numbered += 1;
                stack.push(node);
            }
            let following = after.get(node).and_then(|list| list.get(next)).copied();
            if let Some(to) = following {
                way.push((node, next + 1));
                if at(&index, to) == NONE {
                    way.push((to, 0));
                } else if at(&component, to) == NONE {
                    let lower = at(&low, node).min(at(&index, to));
                    set(&mut low, node, lower);
                }
                continue;
            }
            if at(&low, node) == at(&index, node) {
                while let Some(member) = stack.pop() {
                    set(&mut component, member, found);
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
            if let Some((above, _)) = way.last() {
                let lower = at(&low, *above).min(at(&low, node));
                set(&mut low, *above, lower);
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(at_ms: i64, task: usize, other: usize) -> Arc {
        let tie = Tie::Waits(EdgeKind::BlockedBy);
        Arc {
            at_ms,
            tie,
            task,
            other,
        }
    }

    fn child(at_ms: i64, task: usize, other: usize) -> Arc {
        Arc {
            tie: Tie::Child,
            ..waits(at_ms, task, other)
        }
    }

    #[test]
    fn what_closes_no_circle_stays() {
        let arcs = [
            child(1, 1, 0),
            child(1, 2, 0),
            waits(2, 2, 1),
            waits(3, 3, 0),
        ];
        assert_eq!(left_out(4, &arcs), []);
        assert_eq!(left_out(0, &[]), []);
    }

    #[test]
    fn the_last_of_a_circle_is_left_out() {
        let (a, b, c) = (waits(1, 0, 1), waits(3, 1, 2), waits(2, 2, 0));
        assert_eq!(left_out(3, &[a, b, c]), [b]);
        assert_eq!(left_out(3, &[c, b, a]), [b]);
    }

    #[test]
    fn a_parent_and_what_its_child_waits_for_are_a_circle_too() {
        // 2 is in 1, which is in 0; 0 waits for 2, and 2 waits for 0.
        let tree = [child(1, 1, 0), child(1, 2, 1)];
        for tie in [waits(2, 0, 2), waits(2, 2, 0)] {
            assert_eq!(left_out(3, &[tree[0], tree[1], tie]), [tie]);
        }
        let parents = [child(4, 0, 1), child(5, 1, 0)];
        assert_eq!(left_out(2, &parents), [parents[1]]);
    }

    #[test]
    fn only_one_of_two_circles_through_one_edge_needs_a_cut() {
        let shared = waits(9, 0, 1);
        let arcs = [waits(1, 1, 0), shared, waits(2, 1, 2), waits(3, 2, 0)];
        assert_eq!(left_out(3, &arcs), [shared]);
    }

    #[test]
    fn a_long_ring_needs_no_stack() {
        const LONG: usize = 30_000;
        let ring: Vec<Arc> = (0..LONG)
            .map(|at| waits(at as i64, at, (at + 1) % LONG))
            .collect();
        assert_eq!(left_out(LONG, &ring), [*ring.last().unwrap()]);
    }
}
