//! How long it takes to find and to keep a memory among 100,000. Times are told beside the bounds that
//! they were designed for; nothing here fails.

use std::time::Instant;

use ostler::memory::{BATCH, Kept, NewMemory, Query};
use sqlx::{AnyConnection, Connection};

use super::data::{Data, NOW_MS};
use super::report::{Report, Samples};
use super::world::World;

const FULL: usize = 100_000;
const QUICK: usize = 5_000;
/// Different words, the n-th of them about 1/n as frequent as the first.
const VOCABULARY: usize = 20_000;
/// Questions of each kind.
const ASKED: usize = 200;
const HOUR_MS: i64 = 3_600_000;

const BARE: &str =
    "CREATE TABLE bare(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL)";
const BARE_ADD: &str = "INSERT INTO bare(id, text) VALUES ($1, $2)";

pub(crate) async fn measure(data: &Data, quick: bool) {
    let size = if quick { QUICK } else { FULL };
    let mut report = Report::default();
    let world = World::new().await;
    let mut chance = Chance(20_260_617);
    fill(&world, data, size, &mut chance, &mut report).await;
    reads(&world, size, &mut chance, &mut report).await;
    writes(&world, size, &mut chance, &mut report).await;
    report.print();
}

async fn fill(world: &World, data: &Data, size: usize, chance: &mut Chance, report: &mut Report) {
    let mut batches = Samples::default();
    let mut new = 0;
    let start = Instant::now();
    for first in (0..size).step_by(BATCH) {
        // A memory every six minutes, up to now.
        world.stand_at(NOW_MS - (size - first) as i64 * HOUR_MS / 10);
        let batch: Vec<_> = (first..first + BATCH)
            .map(|n| made(data, n, chance))
            .collect();
        let kept = batches.time(world.memories().remember(&batch)).await;
        let is_new = |kept: &&Kept| matches!(kept, Kept::New { .. });
        new += kept.unwrap().iter().filter(is_new).count();
    }
    world.stand_at(NOW_MS);
    let at = format!("{size} memories");
    report.line("remember a batch of 100", &at, &batches);
    let took = start.elapsed().as_secs_f64();
    let megabytes = std::fs::metadata(world.file()).unwrap().len() / 1_000_000;
    let told = format!("{took:.1} s, {new} kept, {megabytes} MB");
    report.note("all of them", &at, &told);
}

/// What it is called, what its p50 was designed for in milliseconds, and how a question is made.
type Kind<'a> = (&'static str, Option<f64>, &'a dyn Fn(&mut Chance) -> String);

async fn reads(world: &World, size: usize, chance: &mut Chance, report: &mut Report) {
    let at = format!("{size} memories");
    let rare = VOCABULARY - VOCABULARY / 20;
    let [day, month] = match size {
        FULL => ["21 November 2025", "November 2025"],
        _ => ["7 June 2026", "June 2026"],
    };
    let kinds: [Kind<'_>; 7] = [
        (
            "recall, three words of mixed frequency",
            Some(10.0),
            &|chance| {
                let [some, few, rare] = [100, 1_000, 10_000].map(|from| chance.below(from) + from);
                [some, few, rare].map(word).join(" ")
            },
        ),
        ("recall, three frequent words", None, &|chance| {
            let from = chance.below(15);
            [from, from + 1, from + 2].map(word).join(" ")
        }),
        ("recall, one very frequent word", Some(50.0), &|chance| {
            word(chance.below(5))
        }),
        (
            "recall, one very frequent word of a day",
            Some(50.0),
            &|chance| format!("{} on {day}", word(chance.below(5))),
        ),
        (
            "recall, one very frequent word of a month",
            Some(50.0),
            &|chance| format!("{} in {month}", word(chance.below(5))),
        ),
        ("recall, one rare word", None, &|chance| {
            word(rare + chance.below(VOCABULARY - rare))
        }),
        ("recall, one unknown word", None, &|chance| {
            let mut mistyped = word(1_000 + chance.below(10_000));
            mistyped.insert(3, 'x');
            mistyped
        }),
    ];
    for (what, bound_ms, question) in kinds {
        let [mut samples, mut quiet] = [Samples::default(), Samples::default()];
        for _ in 0..ASKED {
            // As a session asks: what is given is counted as used, in a write of its own.
            let mut query = Query {
                text: question(chance),
                ..Query::default()
            };
            samples.time(world.memories().recall(&query)).await.unwrap();
            query.quiet = true;
            quiet.time(world.memories().recall(&query)).await.unwrap();
        }
        report.line(what, &at, &samples);
        report.line("  the same again, not counted", &at, &quiet);
        if let Some(bound) = bound_ms {
            report.at_most(format!("{what}: p50 in ms"), samples.p50_us() / 1e3, bound);
        }
    }
}

/// One memory at a time, in turn with a transaction that does nothing but add one row to the same file.
async fn writes(world: &World, size: usize, chance: &mut Chance, report: &mut Report) {
    let mut raw = world.raw().await;
    sqlx::query(BARE).execute(&mut raw).await.unwrap();
    let [mut bare, mut ours] = [Samples::default(), Samples::default()];
    for n in 0..ASKED {
        let text = chance.text();
        bare.time(add_bare(&mut raw, n, &text)).await;
        let new = NewMemory {
            text,
            ..NewMemory::default()
        };
        ours.time(world.memories().remember(&[new])).await.unwrap();
    }
    let at = format!("{size} memories");
    report.line("a transaction with one INSERT", &at, &bare);
    report.line("remember one", &at, &ours);
    let more = (ours.p50_us() - bare.p50_us()) / 1e3;
    report.note(
        "",
        &at,
        &format!("{:.1} times as long", ours.p50_us() / bare.p50_us()),
    );
    report.at_most("remember one: p50 over that, in ms".to_owned(), more, 1.0);
}

async fn add_bare(raw: &mut AnyConnection, n: usize, text: &str) {
    let mut tx = raw.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let add = sqlx::query(BARE_ADD).bind(format!("b-{n:06}")).bind(text);
    add.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Memory `n`: words by chance; every fourth begins as a person would write it.
fn made(data: &Data, n: usize, chance: &mut Chance) -> NewMemory {
    let text = match n % 4 {
        0 => {
            let said = &data.statements[chance.below(data.statements.len())].text;
            let said: Vec<&str> = said.split(' ').take(12).collect();
            format!("{} {}", said.join(" "), chance.text())
        }
        _ => chance.text(),
    };
    NewMemory {
        text,
        tags: vec![word(chance.below(200))],
        session: Some(format!("s-{}", n / 10)),
        ..NewMemory::default()
    }
}

/// The same numbers in every run.
struct Chance(u64);

impl Chance {
    /// xorshift64*.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// 12 to 40 words.
    fn text(&mut self) -> String {
        let words = 12 + self.below(29);
        let words: Vec<String> = (0..words).map(|_| word(self.frequent())).collect();
        words.join(" ")
    }

    /// The number of a word: its logarithm is uniform.
    fn frequent(&mut self) -> usize {
        let part = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((VOCABULARY as f64).powf(part) as usize - 1).min(VOCABULARY - 1)
    }
}

/// The word with that number; syllables that no stemming takes apart.
fn word(number: usize) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "do", "fi", "gu", "ka", "lo", "mi", "nu", "pa", "ro", "ti", "vu", "za", "bo", "di",
        "fu", "ga", "ko", "lu", "ma",
    ];
    let mut left = number;
    let mut word = String::new();
    for _ in 0..4 {
        word.push_str(SYLLABLES[left % SYLLABLES.len()]);
        left /= SYLLABLES.len();
    }
    word + "k"
}
