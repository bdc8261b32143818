//! How fast the tracker is, and that it stays so: `cargo bench --bench tasks`, with `-- --quick` in a
//! few seconds at smaller sizes, and with names (`closed batch circles counts search export server`)
//! only these. Prints what it has measured and exits with 1 when a bound does not hold. All bounds but
//! those against the peer are ratios within one run, so they hold on any machine.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on stops, and printing is all it is for"
)]

mod export;
mod peer;
mod report;
mod server;
mod world;

use std::collections::HashMap;
use std::process::ExitCode;

use ostler::tasks::{Actor, Changes, Close, Listing, NewTask, Proof, Reason, View, Wanted};
use report::{Report, Samples};
use world::{World, one};

/// How much there is of everything.
struct Sizes {
    /// Open tasks of the small and of the large project, and closed ones of the large.
    few: usize,
    open: usize,
    closed: usize,
    /// Tasks that are searched, in the small and in the large project.
    texts: [usize; 2],
    /// Tasks of the project that is held against the peer.
    peer: usize,
    rounds: usize,
}

const FULL: Sizes = Sizes {
    few: 100,
    open: 10_000,
    closed: 1_000_000,
    texts: [1_000, 100_000],
    peer: 10_000,
    rounds: 20,
};
const QUICK: Sizes = Sizes {
    few: 100,
    open: 1_000,
    closed: 20_000,
    texts: [500, 5_000],
    peer: 1_000,
    rounds: 4,
};
/// Measurements of each kind in a round; rounds of two worlds take turns, so that what else the
/// machine does falls on both.
const PER_ROUND: usize = 50;

