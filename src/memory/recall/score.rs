//! How well a memory fits what was asked. Nothing here reads the store: the same documents and words
//! always give the same order.

use std::collections::{HashMap, HashSet};

use super::documents::{Document, REACH};
use super::time;
use super::vocabulary::{Question, Sought};
use crate::memory::index::Statistics;
use crate::memory::lexicon;

/// How soon a word that is there again counts no more, and how much the length of a text matters.
const K1: f64 = 1.2;
const B: f64 = 0.3;
/// What a word counts that stands one, two … memories away in the same session.
const NEAR: [f64; REACH as usize] = [0.50, 0.35, 0.23, 0.13, 0.08];
/// A session that paused for longer has changed its subject.
const PAUSE_MS: i64 = 30 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Something is often written down some days after it happened.
pub(super) const AFTER_MS: i64 = 7 * DAY_MS;

/// How much of a question a memory has at most by the most telling of its known words.
const OF_TELLING: f64 = 0.5;
const SUBJECT: f64 = 0.5;
const OF_THAT_TIME: f64 = 0.6;
const TELLS_WHEN: f64 = 0.2;
/// Words that stand together there as they do in the question.
const TOGETHER: f64 = 0.1;
const APART: usize = 3;
/// What is in quarantine, next to what is confirmed.
const QUARANTINED: f64 = 0.85;
/// How far importance, recency and use move a memory at most.
const IMPORTANCE: f64 = 0.1;
const RECENCY: f64 = 0.05;
const USE: f64 = 0.05;
/// Days after which something is half as recent.
const HALF_DAYS: f64 = 60.0;
/// Uses from which on more of them change nothing.
const MANY_USES: f64 = 20.0;
/// Characters in which the head of a text ends, as in `Anna: I moved the cache`.
const HEAD: usize = 40;

/// A memory with what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scored {
    /// The document, by its place in the list.
    pub(super) document: usize,
    /// By which the order is.
    pub(super) score: f64,
    /// How much of what was asked it has by itself, from 0 to 1.
    pub(super) share: f64,
    /// The words it has, by their place.
    pub(super) words: Vec<usize>,
    /// Documents beside it that lent it words, those that lent the most first.
    pub(super) lenders: Vec<usize>,
    /// Whether it is about somebody or something that was named.
    pub(super) of_subject: bool,
    /// How it stands to the time that was named.
    pub(super) when: Option<When>,
}

/// How a memory stands to a time that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// It is of that time.
    Then,
    /// It is of the days behind it.
    Near,
}

/// Scores every document that may be a hit, the best first.
pub(super) fn score(
    documents: &[Document],
    sought: &Sought,
    statistics: Statistics,
    now_ms: i64,
) -> Vec<Scored> {
    let spread = Spread::of(documents, sought, statistics);
    let questions: Vec<(&Question, bool)> = sought
        .questions
        .iter()
        .map(|question| (question, spread.has_one_of_then(documents, question)))
        .collect();
    let mut scored: Vec<Scored> = documents
        .iter()
        .enumerate()
        .filter(|(_, document)| document.fits)
        .filter_map(|(at, document)| {
            let parts = spread.reach.get(at)?;
            let asked: Vec<Scored> = questions
                .iter()
                .filter_map(|(question, exactly)| {
                    let when = when(document, question, *exactly);
                    one(at, document, parts, question, sought, when)
                })
                .collect();
            let share = asked.iter().map(|it| it.share).fold(0.0, f64::max);
            let mut best = asked
                .into_iter()
                .max_by(|a, b| a.score.total_cmp(&b.score))?;
            best.share = share;
            best.score *= priors(document, now_ms);
            Some(best)
        })
        .collect();
    scored.sort_by(|a, b| {
        let number = |scored: &Scored| documents.get(scored.document).map(|document| document.n);
        b.score
            .total_cmp(&a.score)
            .then_with(|| number(b).cmp(&number(a)))
    });
    scored
}

/// How good each document is by its own words alone.
pub(super) fn own(documents: &[Document], sought: &Sought, statistics: Statistics) -> Vec<f64> {
    let average = average(statistics);
    let own = |document: &Document| {
        let scores = sought.questions.iter().map(|question| {
            let parts = question.parts.iter();
            parts
                .map(|(word, weight)| weight * worth(document, *word, sought, average))
                .sum::<f64>()
        });
        scores.fold(0.0, f64::max)
    };
    documents.iter().map(own).collect()
}

fn average(statistics: Statistics) -> f64 {
    (statistics.words as f64 / statistics.memories.max(1) as f64).max(1.0)
}

