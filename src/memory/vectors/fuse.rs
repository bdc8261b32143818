//! One order out of two.

use std::collections::HashMap;

/// How little the first places count more than those behind them.
const K: f64 = 60.0;

/// What words and what meanings have found, each the best first, as one list with its scores by
/// reciprocal rank, the best first; among equals what words have found comes first.
pub(crate) fn fuse(text: &[i64], meaning: &[i64]) -> Vec<(i64, f64)> {
    let mut fused: Vec<(i64, f64)> = Vec::with_capacity(text.len() + meaning.len());
    let mut at: HashMap<i64, usize> = HashMap::new();
    for list in [text, meaning] {
        let mut rank = K;
        for n in list {
            rank += 1.0;
            let place = *at.entry(*n).or_insert(fused.len());
            match fused.get_mut(place) {
                Some((_, score)) => *score += 1.0 / rank,
                None => fused.push((*n, 1.0 / rank)),
            }
        }
    }
    fused.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &[i64], meaning: &[i64]) -> Vec<i64> {
        fuse(text, meaning).into_iter().map(|(n, _)| n).collect()
    }

    #[test]
    fn what_both_have_found_comes_first() {
        assert_eq!(order(&[1, 2, 3], &[4, 3]), [3, 1, 4, 2]);
        assert_eq!(fuse(&[7], &[7]), [(7, 2.0 / 61.0)]);
    }

    #[test]
    fn one_list_alone_keeps_its_order() {
        assert_eq!(order(&[3, 1, 2], &[]), [3, 1, 2]);
        assert_eq!(order(&[], &[3, 1, 2]), [3, 1, 2]);
        assert_eq!(order(&[], &[]), [0_i64; 0]);
    }
}
