//! The kept vectors in memory, so that a question reads only those that are new. A number is a byte
//! there: 768 of them for each memory, 77 MB for 100,000, and never more than [`MOST_BYTES`].

use std::collections::{HashMap, HashSet};

use super::rows::Kept;
use super::vector::Vector;

/// Most bytes of vectors; 349,000 memories of 768 numbers each.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// What is less like the question than that is not like it.
const LEAST: f64 = 0.2;

/// The vectors of one model, by place.
#[derive(Default)]
pub(super) struct Cache {
    /// The number of the model; 0 for none yet.
    model: i64,
    places: HashMap<i64, Place>,
    bytes: usize,
}

/// The vectors of one place, in the order in which they were kept.
#[derive(Default)]
struct Place {
    /// The number of the last row that was read.
    after: i64,
    /// Numbers of rows, and of their memories.
    rows: Vec<i64>,
    memories: Vec<i64>,
    /// What a step is worth, and the vectors in such steps, one behind the other.
    steps: Vec<f32>,
    vectors: Vec<i8>,
}

impl Cache {
    /// Lets go of what another model has made.
    pub(super) fn be_of(&mut self, model: i64) {
        if self.model != model {
            *self = Self {
                model,
                ..Self::default()
            };
        }
    }

    /// Whether it holds what this model has made.
    pub(super) fn is_of(&self, model: i64) -> bool {
        self.model == model
    }

    /// The number of the last row of `place` that was read.
    pub(super) fn after(&self, place: i64) -> i64 {
        self.places.get(&place).map_or(0, |place| place.after)
    }

    /// How many vectors of `place` there are.
    pub(super) fn count(&self, place: i64) -> usize {
        self.places.get(&place).map_or(0, |place| place.rows.len())
    }

    /// Takes in the rows of `model` and `place` that follow `after`, unless somebody else has, there is no
    /// room, or another model has come.
    pub(super) fn extend(&mut self, model: i64, place: i64, after: i64, rows: Vec<Kept>) {
        if !self.is_of(model) {
            return;
        }
        let place = self.places.entry(place).or_default();
        if place.after != after {
            return;
        }
        for row in rows {
            let length = place.vectors.len().checked_div(place.rows.len());
            let vector = Vector::from_bytes(&row.vector);
            let fits = |vector: &Vector| length.is_none_or(|length| vector.len() == length);
            let Some(vector) = vector.filter(fits) else {
                place.after = row.n;
                continue;
            };
            if self.bytes + vector.len() > MOST_BYTES {
                return;
            }
            self.bytes += vector.len();
            let (step, steps) = vector.in_steps();
            place.after = row.n;
            place.rows.push(row.n);
            place.memories.push(row.memory);
            place.steps.push(step);
            place.vectors.extend(steps);
        }
    }

    /// Lets go of the rows of `place` that are not among `rows`.
    pub(super) fn keep_only(&mut self, place: i64, rows: &HashSet<i64>) {
        let Some(place) = self.places.get_mut(&place) else {
            return;
        };
        let length = match place.rows.len() {
            0 => return,
            count => place.vectors.len() / count,
        };
        let before = place.vectors.len();
        let mut stay = place.rows.iter().map(|row| rows.contains(row));
        let stays: Vec<bool> = stay.by_ref().collect();
        retain(&mut place.rows, &stays, 1);
        retain(&mut place.memories, &stays, 1);
        retain(&mut place.steps, &stays, 1);
        retain(&mut place.vectors, &stays, length);
        self.bytes -= before - place.vectors.len();
    }

    /// The memories of `places` that are most like one of `questions`, with how much, from 0 to 1; the
    /// best first, and of `only` these if given. What is nearer to the usual than to the best is left
    /// out: every text is a little like every other, how much depends on the model.
    pub(super) fn nearest(
        &self,
        places: &[i64],
        questions: &[Vector],
        only: Option<&HashSet<i64>>,
        most: usize,
    ) -> Vec<(i64, f64)> {
        let asked: Vec<(f32, Vec<i8>)> = questions
            .iter()
            .map(|question| {
                let (step, steps) = question.in_steps();
                (step, steps.collect())
            })
            .collect();
        let mut found: HashMap<i64, f64> = HashMap::new();
        let (mut sum, mut count) = (0.0, 0.0);
        for place in places.iter().filter_map(|place| self.places.get(place)) {
            let Some(length) = place.vectors.len().checked_div(place.rows.len()) else {
                continue;
            };
            let vectors = place.vectors.chunks_exact(length.max(1));
            let rows = place.memories.iter().zip(&place.steps).zip(vectors);
            for ((memory, step), vector) in rows {
                let likeness = asked
                    .iter()
                    .map(|(of_question, question)| {
                        f64::from(product(vector, question))
                            * f64::from(*step)
                            * f64::from(*of_question)
                    })
                    .fold(0.0, f64::max);
                sum += likeness;
                count += 1.0;
                if likeness >= LEAST && only.is_none_or(|only| only.contains(memory)) {
                    found.insert(*memory, likeness);
                }
            }
        }
        let mut found: Vec<(i64, f64)> = found.into_iter().collect();
        found.sort_by(|(m, a), (n, b)| b.total_cmp(a).then(n.cmp(m)));
        if let Some((_, best)) = found.first() {
            let least = (best + sum / count) / 2.0;
            found.retain(|(_, likeness)| *likeness >= least);
        }
        found.truncate(most);
        found
    }
}

