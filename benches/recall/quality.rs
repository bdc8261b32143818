//! Who finds how much: the same statements and questions for everybody.

use ostler::memory::{Band, Query};

use super::baselines::{FullText, TfIdf};
use super::data::{Data, Half, Question};
use super::report::Samples;
use super::score::Score;
use super::world::World;

/// Hits that are looked at.
const HITS: usize = 20;
/// How often everything is asked, for the times; the first answer is what is scored.
const ROUNDS: usize = 5;

/// One of those that are compared, and how it did.
struct Runner {
    name: &'static str,
    times: Samples,
    /// Keys that were found for each question, in the order of these.
    found: Vec<Vec<String>>,
    /// Whether the best of them was said to fit well; only ours says that.
    strong: Vec<bool>,
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

    fn mean(&self, data: &Data, which: impl Fn(&Question) -> bool) -> Score {
        let asked = data.questions.iter().zip(&self.found);
        let asked = asked.filter(|(question, _)| !question.gold.is_empty() && which(question));
        let scores: Vec<Score> = asked.map(|(q, found)| Score::of(data, q, found)).collect();
        Score::mean(&scores)
    }
}

/// Whether ours is ahead of all others.
pub(crate) async fn measure(data: &Data, misses: bool) -> bool {
    let runners = run(data).await;
    println!(
        "{} statements, {} questions\n",
        data.statements.len(),
        data.questions.len()
    );
    totals(data, &runners);
    styles(data, &runners);
    without_answer(data, &runners);
    if misses {
        tell_misses(data, &runners[runners.len() - 1]);
    }
    is_ahead(data, &runners)
}

async fn run(data: &Data) -> [Runner; 4] {
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

fn totals(data: &Data, runners: &[Runner]) {
    println!(
        "{:<16} {:<6} {:>6} {:>6} {:>6} {:>6}   {:>9} {:>9}",
        "", "half", "R@1", "R@5", "R@10", "MRR", "p50 us", "p99 us"
    );
    for half in [Half::Tune, Half::Held] {
        for runner in runners {
            let Score { recall, reciprocal } = runner.mean(data, |it| it.half() == half);
            let [one, five, ten] = recall.map(|it| it * 100.0);
            println!(
                "{:<16} {:<6} {one:>6.1} {five:>6.1} {ten:>6.1} {reciprocal:>6.3}   {:>9.0} {:>9.0}",
                runner.name,
                half.as_str(),
                runner.times.p50_us(),
                runner.times.p99_us(),
            );
        }
    }
}

fn styles(data: &Data, runners: &[Runner]) {
    print!("\n{:<14} {:<6} {:>4}", "R@5  MRR", "half", "n");
    for runner in runners {
        print!("   {:>15}", runner.name);
    }
    println!();
    let mut names: Vec<&str> = Vec::new();
    for question in data.questions.iter().filter(|it| !it.gold.is_empty()) {
        if !names.contains(&question.style()) {
            names.push(question.style());
        }
    }
    for name in names {
        style(data, runners, name, |it| it.style() == name);
    }
    // The others cannot know what was superseded: how much of the difference is that?
    style(data, runners, "all but stale", |it| {
        it.style() != "superseded"
    });
}

fn style(data: &Data, runners: &[Runner], name: &str, which: impl Fn(&Question) -> bool) {
    for half in [Half::Tune, Half::Held] {
        let of_it = |it: &Question| it.half() == half && which(it);
        let asked = data.questions.iter().filter(|it| !it.gold.is_empty());
        let asked = asked.filter(|it| of_it(it)).count();
        print!("{name:<14} {:<6} {asked:>4}", half.as_str());
        for runner in runners {
            let score = runner.mean(data, of_it);
            print!(
                "   {:>8.1} {:>6.3}",
                score.recall[1] * 100.0,
                score.reciprocal
            );
        }
        println!();
    }
}

/// Questions whose answer was never kept: the fewer hits the better.
fn without_answer(data: &Data, runners: &[Runner]) {
    println!();
    let open: Vec<usize> = (0..data.questions.len())
        .filter(|at| data.questions[*at].gold.is_empty())
        .collect();
    for runner in runners {
        let any = open.iter().filter(|at| !runner.found[**at].is_empty());
        let strong = open
            .iter()
            .filter(|at| runner.strong.get(**at) == Some(&true));
        let said = match runner.strong.is_empty() {
            true => "",
            false => &format!(", with {} the best is `strong`", strong.count()),
        };
        println!(
            "{:<16} finds something for {} of {} questions without an answer{said}",
            runner.name,
            any.count(),
            open.len(),
        );
    }
    if let Some(ours) = runners.iter().find(|it| !it.strong.is_empty()) {
        let answered = data.questions.iter().zip(&ours.found).zip(&ours.strong);
        let first =
            |gold: &[String], found: &[String]| found.first().is_some_and(|it| gold.contains(it));
        let strong: Vec<bool> = answered
            .filter(|((question, _), strong)| **strong && !question.gold.is_empty())
            .map(|((question, found), _)| first(&question.gold, found))
            .collect();
        let right = strong.iter().filter(|it| **it).count();
        println!(
            "{:<16} says `strong` of the best hit of {} questions with one, of {right} rightly",
            ours.name,
            strong.len()
        );
    }
}

/// Only of the half that may be looked at.
fn tell_misses(data: &Data, ours: &Runner) {
    println!();
    for (question, found) in data.questions.iter().zip(&ours.found) {
        let is_tune = question.half() == Half::Tune && !question.gold.is_empty();
        if is_tune && Score::of(data, question, found).recall[1] < 1.0 {
            let rank = |gold: &String| found.iter().position(|key| key == gold).map(|at| at + 1);
            let ranks: Vec<_> = question.gold.iter().map(|it| (it, rank(it))).collect();
            let first = found.iter().take(5).map(String::as_str).collect::<Vec<_>>();
            println!(
                "{:<14} {:?} {ranks:?} {first:?}",
                question.key, question.text
            );
        }
    }
}

type Measure = (&'static str, fn(Score) -> f64);

fn is_ahead(data: &Data, runners: &[Runner]) -> bool {
    println!();
    let Some((ours, others)) = runners.split_last() else {
        return false;
    };
    let measures: [Measure; 2] = [
        ("recall@5", |score| score.recall[1] * 100.0),
        ("MRR x 100", |score| score.reciprocal * 100.0),
    ];
    let mut ahead = true;
    for (what, part) in measures {
        let of = |runner: &Runner| part(runner.mean(data, |it| it.half() == Half::Held));
        let ours = of(ours);
        let others = others.iter().map(|it| (of(it), it.name));
        let (best, name) = others.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let mark = if ours > best { "holds " } else { "BROKEN" };
        println!(
            "{mark}  {what} on the half held back: {ours:.1}, {name} {best:.1}: {:+.1}",
            ours - best
        );
        ahead &= ours > best;
    }
    ahead
}
