//! Everybody who is compared, asked the same questions about the same statements.

use ostler::memory::{Band, Query};

use super::baselines::{FullText, TfIdf};
use super::data::{Data, Question};
use super::report::Samples;
use super::score::Score;
use super::world::World;

/// Hits that are looked at.
const HITS: usize = 20;
/// How often everything is asked, for the times; the first answer is what is scored.
const ROUNDS: usize = 5;

/// One of those that are compared, and how it did.
pub(crate) struct Runner {
    pub(crate) name: &'static str,
    pub(crate) times: Samples,
    /// Keys that were found for each question, in the order of these.
    pub(crate) found: Vec<Vec<String>>,
    /// Whether the best of them was said to fit well; only ours says that.
    pub(crate) strong: Vec<bool>,
}

impl Runner {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            times: Samples::default(),
            found: Vec::new(),
            strong: Vec::new(),
        }
    }

    pub(crate) fn scores(&self, data: &Data, which: impl Fn(&Question) -> bool) -> Vec<Score> {
        let asked = data.questions.iter().zip(&self.found);
        let asked = asked.filter(|(question, _)| !question.gold.is_empty() && which(question));
        asked
            .map(|(question, found)| Score::of(data, question, found))
            .collect()
    }

    pub(crate) fn mean(&self, data: &Data, which: impl Fn(&Question) -> bool) -> Score {
        Score::mean(&self.scores(data, which))
    }
}

/// Asks everybody everything; ours is the last one.
pub(crate) async fn run(data: &Data) -> [Runner; 4] {
    let mut full_text = FullText::over(data).await;
    let tf_idf = TfIdf::over(data);
    let (world, ids) = World::of(data).await;
    let memories = world.memories();
    let [mut all, mut any, mut cosine, mut ours] = [
        Runner::new("FTS5, all words"),
        Runner::new("FTS5, any word"),
        Runner::new("TF-IDF, cosine"),
        Runner::new("ostler"),
    ];
    for round in 0..ROUNDS {
        for question in &data.questions {
            let text = question.text.as_str();
            let found = [
                all.times.time(full_text.find(text, " ", HITS)).await,
                any.times.time(full_text.find(text, " OR ", HITS)).await,
                cosine.times.time(async { tf_idf.find(text, HITS) }).await,
            ];
            let query = Query {
                text: text.to_owned(),
                limit: HITS as u32,
                ..Query::default()
            };
            let recalled = ours.times.time(memories.recall(&query)).await;
            if round > 0 {
                continue;
            }
            let hits = recalled.unwrap().hits;
            for (runner, found) in [&mut all, &mut any, &mut cosine].into_iter().zip(found) {
                runner.found.push(found);
            }
            ours.strong
                .push(hits.first().is_some_and(|hit| hit.band == Band::Strong));
            let key_of = |id: &str| ids.iter().find(|(known, _)| known == id).unwrap().1.clone();
            let keys = hits.iter().map(|hit| key_of(hit.memory.id.as_str()));
            ours.found.push(keys.collect());
        }
    }
    [all, any, cosine, ours]
}
