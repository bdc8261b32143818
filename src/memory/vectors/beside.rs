//! What meaning adds to a search by words.

use std::collections::HashSet;

use super::meaning::Nearest;
use crate::memory::memories::Memories;
use crate::memory::remember::secrets;

/// Characters of a question that are sent, without what looks secret.
const QUESTION: usize = 2000;

/// What was found by meaning, and what whoever asks should know of it.
#[derive(Debug, Default)]
pub(crate) struct ByMeaning {
    /// Numbers of memories and how like the question they are, from 0 to 1; the best first.
    pub(crate) hits: Vec<(i64, f64)>,
    /// Why there are none, or that not all were looked at.
    pub(crate) note: Option<String>,
}

impl Memories<'_> {
    /// What means one of `questions` in `places`, of `only` these if given; nothing where no service is
    /// configured. Some of them may be no more than that: the caller leaves out what is not to be found.
    pub(crate) async fn by_meaning(
        &self,
        places: &[i64],
        questions: &[&String],
        only: Option<HashSet<i64>>,
    ) -> ByMeaning {
        let Some(meaning) = self.meaning else {
            return ByMeaning::default();
        };
        // What is not kept is not handed to others either, nor the beginning of it.
        let read = |question: &&String| question.chars().take(2 * QUESTION).collect::<String>();
        let secret = questions.iter().find_map(|it| secrets::found(&read(it)));
        if let Some(what) = secret {
            return ByMeaning {
                hits: Vec::new(),
                note: Some(format!(
                    "searched by words only: the question holds {what}, which no service is sent"
                )),
            };
        }
        let questions: Vec<String> = questions
            .iter()
            .map(|question| question.chars().take(QUESTION).collect::<String>())
            .map(|question| self.store.redact(&question))
            .filter(|question| !question.trim().is_empty())
            .collect();
        if questions.is_empty() {
            return ByMeaning::default();
        }
        let nearest = meaning.nearest(self.store, places, &questions, only).await;
        match nearest {
            Ok(Nearest { hits, compared, of }) => ByMeaning {
                hits,
                note: (compared < of).then(|| {
                    format!(
                        "meanings: {compared} of {of} memories compared, the others by words only"
                    )
                }),
            },
            Err(why) => ByMeaning {
                hits: Vec::new(),
                note: Some(format!("searched by words only: {why}")),
            },
        }
    }
}
