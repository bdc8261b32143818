//! Memories that have taken each other's place, which comes about only when two copies are merged: both
//! would be hidden. Which one stands is decided so that both sides decide the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::MemoryId;

/// What has taken the place of a memory: since when, and which one.
pub(super) type Closing = (i64, MemoryId);

/// The memories that have to stand although something has taken their place: of each circle the one
/// that was closed last.
pub(super) fn standing(closings: &BTreeMap<MemoryId, Closing>) -> BTreeSet<MemoryId> {
    let mut seen: BTreeMap<&MemoryId, usize> = BTreeMap::new();
    let mut standing = BTreeSet::new();
    for (walk, start) in closings.keys().enumerate() {
        let mut way: Vec<&MemoryId> = Vec::new();
        let mut at = start;
        let closes = loop {
            match seen.get(at) {
                Some(before) => break *before == walk,
                None => seen.insert(at, walk),
            };
            way.push(at);
            match closings.get(at) {
                Some((_, by)) => at = by,
                None => break false,
            }
        };
        if closes {
            let circle = way.into_iter().skip_while(|id| *id != at);
            let last = circle.max_by_key(|id| (closings.get(*id).map(|it| it.0), *id));
            standing.extend(last.cloned());
        }
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> MemoryId {
        MemoryId::parse(&format!("m-00000{text}")).unwrap()
    }

    fn found(closings: &[(&str, i64, &str)]) -> Vec<MemoryId> {
        let closings = closings
            .iter()
            .map(|(old, at_ms, by)| (id(old), (*at_ms, id(by))))
            .collect();
        standing(&closings).into_iter().collect()
    }

    #[test]
    fn the_last_of_a_circle_stands() {
        assert_eq!(found(&[("1", 5, "2"), ("2", 6, "3")]), []);
        assert_eq!(found(&[("1", 5, "2"), ("2", 4, "1")]), [id("1")]);
        assert_eq!(found(&[("1", 5, "2"), ("2", 5, "1")]), [id("2")]);
        // What leads into a circle is no part of it, wherever the look begins.
        let two = [
            ("1", 9, "2"),
            ("2", 3, "3"),
            ("3", 4, "2"),
            ("4", 9, "5"),
            ("5", 1, "4"),
        ];
        assert_eq!(found(&two), [id("3"), id("4")]);
    }
}
