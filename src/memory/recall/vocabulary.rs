//! The words of a question as they are known where it is asked.

use std::sync::LazyLock;

use sqlx::AnyConnection;

use super::candidates::{self, Placed, idf};
use super::kinds;
use super::others::Others;
use super::time::{self, Window};
use crate::memory::index::Statistics;
use crate::memory::lexicon::{self, Term};
use crate::store::StoreError;

/// Characters of a question that are looked at.
pub(super) const QUESTION: usize = 4000;
/// Words of a question that are looked for, those that tell the most.
const WORDS: usize = 32;
/// Words that a memory has to have to fit a question of many: a prompt says more than any memory does.
const TELLING: usize = 6;

/// One wording of what is looked for.
pub(super) struct Question {
    /// Its words, the most telling of them, each as the place of a [`Word`] and how much it counts.
    pub(super) parts: Vec<(usize, f64)>,
    /// What a memory with all of it has.
    pub(super) attainable: f64,
    /// What a memory with the most telling of its known words has.
    pub(super) telling: f64,
    /// The time that it names.
    pub(super) window: Option<Window>,
    /// Whether it asks for a time.
    pub(super) asks_when: bool,
    /// Whether it says more of what it is about than a kind and a time.
    pub(super) tells_more: bool,
}

/// A word that is looked for.
pub(super) struct Word {
    /// As it is compared, where it is, and what it tells.
    pub(super) placed: Placed,
    /// As it was asked.
    pub(super) said: String,
    /// Whether it stands in for what was asked.
    pub(super) stands_in: bool,
}

/// What is looked for, in all wordings.
#[derive(Default)]
pub(super) struct Sought {
    pub(super) words: Vec<Word>,
    pub(super) questions: Vec<Question>,
}

/// A wording, read but not looked up.
pub(super) struct Read {
    terms: Vec<Term>,
    /// Those that name the time, as the month of a day.
    of_time: Vec<String>,
    pub(super) window: Option<Window>,
    asks_when: bool,
}

impl Read {
    /// Reads the beginning of a wording.
    pub(super) fn of(text: &str, now_ms: i64) -> Self {
        let text = match text.char_indices().nth(QUESTION) {
            Some((end, _)) => text.get(..end).unwrap_or_default(),
            None => text,
        };
        let window = time::named(text, now_ms);
        let mut terms = lexicon::asked(text);
        let mut of_time = Vec::new();
        if let Some(window) = &window {
            let named: Vec<String> = lexicon::written(&window.words.join(" "))
                .into_iter()
                .map(|(said, _)| said)
                .collect();
            let names = |term: &Term| named.contains(&term.said);
            // A text of then does not say `last week`, but it may well say `May`. What is to come is known
            // by what was said of it.
            let is_past = window.from_ms <= now_ms;
            if is_past && (window.relative || terms.iter().all(names)) {
                terms.retain(|term| !names(term));
            } else if is_past || window.words.iter().any(|word| time::is_date(word)) {
                // The parts of a date say nothing without it.
                terms.retain(|term| !(names(term) && time::is_part(&term.said)));
            }
            of_time.extend(
                terms
                    .iter()
                    .filter(|it| names(it))
                    .map(|it| it.said.clone()),
            );
        }
        Self {
            terms,
            of_time,
            window,
            asks_when: time::is_asked(text),
        }
    }

    /// Whether there is no word to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it names a time and nothing that was then.
    pub(super) fn asks_only_for_a_time(&self) -> bool {
        let says_more = |term: &Term| {
            term.tells && !self.of_time.contains(&term.said) && !is_of_any_time(&term.word)
        };
        self.window.is_some() && !self.terms.iter().any(says_more)
    }

    /// Whether no word says what it is about.
    pub(super) fn is_vague(&self) -> bool {
        self.terms.iter().all(|term| !term.tells)
    }

    /// Its words that do not say what it is about, as they were asked.
    pub(super) fn vague(&self) -> impl Iterator<Item = &str> {
        let vague = self.terms.iter().filter(|term| !term.tells);
        vague.map(|term| term.said.as_str())
    }

