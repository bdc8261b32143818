//! How well memories are found, and how fast: `cargo bench --bench recall`; with a name (`quality`,
//! `speed`) only that, with `-- --quick` the speed at a smaller size, with `-- --misses` also the
//! questions of the half for tuning that go wrong. Exits with 1 when a baseline finds as much as we do
//! in the half that nothing was tuned with; times are only told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on stops, and printing is all it is for"
)]

mod baselines;
mod data;
mod quality;
#[path = "../tasks/report.rs"]
#[allow(
    dead_code,
    reason = "shared with another benchmark, which needs more of it"
)]
mod report;
mod review;
mod runner;
mod score;
mod speed;
mod world;

use std::process::ExitCode;

use data::Data;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let named = arguments.iter().any(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| !named || has(name);
    let data = Data::load();
    review::review(&data);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut ahead = true;
        if wanted("quality") {
            ahead = quality::measure(&data, has("--misses")).await;
        }
        if wanted("speed") {
            speed::measure(&data, has("--quick")).await;
        }
        match ahead {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    })
}
