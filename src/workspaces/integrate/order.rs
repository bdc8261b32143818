//! In which order branches are merged.

use super::Side;
use super::trunk::is_in;
use crate::workspaces::{Git, GitError};

/// Puts branches in the order in which they are to be merged: as they were given, but one that
/// contains another after it, and a nested agent's before that of the agents above it.
///
/// # Errors
/// When git cannot compare them.
pub async fn in_order(git: &Git, given: Vec<Side>) -> Result<Vec<Side>, GitError> {
    let mut contains = Vec::with_capacity(given.len());
    for one in &given {
        let mut row = Vec::with_capacity(given.len());
        for other in &given {
            row.push(one.commit != other.commit && is_in(git, &other.commit, &one.commit).await?);
        }
        contains.push(row);
    }
    let has = |one: usize, other: usize| {
        let row = contains.get(one);
        row.and_then(|row| row.get(other)) == Some(&true)
    };
    let stands_above = |one: usize, other: usize| {
        let (one, other) = (given.get(one), given.get(other));
        one.zip(other).is_some_and(|(one, other)| {
            let mut above = other.above.split('/');
            above.any(|above| above == one.agent.as_str())
        })
    };
    // What history says counts for more than who started whom.
    let waits_for = |one: usize, other: usize, nesting: bool| {
        has(one, other) || (nesting && stands_above(one, other) && !has(other, one))
    };
    let mut left: Vec<usize> = (0..given.len()).collect();
    let mut order = Vec::with_capacity(given.len());
    while !left.is_empty() {
        let free = |nesting: bool| {
            let mut candidates = left.iter();
            candidates.position(|one| !left.iter().any(|other| waits_for(*one, *other, nesting)))
        };
        // Histories have no circles; together with nesting there might be one.
        let next = free(true).or_else(|| free(false)).unwrap_or(0);
        order.push(left.remove(next));
    }
    let mut sides: Vec<Option<Side>> = given.into_iter().map(Some).collect();
    Ok(order
        .into_iter()
        .filter_map(|at| sides.get_mut(at).and_then(Option::take))
        .collect())
}
