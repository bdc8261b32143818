//! How much two statements say the same. A memory that is wrongly taken for a known one is lost, and
//! one that is wrongly taken for new is merely there twice: in doubt they are different.
//!
//! What a statement says are the words that matter, in their order. Two are alike if these are the
//! same but for a word among many; numbers, versions, names, identifiers, negations and words such as
//! `only` or `before` have to be the same ones. Of words that only carry the others, as `the`, there
//! may be others.

mod words;

use std::collections::BTreeSet;

use words::Word;

/// From this likeness on a statement is known. Of the pairs in the tests that say the same 34 of 37 reach
/// it, and none of the 50 that say something else; a word more is too much for a statement of less than
/// six.
pub(super) const KNOWN: f64 = 0.92;
/// What a word counts that only carries others, where one that matters counts 1.
const CARRIES: f64 = 0.1;
/// Shortest words of which one may be a misspelling of the other.
const SPELT: usize = 7;

/// A statement as it is compared.
#[derive(Debug, Clone)]
pub(in crate::memory) struct Sense {
    words: Vec<Word>,
}

impl Sense {
    pub(in crate::memory) fn of(text: &str) -> Self {
        Self {
            words: words::of(text),
        }
    }

    /// The statement in a form that is the same for statements that differ in nothing but capitals,
    /// spaces and the marks around words.
    pub(super) fn plain(&self) -> String {
        let plain: Vec<&str> = self.words.iter().map(|word| word.plain.as_str()).collect();
        plain.join(" ")
    }

    /// A number for that form. Two forms may have the same one.
    pub(in crate::memory) fn mark(&self) -> i64 {
        // FNV-1a: what is on record must not depend on the version of a library.
        let hash = self
            .plain()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        hash.cast_signed()
    }

    /// How alike the two are, from 0 to 1; 1 for the same words in the same order.
    pub(super) fn likeness(&self, other: &Sense) -> f64 {
        if self.plain() == other.plain() {
            return 1.0;
        }
        let (own, others) = (self.matter(), other.matter());
        if own.is_empty() || others.is_empty() || self.fixed_differ(other) {
            return 0.0;
        }
        let (a, b) = spelt_alike(&own, &others);
        let (a_set, b_set): (BTreeSet<&str>, BTreeSet<&str>) =
            (a.iter().copied().collect(), b.iter().copied().collect());
        let more = !a_set.is_subset(&b_set);
        let less = !b_set.is_subset(&a_set);
        // A word in the place of another: `in staging` and `in production`.
        if (more && less) || moved(&a, &b) > self.may_move(other) {
            return 0.0;
        }
        let (weight, shared) = self.weigh(other, &a_set, &b_set);
        // Whatever is only nearly so has not the number of what is so.
        (2.0 * shared / weight).min(0.99)
    }

    /// Whether this is the other with little around it.
    pub(super) fn repeats(&self, other: &Sense) -> bool {
        let padded = |sense: &Sense| format!(" {} ", sense.plain());
        let more = self.words.len().saturating_sub(other.words.len());
        !other.words.is_empty()
            && more <= other.words.len()
            && padded(self).contains(&padded(other))
    }

    /// The stems that matter, in their order.
    fn matter(&self) -> Vec<&str> {
        let matter = self.words.iter().filter(|word| word.matters());
        matter.map(|word| word.stem.as_str()).collect()
    }

    /// Whether one has a word that has to be the same and that the other has not.
    fn fixed_differ(&self, other: &Sense) -> bool {
        let lacks = |a: &Sense, b: &Sense| {
            let has: BTreeSet<&str> = b.words.iter().map(|word| word.plain.as_str()).collect();
            let mut fixed = a.words.iter().filter(|word| word.is_fixed());
            fixed.any(|word| !has.contains(word.plain.as_str()))
        };
        lacks(self, other) || lacks(other, self)
    }

    /// How many words may stand elsewhere: `the port of the service` is `the service port`.
    fn may_move(&self, other: &Sense) -> usize {
        let joined = |sense: &Sense| {
            let words = sense.words.iter();
            words
                .filter(|word| ["of", "for"].contains(&word.plain.as_str()))
                .count()
        };
        usize::from(joined(self) != joined(other))
    }

    /// What both weigh together, and what they share.
    fn weigh(&self, other: &Sense, a: &BTreeSet<&str>, b: &BTreeSet<&str>) -> (f64, f64) {
        let carry = |sense: &'_ Sense| -> BTreeSet<String> {
            let words = sense.words.iter().filter(|word| !word.matters());
            words.map(|word| word.plain.clone()).collect()
        };
        let (own, others) = (carry(self), carry(other));
        let sum = |matter: usize, carry: usize| matter as f64 + carry as f64 * CARRIES;
        let weight = sum(a.len() + b.len(), own.len() + others.len());
        let shared = sum(a.intersection(b).count(), own.intersection(&others).count());
        (weight, shared)
    }

    /// What the words that only carry others are in the index, where others like it are not looked for.
    pub(super) fn carried(&self) -> BTreeSet<&str> {
        let carry = self.words.iter().filter(|word| !word.matters());
        carry
            .flat_map(|word| word.indexed.iter().map(String::as_str))
            .collect()
    }
}

/// Both, with the one word that only the second has in the place of the one that only the first has, if
/// that is a misspelling of it.
fn spelt_alike<'a>(own: &[&'a str], others: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let a: BTreeSet<&str> = own.iter().copied().collect();
    let b: BTreeSet<&str> = others.iter().copied().collect();
    let (gone, new): (Vec<&str>, Vec<&str>) = (
        a.difference(&b).copied().collect(),
        b.difference(&a).copied().collect(),
    );
    let own = match (gone.as_slice(), new.as_slice()) {
        ([gone], [new]) if misspelt(gone, new) => {
            let spelt = own
                .iter()
                .map(|word| if word == gone { *new } else { *word });
            spelt.collect()
        }
        _ => own.to_vec(),
    };
    (own, others.to_vec())
}

/// Whether one letter is another, missing or too many; not the first, as in `locked` and `blocked`.
fn misspelt(one: &str, other: &str) -> bool {
    let long = one.chars().count().min(other.chars().count()) >= SPELT;
    long && one.chars().next() == other.chars().next() && strsim::osa_distance(one, other) == 1
}

/// How many of the words that both have stand elsewhere.
fn moved(a: &[&str], b: &[&str]) -> usize {
    let (a, b) = (also_in(a, b), also_in(b, a));
    let all = a.len().min(b.len());
    let begin = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let end = a.iter().rev().zip(b.iter().rev());
    let end = end.take(all - begin).take_while(|(a, b)| a == b).count();
    let a = a.get(begin..a.len() - end).unwrap_or_default();
    let b = b.get(begin..b.len() - end).unwrap_or_default();
    all - begin - end - in_order(a, b)
}

/// The words that are among others as well.
fn also_in<'a>(words: &[&'a str], others: &[&str]) -> Vec<&'a str> {
    let others: BTreeSet<&str> = others.iter().copied().collect();
    let both = words.iter().filter(|word| others.contains(*word));
    both.copied().collect()
}

/// How many words both have in the same order: their longest common subsequence, row by row.
fn in_order(a: &[&str], b: &[&str]) -> usize {
    let mut row = vec![0_usize; b.len() + 1];
    for word in a {
        let mut diagonal = 0;
        let mut left = 0;
        for (cell, other) in row.iter_mut().skip(1).zip(b) {
            let above = *cell;
            *cell = match word == other {
                true => diagonal + 1,
                false => above.max(left),
            };
            diagonal = above;
            left = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
