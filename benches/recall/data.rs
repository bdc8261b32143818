//! What is searched and asked: statements of invented projects and questions whose answers are known,
//! written for this benchmark. A line of `data/*.jsonl` is one of them.

use serde::Deserialize;

const MEMORIES: &str = include_str!("data/memories.jsonl");
const QUERIES: &str = include_str!("data/queries.jsonl");

/// When all questions are asked: 2026-06-17T12:00:00Z, a Wednesday.
pub(crate) const NOW_MS: i64 = 1_781_697_600_000;

/// A statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    pub(crate) key: String,
    /// When it was said, RFC 3339; statements stand in the order of this.
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// The conversation it was part of.
    #[serde(default)]
    pub(crate) session: String,
    /// Keys of what no longer holds since.
    #[serde(default)]
    pub(crate) supersedes: Vec<String>,
}

impl Statement {
    pub(crate) fn at_ms(&self) -> i64 {
        ostler::clock::parse_time(&self.at).unwrap()
    }

    /// All that is known of it, for a search that knows only text.
    pub(crate) fn whole(&self) -> String {
        format!("{} {} {}", self.text, self.subject, self.tags.join(" "))
    }
}

/// A question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// Its style, a dash and a number.
    pub(crate) key: String,
    pub(crate) text: String,
    /// Keys of the statements that answer it; none for one that has no answer here.
    pub(crate) gold: Vec<String>,
    /// Whether it shares no word with its answer.
    #[serde(default)]
    pub(crate) hard: bool,
}

impl Question {
    pub(crate) fn style(&self) -> &str {
        self.key.rsplit_once('-').unwrap().0
    }

    pub(crate) fn half(&self) -> Half {
        match hash(&self.key) % 2 {
            0 => Half::Tune,
            _ => Half::Held,
        }
    }
}

/// What a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// A ranking may be made better by it.
    Tune,
    /// It is only ever measured with.
    Held,
}

impl Half {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tune => "tune",
            Self::Held => "held",
        }
    }
}

pub(crate) struct Data {
    pub(crate) statements: Vec<Statement>,
    pub(crate) questions: Vec<Question>,
}

impl Data {
    pub(crate) fn load() -> Self {
        Self {
            statements: lines(MEMORIES),
            questions: lines(QUERIES),
        }
    }

    pub(crate) fn statement(&self, key: &str) -> Option<&Statement> {
        self.statements.iter().find(|it| it.key == key)
    }

    /// All that the statement with `key` has taken the place of, in one step or several.
    pub(crate) fn stale(&self, key: &str) -> Vec<&str> {
        let mut stale = Vec::new();
        let mut open = vec![key];
        while let Some(statement) = open.pop().and_then(|key| self.statement(key)) {
            for old in &statement.supersedes {
                stale.push(old.as_str());
                open.push(old);
            }
        }
        stale
    }
}

fn lines<T: for<'a> Deserialize<'a>>(text: &str) -> Vec<T> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

/// FNV-1a, mixed once more: its last bits hardly depend on the first letters.
fn hash(text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
