//! Which agents have been kept long enough. Pure: who may go is decided from what is known of a tree
//! of agents, and decided again at the moment of removal.

use serde::Serialize;

use super::record::remove::Tree;
use crate::config::Retention;
use crate::ids::AgentId;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Why agents may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// They ended longer ago than agents are kept.
    Age,
    /// Newer ones are as many as are kept.
    Count,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// What ended before is too old.
    oldest_ms: Option<i64>,
    /// How many agents are kept.
    most: Option<u32>,
}

impl Rule {
    /// The rule of the configuration, with another age where one is given in days.
    pub(super) fn new(settings: &Retention, older_than: Option<u32>, now_ms: i64) -> Self {
        let days = older_than.or(settings.keep_days.bound());
        Self {
            oldest_ms: days.map(|days| now_ms - i64::from(days) * DAY_MS),
            most: settings.keep_agents.bound(),
        }
    }

    /// The trees that may go, of all there are, those first that ended last. Agents that stay in any
    /// case count as well.
    pub(super) fn select(&self, trees: &[Tree]) -> Vec<(AgentId, Why)> {
        let mut so_far: u32 = 0;
        trees
            .iter()
            .filter_map(|tree| {
                so_far = so_far.saturating_add(tree.agents);
                let over_count = self.most.is_some_and(|most| so_far > most);
                Some((tree.root.clone(), self.why(tree, over_count)?))
            })
            .collect()
    }

    /// Why that tree may go; `None` when it stays.
    pub(super) fn why(&self, tree: &Tree, over_count: bool) -> Option<Why> {
        if tree.live || tree.worktree {
            return None;
        }
        if self.oldest_ms.is_some_and(|oldest| tree.ended_ms < oldest) {
            return Some(Why::Age);
        }
        (over_count && !tree.unread).then_some(Why::Count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limit;

    const NOW_MS: i64 = 100 * DAY_MS;

    fn rule(keep_days: Limit<u32>, keep_agents: Limit<u32>) -> Rule {
        let settings = Retention {
            keep_days,
            keep_agents,
            auto: true,
        };
        Rule::new(&settings, None, NOW_MS)
    }

    fn tree(number: usize, days_ago: i64) -> Tree {
        Tree {
            root: AgentId::parse(&format!("a-00000{number}")).unwrap(),
            agents: 1,
            live: false,
            unread: false,
            worktree: false,
            ended_ms: NOW_MS - days_ago * DAY_MS - 1,
        }
    }

    fn selected(rule: Rule, trees: &[Tree]) -> Vec<(usize, Why)> {
        let place = |id: &AgentId| trees.iter().position(|tree| tree.root == *id).unwrap();
        let selected = rule.select(trees).into_iter();
        selected.map(|(id, why)| (place(&id), why)).collect()
    }

    #[test]
    fn what_is_too_old_goes_read_or_not() {
        let unread = Tree {
            unread: true,
            ..tree(3, 40)
        };
        let trees = [tree(1, 29), tree(2, 30), unread];
        let rule = rule(Limit::At(30), Limit::Unlimited);
        assert_eq!(selected(rule, &trees), [(1, Why::Age), (2, Why::Age)]);
    }

    #[test]
    fn what_is_too_much_goes_once_it_is_read() {
        let unread = Tree {
            unread: true,
            ..tree(3, 3)
        };
        let trees = [tree(1, 1), tree(2, 2), unread, tree(4, 4)];
        let rule = rule(Limit::At(30), Limit::At(1));
        assert_eq!(selected(rule, &trees), [(1, Why::Count), (3, Why::Count)]);
    }

    #[test]
    fn a_tree_counts_with_all_its_agents_and_goes_or_stays_whole() {
        let family = Tree {
            agents: 3,
            ..tree(1, 1)
        };
        let trees = [family, tree(2, 2)];
        let of = |most| selected(rule(Limit::Unlimited, Limit::At(most)), &trees);
        assert_eq!(of(4), []);
        assert_eq!(of(3), [(1, Why::Count)]);
        assert_eq!(of(2), [(0, Why::Count), (1, Why::Count)]);
    }

    #[test]
    fn the_live_and_those_with_a_worktree_stay_and_count() {
        let live = Tree {
            live: true,
            ..tree(1, 90)
        };
        let with_worktree = Tree {
            worktree: true,
            ..tree(2, 90)
        };
        let trees = [live, with_worktree, tree(3, 1)];
        assert_eq!(
            selected(rule(Limit::At(1), Limit::At(2)), &trees),
            [(2, Why::Age)]
        );
        assert_eq!(
            selected(rule(Limit::Unlimited, Limit::At(2)), &trees),
            [(2, Why::Count)]
        );
        assert_eq!(
            selected(rule(Limit::Unlimited, Limit::Unlimited), &trees),
            []
        );
    }

    #[test]
    fn an_age_that_is_given_takes_the_place_of_the_configured_one() {
        let settings = Retention {
            keep_days: Limit::Unlimited,
            ..Retention::default()
        };
        let trees = [tree(1, 6), tree(2, 7)];
        let rule = Rule::new(&settings, Some(7), NOW_MS);
        assert_eq!(selected(rule, &trees), [(1, Why::Age)]);
    }
}