/// Exports the tasks of the home that follows and prints the most memory that this process has had.
const EXPORT: &str = "--export";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == EXPORT) {
        return export::run(&arguments[at + 1]);
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let sizes = if quick { QUICK } else { FULL };
    let names: Vec<String> = arguments
        .into_iter()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = runtime.block_on(async {
        let mut report = Report::default();
        if wanted("closed") {
            closed_tasks_cost_nothing(&sizes, &mut report).await;
        }
        if wanted("batch") {
            a_batch_is_cheap(&sizes, &mut report).await;
        }
        if wanted("circles") {
            circles_are_looked_for(&sizes, &mut report).await;
        }
        if wanted("counts") {
            counts_are_put_right(&sizes, &mut report).await;
        }
        if wanted("search") {
            searches_are_bounded(&sizes, &mut report).await;
        }
        if wanted("export") {
            exports_stream(&sizes, &mut report).await;
        }
        if wanted("server") {
            server::measure(&sizes, &mut report).await;
        }
        report
    });
    report.print();
    match report.holds() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// `ready` and claims read an index of what is ready: however much is closed is no matter.
async fn closed_tasks_cost_nothing(sizes: &Sizes, report: &mut Report) {
    let small = World::with_open(sizes.few).await;
    let large = World::with_open(sizes.open).await;
    large.add_closed(sizes.closed).await;
    let (few, many) = (
        format!("{} open", sizes.few),
        format!("{} open + {} closed", sizes.open, sizes.closed),
    );
    let mut ready = [Samples::default(), Samples::default()];
    let mut claims = [Samples::default(), Samples::default()];
    let mut closes = [Samples::default(), Samples::default()];
    for _ in 0..sizes.rounds {
        for (at, world) in [&small, &large].into_iter().enumerate() {
            let tracker = world.tracker();
            let listing = Listing {
                limit: 10,
                ..Listing::of(View::Ready)
            };
            for _ in 0..PER_ROUND {
                let lines = ready[at].time(tracker.list(&listing)).await.unwrap();
                assert!(!lines.items.is_empty());
                let claimed = async {
                    let task = tracker.claim_next(&Wanted::default(), None).await.unwrap();
                    tracker.release(task.id.as_str(), None, "").await.unwrap()
                };
                let task = claims[at].time(claimed).await;
                closes[at]
                    .time(tracker.close(task.as_str(), &given_up()))
                    .await
                    .unwrap();
                tracker.reopen(task.as_str(), "again").await.unwrap();
            }
        }
    }
    for (what, [small, large]) in [
        ("ready, 10 lines", &ready),
        ("claim the best and release", &claims),
        ("close", &closes),
    ] {
        report.line(what, &few, small);
        report.line(what, &many, large);
        let ratio = large.p50_us() / small.p50_us();
        report.at_most(
            format!("{what}: p50 at {many}, of that at {few}"),
            ratio,
            2.0,
        );
    }
}

fn given_up() -> Close {
    Close {
        reason: Reason::WontDo,
        why: "measured".to_owned(),
        proof: Proof::default(),
        fence: None,
    }
}

/// A plan of 500 tasks is written in one go.
async fn a_batch_is_cheap(sizes: &Sizes, report: &mut Report) {
    let world = World::with_open(sizes.peer).await;
    let tracker = world.tracker();
    let [mut singles, mut batches] = [Samples::default(), Samples::default()];
    for round in 0..sizes.rounds {
        let plan = world::plan(500, round);
        batches.time(tracker.create(&plan)).await.unwrap();
        // The first of the same plan, one by one: every name becomes an id.
        let mut ids: HashMap<String, String> = HashMap::new();
        for task in plan.into_iter().take(PER_ROUND) {
            let name = task.reference.clone().unwrap();
            let single = NewTask {
                parent: task.parent.map(|parent| ids[&parent].clone()),
                blocked_by: task.blocked_by.iter().map(|it| ids[it].clone()).collect(),
                reference: None,
                ..task
            };
            let created = singles.time(tracker.create(&[single])).await.unwrap();
            ids.insert(name, created[0].id.to_string());
        }
    }
    let at = format!("{} open", sizes.peer);
    report.line("create one task of a plan", &at, &singles);
    report.line("create 500 at once", &at, &batches);
    let ratio = batches.p50_us() / singles.p50_us();
    report.at_most("a batch of 500, of one create".to_owned(), ratio, 30.0);
}

/// The worst place for a new edge is in front of everything.
async fn circles_are_looked_for(sizes: &Sizes, report: &mut Report) {
    let world = World::new().await;
    let tracker = world.tracker();
    let mut last: Vec<String> = Vec::new();
    let mut ends = Vec::new();
    for _ in 0..sizes.peer / 500 {
        let chain: Vec<NewTask> = (0..500).map(|at| world::link(at, &last)).collect();
        let created = tracker.create(&chain).await.unwrap();
        last = vec![created[499].id.to_string()];
        ends.extend(created.into_iter().map(|it| it.id.to_string()));
    }
    let first = tracker.create(&[one("first", None, &[])]).await.unwrap();
    let first = first[0].id.to_string();
    let [mut front, mut back] = [Samples::default(), Samples::default()];
    for (samples, task) in [(&mut front, &ends[0]), (&mut back, &ends[ends.len() - 1])] {
        for at in 0..sizes.rounds {
            let other = vec![first.clone()];
            let changes = match at % 2 {
                0 => Changes {
                    add_blocked_by: other,
                    ..Changes::default()
                },
                _ => Changes {
                    remove_blocked_by: other,
                    ..Changes::default()
                },
            };
            let changed = tracker.update(task, &changes, None);
            match at % 2 {
                0 => samples.time(changed).await.unwrap(),
                _ => changed.await.unwrap(),
            };
        }
    }
    let at = format!("a chain of {}", ends.len());
    report.line("a new edge in front of all", &at, &front);
    report.line("a new edge at the end", &at, &back);
}

/// What `ostler tasks doctor` does.
async fn counts_are_put_right(sizes: &Sizes, report: &mut Report) {
    let world = World::with_open(sizes.texts[1]).await;
    let person = world.tracker_of(Actor::Person);
    let [mut doctor, mut mend] = [Samples::default(), Samples::default()];
    assert!(doctor.time(person.doctor()).await.unwrap().is_empty());
    world.spoil().await;
    assert!(mend.time(person.mend()).await.unwrap() > 0);
    assert!(doctor.time(person.doctor()).await.unwrap().is_empty());
    let at = format!("{} open", sizes.texts[1]);
    report.line("recompute all counts and compare", &at, &doctor);
    report.line("put all counts right", &at, &mend);
}

/// A search ranks a bounded number of hits, however many there are; among open tasks it looks at no
/// closed one.
async fn searches_are_bounded(sizes: &Sizes, report: &mut Report) {
    let [from, to] = sizes.texts;
    let searches = [
        ("search, a word that one in 4 has", "frequent", View::All),
        ("search, the same in open ones", "frequent", View::Open),
        ("search, two words", "frequent word17", View::All),
        ("search, a word that 3 have", "needle", View::All),
        ("search, no hit", "nowhere", View::All),
    ];
    let worlds = [World::with_texts(from).await, World::with_texts(to).await];
    for (what, query, view) in searches {
        let listing = Listing {
            query: Some(query.to_owned()),
            ..Listing::of(view)
        };
        let mut samples = [Samples::default(), Samples::default()];
        for _ in 0..sizes.rounds {
            for (samples, world) in samples.iter_mut().zip(&worlds) {
                for _ in 0..5 {
                    samples.time(world.tracker().list(&listing)).await.unwrap();
                }
            }
        }
        for (samples, size) in samples.iter().zip(sizes.texts) {
            report.line(what, &format!("{size} tasks"), samples);
        }
        let name = format!("{what}: p50 at {to}, of that at {from}");
        report.at_most(name, samples[1].p50_us() / samples[0].p50_us(), 20.0);
    }
}

/// An export holds a page of tasks in memory, however many there are.
async fn exports_stream(sizes: &Sizes, report: &mut Report) {
    let mut peaks = Vec::new();
    for size in [sizes.texts[1] / 10, sizes.texts[1]] {
        let world = World::with_texts(size).await;
        let mut samples = Samples::default();
        let peak = samples.time(async { export::peak_kib(world.home()) }).await;
        let at = format!("{size} tasks");
        report.line("export, in a process of its own", &at, &samples);
        report.note("", &at, &format!("{peak} KiB at most"));
        peaks.push(peak as f64);
    }
    let name = "memory of an export of 10 times as many".to_owned();
    report.at_most(name, peaks[1] / peaks[0], 1.25);
}