    /// Its words, as they were asked.
    pub(super) fn said(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.said.as_str())
    }
}

/// Whether a word, as it is compared, asks for whatever there was at a time.
fn is_of_any_time(word: &str) -> bool {
    static WORDS: LazyLock<Vec<String>> =
        LazyLock::new(|| lexicon::words("happen change do go note learn new"));
    WORDS.iter().any(|known| known == word)
}

/// Looks up what was read.
pub(super) async fn look_up(
    connection: &mut AnyConnection,
    places: &[i64],
    statistics: Statistics,
    read: Vec<Read>,
    others: &mut Others,
) -> Result<Sought, StoreError> {
    let mut sought = Sought::default();
    for read in read {
        let question = sought.add(connection, places, statistics, read, others);
        let question = question.await?;
        sought.questions.push(question);
    }
    Ok(sought)
}

impl Sought {
    async fn add(
        &mut self,
        connection: &mut AnyConnection,
        places: &[i64],
        statistics: Statistics,
        read: Read,
        others: &mut Others,
    ) -> Result<Question, StoreError> {
        let words: Vec<&str> = read.terms.iter().map(|term| term.word.as_str()).collect();
        let placed = candidates::placed(connection, places, &words).await?;
        let tells = |placed: &Placed| idf(placed.memories(), statistics.memories);
        let mut asked: Vec<(&Term, Placed)> = read.terms.iter().zip(placed).collect();
        // In their order as long as there are few, for words that stand together are worth more.
        if asked.len() > WORDS {
            asked.retain(|(_, placed)| placed.memories() > 0);
            asked.sort_by(|(_, a), (_, b)| tells(b).total_cmp(&tells(a)));
            asked.truncate(WORDS);
        }
        let tells_more = |term: &Term| {
            term.tells && !read.of_time.contains(&term.said) && kinds::named(&term.word).is_none()
        };
        let mut question = Question {
            parts: Vec::new(),
            attainable: 0.0,
            telling: 0.0,
            window: read.window,
            asks_when: read.asks_when,
            tells_more: read.terms.iter().any(tells_more),
        };
        let mut known = Vec::new();
        for (term, mut placed) in asked {
            placed.weight = tells(&placed);
            let is_unknown = placed.memories() == 0;
            let own = placed.weight;
            let at = self.put(placed, &term.said, false);
            question.parts.push((at, term.weight));
            if !is_unknown {
                question.attainable += term.weight * own;
                known.push(term.weight * own);
                continue;
            }
            // That no memory says `May` does not mean that none is of it.
            if read.of_time.contains(&term.said) {
                continue;
            }
            let stand_ins = others.standing_in(connection, places, term).await?;
            let names: Vec<&str> = stand_ins.iter().map(|(word, _)| word.as_str()).collect();
            let placed = candidates::placed(connection, places, &names).await?;
            let mut most: Option<f64> = None;
            for ((_, weight), mut placed) in stand_ins.into_iter().zip(placed) {
                placed.weight = tells(&placed);
                most = Some(most.unwrap_or_default().max(placed.weight));
                let at = self.put(placed, &term.said, true);
                question.parts.push((at, term.weight * weight));
            }
            question.attainable += term.weight * most.unwrap_or(own);
            known.extend(most.map(|most| term.weight * most));
        }
        known.sort_by(|a, b| b.total_cmp(a));
        question.telling = known.iter().take(TELLING).sum();
        Ok(question)
    }

    fn put(&mut self, placed: Placed, said: &str, stands_in: bool) -> usize {
        let known = |word: &Word| word.placed.word == placed.word;
        if let Some(at) = self.words.iter().position(known) {
            if let Some(word) = self.words.get_mut(at)
                && !stands_in
            {
                word.stands_in = false;
                word.said = said.to_owned();
            }
            return at;
        }
        self.words.push(Word {
            placed,
            said: said.to_owned(),
            stands_in,
        });
        self.words.len() - 1
    }
}
