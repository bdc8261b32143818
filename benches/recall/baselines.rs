//! What anybody would do without us: a search of SQLite over the same text, all words or any of them,
//! and TF-IDF. They know nothing of what was superseded and keep it.

use std::collections::HashMap;

use sqlx::{AnyConnection, Connection};

use super::data::Data;

const TABLE: &str =
    "CREATE VIRTUAL TABLE statement USING fts5(said, tokenize = 'porter unicode61')";
const ADD: &str = "INSERT INTO statement(rowid, said) VALUES ($1, $2)";
const FIND: &str =
    "SELECT rowid FROM statement WHERE statement MATCH $1 ORDER BY bm25(statement), rowid LIMIT $2";

/// FTS5 as it comes, with `porter unicode61`, the best first by bm25.
pub(crate) struct FullText {
    connection: AnyConnection,
    keys: Vec<String>,
}

impl FullText {
    pub(crate) async fn over(data: &Data) -> Self {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::query(TABLE).execute(&mut connection).await.unwrap();
        for (n, statement) in data.statements.iter().enumerate() {
            let add = sqlx::query(ADD).bind(n as i64).bind(statement.whole());
            add.execute(&mut connection).await.unwrap();
        }
        Self {
            connection,
            keys: data.statements.iter().map(|it| it.key.clone()).collect(),
        }
    }

    /// What has all words of the question, or any of them.
    pub(crate) async fn find(&mut self, text: &str, joint: &str, limit: usize) -> Vec<String> {
        let quoted = words(text).map(|word| format!("\"{word}\""));
        let asked = quoted.collect::<Vec<_>>().join(joint);
        let find = sqlx::query_scalar(FIND).bind(asked).bind(limit as i64);
        let rows: Vec<i64> = find.fetch_all(&mut self.connection).await.unwrap();
        let keys = rows.into_iter().map(|n| self.keys[n as usize].clone());
        keys.collect()
    }
}

/// TF-IDF over single words and pairs of them, compared by cosine.
pub(crate) struct TfIdf {
    idf: HashMap<String, f64>,
    vectors: Vec<(String, HashMap<String, f64>)>,
}

impl TfIdf {
    pub(crate) fn over(data: &Data) -> Self {
        let counted: Vec<_> = data
            .statements
            .iter()
            .map(|it| grams(&it.whole()))
            .collect();
        let mut having: HashMap<String, f64> = HashMap::new();
        for gram in counted.iter().flat_map(HashMap::keys) {
            *having.entry(gram.clone()).or_default() += 1.0;
        }
        let all = counted.len() as f64;
        let idf = |having: f64| ((1.0 + all) / (1.0 + having)).ln() + 1.0;
        let idf = having.into_iter().map(|(gram, n)| (gram, idf(n))).collect();
        let mut itself = Self {
            idf,
            vectors: Vec::new(),
        };
        let vectors = counted.into_iter().map(|it| itself.weigh(it));
        let keys = data.statements.iter().map(|it| it.key.clone());
        itself.vectors = keys.zip(vectors.collect::<Vec<_>>()).collect();
        itself
    }

    pub(crate) fn find(&self, text: &str, limit: usize) -> Vec<String> {
        let asked = self.weigh(grams(text));
        let near = self.vectors.iter().map(|(key, said)| {
            let common = asked
                .iter()
                .filter_map(|(gram, w)| Some(w * said.get(gram)?));
            (common.sum::<f64>(), key)
        });
        let mut near: Vec<_> = near.filter(|(cosine, _)| *cosine > 0.0).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter()
            .take(limit)
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// Of length 1.
    fn weigh(&self, counted: HashMap<String, f64>) -> HashMap<String, f64> {
        let known = counted.into_iter().filter_map(|(gram, n)| {
            let idf = self.idf.get(&gram)?;
            Some((gram, n * idf))
        });
        let weighed: HashMap<String, f64> = known.collect();
        let length = weighed.values().map(|w| w * w).sum::<f64>().sqrt();
        weighed
            .into_iter()
            .map(|(gram, w)| (gram, w / length))
            .collect()
    }
}

fn grams(text: &str) -> HashMap<String, f64> {
    let words: Vec<String> = words(text).collect();
    let pairs = words.windows(2).map(|pair| pair.join(" "));
    let mut counted = HashMap::new();
    for gram in words.iter().cloned().chain(pairs) {
        *counted.entry(gram).or_default() += 1.0;
    }
    counted
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|it: char| !it.is_alphanumeric());
    words.filter(|it| !it.is_empty()).map(str::to_lowercase)
}