/// What a word is worth in a document.
fn worth(document: &Document, word: usize, sought: &Sought, average: f64) -> f64 {
    let (Some(often), Some(word)) = (document.often.get(&word), sought.words.get(word)) else {
        return 0.0;
    };
    let length = 1.0 - B + B * document.words as f64 / average;
    word.placed.weight * often * (K1 + 1.0) / (often + K1 * length)
}

/// What each document has of each word, by itself or from one beside it.
struct Spread {
    reach: Vec<HashMap<usize, Reach>>,
}

#[derive(Clone, Copy)]
struct Reach {
    worth: f64,
    /// The document it stands in, if that is another one.
    lender: Option<usize>,
}

impl Spread {
    fn of(documents: &[Document], sought: &Sought, statistics: Statistics) -> Self {
        let average = average(statistics);
        let own: Vec<HashMap<usize, Reach>> = documents
            .iter()
            .map(|document| {
                let words = document.often.keys();
                let worth = words.map(|word| {
                    let worth = worth(document, *word, sought, average);
                    let lender = None;
                    (*word, Reach { worth, lender })
                });
                worth.collect()
            })
            .collect();
        let mut reach = own.clone();
        let mut sessions: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, document) in documents.iter().enumerate() {
            if let Some(session) = &document.session {
                sessions.entry(session).or_default().push(at);
            }
        }
        for mut session in sessions.into_values() {
            session.sort_by_key(|at| documents.get(*at).map(|document| document.turn));
            lend(&session, documents, &own, &mut reach);
        }
        Self { reach }
    }

    /// Whether something that has a word of the question is of the very time that it names.
    fn has_one_of_then(&self, documents: &[Document], question: &Question) -> bool {
        let mut reached = documents.iter().zip(&self.reach);
        reached.any(|(document, reach)| {
            document.fits
                && when(document, question, true).is_some()
                && question
                    .parts
                    .iter()
                    .any(|(word, _)| reach.contains_key(word))
        })
    }
}

/// How a document stands to the time that a question names, `exactly` if only that time itself counts.
fn when(document: &Document, question: &Question, exactly: bool) -> Option<When> {
    let window = question.window.as_ref()?;
    let behind = window.to_ms..window.to_ms.saturating_add(AFTER_MS);
    match document.at_ms {
        at_ms if (window.from_ms..window.to_ms).contains(&at_ms) => Some(When::Then),
        at_ms if !exactly && !window.is_open && behind.contains(&at_ms) => Some(When::Near),
        _ => None,
    }
}

/// Lets the documents of a session, in its order, lend their words to those near them.
fn lend(
    session: &[usize],
    documents: &[Document],
    own: &[HashMap<usize, Reach>],
    reach: &mut [HashMap<usize, Reach>],
) {
    let turns: Vec<(usize, &Document)> = session
        .iter()
        .filter_map(|at| Some((*at, documents.get(*at)?)))
        .collect();
    for (first, (lower, before)) in turns.iter().enumerate() {
        let mut last_ms = before.at_ms;
        for (upper, after) in turns.iter().skip(first + 1) {
            let distance = after.turn - before.turn;
            if distance > REACH || after.at_ms.abs_diff(last_ms) > PAUSE_MS.unsigned_abs() {
                break;
            }
            last_ms = after.at_ms;
            let factor = usize::try_from(distance - 1)
                .ok()
                .and_then(|at| NEAR.get(at));
            let Some(factor) = factor else { continue };
            for (from, to) in [(lower, upper), (upper, lower)] {
                let (Some(own), Some(reach)) = (own.get(*from), reach.get_mut(*to)) else {
                    continue;
                };
                for (word, lent) in own {
                    let worth = factor * lent.worth;
                    let known = reach.get(word).map_or(0.0, |known| known.worth);
                    if worth > known {
                        let lender = Some(*from);
                        reach.insert(*word, Reach { worth, lender });
                    }
                }
            }
        }
    }
}