fn product(a: &[i8], b: &[i8]) -> i32 {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// Leaves out the groups of `length` that do not stay.
fn retain<T>(all: &mut Vec<T>, stays: &[bool], length: usize) {
    let mut at = 0;
    all.retain(|_| {
        let stays = stays.get(at / length.max(1)).copied().unwrap_or(false);
        at += 1;
        stays
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(n: i64, memory: i64, numbers: &[f32]) -> Kept {
        Kept {
            n,
            memory,
            vector: Vector::of(numbers).unwrap().to_bytes(),
        }
    }

    fn three() -> Cache {
        let mut cache = Cache::default();
        let rows = vec![
            kept(1, 10, &[1.0, 0.0, 0.0]),
            kept(2, 11, &[0.0, 1.0, 0.0]),
            kept(5, 12, &[0.9, 0.1, 0.4]),
        ];
        cache.be_of(1);
        cache.extend(1, 7, 0, rows);
        cache
    }

    fn near(cache: &Cache, places: &[i64], question: &[f32]) -> Vec<i64> {
        let question = Vector::of(question).unwrap();
        let found = cache.nearest(places, &[question], None, 10);
        found.into_iter().map(|(memory, _)| memory).collect()
    }

    #[test]
    fn the_nearest_come_first_and_the_unlike_not_at_all() {
        let cache = three();
        let question = Vector::of(&[1.0, 0.0, 0.0]).unwrap();
        let found = cache.nearest(&[7], std::slice::from_ref(&question), None, 10);
        assert_eq!(found.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [10, 12]);
        let likeness = found.last().unwrap().1;
        let exact = 0.9 / (0.81_f64 + 0.01 + 0.16).sqrt();
        assert!((likeness - exact).abs() < 0.01, "{likeness} {exact}");
        let only = HashSet::from([11, 12]);
        let among = cache.nearest(&[7], std::slice::from_ref(&question), Some(&only), 10);
        assert_eq!(among.first().unwrap().0, 12);
        assert_eq!(cache.nearest(&[7], &[question], None, 1).len(), 1);
        assert!(near(&cache, &[8], &[1.0, 0.0, 0.0]).is_empty());
        assert!(near(&cache, &[7], &[-1.0, 0.0, 0.0]).is_empty());
    }

    #[test]
    fn a_memory_counts_as_what_it_is_to_the_best_of_several_questions() {
        let cache = three();
        let questions = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]].map(|it| Vector::of(&it).unwrap());
        let found = cache.nearest(&[7], &questions, None, 1);
        assert_eq!(found.first().unwrap().0, 11);
    }

    #[test]
    fn what_was_removed_is_let_go_of() {
        let mut cache = three();
        cache.keep_only(7, &HashSet::from([2, 5]));
        assert_eq!(cache.count(7), 2);
        assert_eq!(cache.bytes, 6);
        assert_eq!(near(&cache, &[7], &[0.0, 1.0, 0.0]), [11]);
        assert_eq!(near(&cache, &[7], &[1.0, 0.0, 0.0]), [12]);
        cache.keep_only(7, &HashSet::new());
        assert_eq!((cache.count(7), cache.bytes), (0, 0));
    }

    #[test]
    fn rows_that_two_have_read_are_taken_in_once() {
        let mut cache = three();
        cache.extend(1, 7, 0, vec![kept(1, 10, &[1.0, 0.0, 0.0])]);
        assert_eq!(cache.count(7), 3);
        assert_eq!(cache.after(7), 5);
        cache.extend(1, 7, 5, vec![kept(6, 13, &[1.0, 0.0, 0.0])]);
        assert_eq!(cache.count(7), 4);
    }

    #[test]
    fn nothing_of_another_model_is_left_or_taken_in() {
        let mut cache = three();
        cache.be_of(1);
        assert_eq!(cache.count(7), 3);
        cache.be_of(2);
        assert_eq!((cache.count(7), cache.after(7), cache.bytes), (0, 0, 0));
        cache.extend(1, 7, 0, vec![kept(1, 10, &[1.0, 0.0, 0.0])]);
        assert_eq!(cache.count(7), 0);
        cache.extend(2, 7, 0, vec![kept(9, 10, &[1.0, 0.0])]);
        assert_eq!(near(&cache, &[7], &[1.0, 0.0]), [10]);
    }
}
