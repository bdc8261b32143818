//! In which order branches are merged.

use super::Side;
use crate::workspaces::{Git, GitError};

/// Puts branches in the order in which they are to be merged: as they were given, but one that
/// contains another after it, and a nested agent's before that of the agents above it.
///
/// # Errors
/// When git cannot compare them.
pub async fn in_order(git: &Git, mut given: Vec<Side>) -> Result<Vec<Side>, GitError> {
    let mut contains = Vec::with_capacity(given.len());
    for one in &given {
        let mut row = Vec::with_capacity(given.len());
        for other in &given {
            row.push(one.commit != other.commit && is_in(git, &other.commit, &one.commit).await?);
        }
        contains.push(row);
    }
    let ids: Vec<String> = given.iter().map(|side| side.agent.to_string()).collect();
    let follows = |one: usize, other: usize| {
        let in_row = |a: usize, b: usize| contains.get(a).and_then(|row| row.get(b)) == Some(&true);
        let above = given
            .get(other)
            .zip(ids.get(one))
            .is_some_and(|(nested, id)| nested.above.split('/').any(|above| above == id));
        // What history says counts for more.
        (in_row(one, other), above && !in_row(other, one))
    };
    let mut left: Vec<usize> = (0..given.len()).collect();
    let mut order = Vec::with_capacity(given.len());
    while !left.is_empty() {
        let free = |nesting: bool| {
            left.iter().position(|one| {
                left.iter().all(|other| {
                    let (contains, above) = follows(*one, *other);
                    !contains && !(nesting && above)
                })
            })
        };
        // Histories have no circles; together with nesting there might be one.
        let next = free(true).or_else(|| free(false)).unwrap_or(0);
        order.push(left.remove(next));
    }
    let mut sides: Vec<Option<Side>> = given.drain(..).map(Some).collect();
    Ok(order
        .into_iter()
        .filter_map(|at| sides.get_mut(at).and_then(Option::take))
        .collect())
}

async fn is_in(git: &Git, one: &str, other: &str) -> Result<bool, GitError> {
    let ask = ["merge-base", "--is-ancestor", one, other];
    Ok(git.attempt(&ask).await?.code == Some(0))
}