/// What a document is worth to one wording; `None` where it has nothing of it.
fn one(
    at: usize,
    document: &Document,
    reach: &HashMap<usize, Reach>,
    question: &Question,
    sought: &Sought,
    when: Option<When>,
) -> Option<Scored> {
    let (mut sum, mut share) = (0.0, 0.0);
    let mut words = Vec::new();
    let mut lent: HashMap<usize, f64> = HashMap::new();
    for (word, weight) in &question.parts {
        let Some(reached) = reach.get(word) else {
            continue;
        };
        sum += weight * reached.worth;
        let most = sought
            .words
            .get(*word)
            .map_or(0.0, |word| word.placed.weight);
        match reached.lender {
            Some(lender) => *lent.entry(lender).or_default() += weight * reached.worth,
            None => {
                // That it is a decision does not make it the one that was asked for.
                if !question.tells_more || !document.of_kind.contains(word) {
                    share += weight * reached.worth.min(most);
                }
                words.push(*word);
            }
        }
    }
    if sum <= 0.0 {
        return None;
    }
    let mut lenders: Vec<(usize, f64)> = lent.into_iter().collect();
    lenders.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
    let of = |attainable: f64| (share / attainable.max(f64::MIN_POSITIVE)).min(1.0);
    let mut share = of(question.attainable);
    // One word of many may be there by chance; several of the most telling are not. What nobody has
    // said here counts all the same before a memory has most of what was asked.
    if words.len() > 1 {
        share = share.max(of(question.telling).min(OF_TELLING));
    }
    let of_subject = is_of_subject(document, question, sought);
    let mut score = sum * (1.0 + TOGETHER * together(document, question));
    if of_subject {
        score *= 1.0 + SUBJECT;
    }
    if when.is_some() {
        score *= 1.0 + OF_THAT_TIME;
    }
    if question.asks_when && time::is_told(&document.text) {
        score *= 1.0 + TELLS_WHEN;
    }
    Some(Scored {
        document: at,
        score,
        share,
        words,
        lenders: lenders.into_iter().map(|(lender, _)| lender).collect(),
        of_subject,
        when,
    })
}

/// Whether a word of the question is one of the subject's, or of whoever speaks.
fn is_of_subject(document: &Document, question: &Question, sought: &Sought) -> bool {
    let head = match document.subject.is_empty() {
        false => Some(document.subject.as_str()),
        true => document
            .text
            .split_once(": ")
            .map(|(head, _)| head)
            .filter(|head| head.chars().count() <= HEAD),
    };
    head.is_some_and(|head| {
        let head = lexicon::words(head);
        question.parts.iter().any(|(word, _)| {
            let word = sought.words.get(*word);
            word.is_some_and(|word| head.contains(&word.placed.word))
        })
    })
}

/// How many of the words that follow each other in the question stand together in the text, from 0 to 1.
fn together(document: &Document, question: &Question) -> f64 {
    if question.parts.len() < 2 || document.places.len() < 2 {
        return 0.0;
    }
    let of = |word: usize| {
        let places = document.places.iter();
        places
            .filter(move |(_, at)| *at == word)
            .map(|(place, _)| *place)
    };
    let pairs = question.parts.windows(2);
    let stand = pairs.filter(|pair| match pair {
        [(one, _), (other, _)] => {
            of(*one).any(|one| of(*other).any(|other| one.abs_diff(other) <= APART))
        }
        _ => false,
    });
    stand.count() as f64 / (question.parts.len() - 1) as f64
}

fn priors(document: &Document, now_ms: i64) -> f64 {
    let days = |ms: i64| now_ms.saturating_sub(ms).max(0) as f64 / DAY_MS as f64;
    let recent = |ms: i64| 0.5_f64.powf(days(ms) / HALF_DAYS);
    let used = match document.uses {
        0 => 0.0,
        uses => (1.0 + uses as f64).ln() / (1.0 + MANY_USES).ln() * recent(document.used_ms),
    };
    let trust = if document.is_confirmed {
        1.0
    } else {
        QUARANTINED
    };
    (1.0 + IMPORTANCE * (2.0 * document.importance - 1.0))
        * (1.0 + RECENCY * recent(document.at_ms))
        * (1.0 + USE * used.min(1.0))
        * trust
}

/// Words that two texts share of all that they have from which on one of them tells nothing new.
const SAME: f64 = 0.75;

/// Moves what says nearly the same as one before it behind the others.
pub(super) fn thinned(scored: Vec<Scored>, documents: &[Document], most: usize) -> Vec<Scored> {
    let words = |scored: &Scored| -> HashSet<&str> {
        let document = documents.get(scored.document);
        let words = document.map(|document| document.lexical.split_ascii_whitespace());
        words.into_iter().flatten().collect()
    };
    let mut first: Vec<(Scored, HashSet<&str>)> = Vec::new();
    let mut behind = Vec::new();
    let mut rest = scored.into_iter();
    for scored in rest.by_ref() {
        let own = words(&scored);
        let said = first.iter().any(|(_, said)| {
            let shared = own.intersection(said).count();
            let all = own.len() + said.len() - shared;
            shared as f64 >= SAME * all as f64
        });
        match said {
            true => behind.push(scored),
            false => first.push((scored, own)),
        }
        if first.len() == most {
            break;
        }
    }
    let first = first.into_iter().map(|(scored, _)| scored);
    first.chain(behind).chain(rest).collect()
}
