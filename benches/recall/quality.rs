//! Who finds how much, as tables, and whether we are ahead.

use super::data::{Data, Half, Question};
use super::runner::{Runner, run};
use super::score::Score;

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
    let held = |it: &Question| it.half() == Half::Held;
    let mut ahead = true;
    for (what, part) in measures {
        let best = others.iter().max_by(|a, b| {
            let [a, b] = [a, b].map(|it| part(it.mean(data, held)));
            a.total_cmp(&b)
        });
        let best = best.unwrap();
        let of = |runner: &Runner| runner.scores(data, held).into_iter().map(part).collect();
        let [our, their]: [Vec<f64>; 2] = [of(ours), of(best)];
        let more: Vec<f64> = our.iter().zip(&their).map(|(a, b)| a - b).collect();
        let margin = mean(&more);
        println!(
            "{}  {what} on the half held back, {} questions: {:.1}, {} {:.1}: {margin:+.1}, standard error {:.1}",
            if margin > 0.0 { "holds " } else { "BROKEN" },
            more.len(),
            mean(&our),
            best.name,
            mean(&their),
            error_of_mean(&more),
        );
        ahead &= margin > 0.0;
    }
    ahead
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How far the mean would be off with other questions of the same sort, about.
fn error_of_mean(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (squares.sum::<f64>() / (values.len() - 1) as f64 / values.len() as f64).sqrt()
}
