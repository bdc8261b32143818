//! Times, and the bounds they are held against.

use std::time::{Duration, Instant};

/// How long the same thing has taken again and again.
#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Adds how long `work` takes.
    pub(crate) async fn time<T>(&mut self, work: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let done = work.await;
        self.0.push(start.elapsed());
        done
    }

    pub(crate) fn p50_us(&self) -> f64 {
        self.percentile_us(50)
    }

    pub(crate) fn p99_us(&self) -> f64 {
        self.percentile_us(99)
    }

    /// One after the other, by the median: what else the machine does is none of ours.
    pub(crate) fn per_s(&self) -> f64 {
        1e6 / self.p50_us()
    }

    fn percentile_us(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
        sorted[at].as_secs_f64() * 1e6
    }
}

/// What was measured, and what has to hold of it.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<String>,
    bounds: Vec<(bool, String)>,
}

impl Report {
    pub(crate) fn line(&mut self, what: &str, at: &str, samples: &Samples) {
        let (p50, p99) = (samples.p50_us(), samples.p99_us());
        let per_s = samples.per_s();
        let line = format!("{what:<38} {at:<28} {p50:>10.0} {p99:>10.0} {per_s:>10.0}");
        println!("{line}");
        self.lines.push(line);
    }

    pub(crate) fn note(&mut self, what: &str, at: &str, told: &str) {
        let line = format!("{what:<38} {at:<28} {told}");
        println!("{line}");
        self.lines.push(line);
    }

    pub(crate) fn at_most(&mut self, what: String, found: f64, limit: f64) {
        let told = format!("{what}: {found:.2}, at most {limit}");
        self.bounds.push((found <= limit, told));
    }

    pub(crate) fn at_least(&mut self, what: String, found: f64, limit: f64) {
        let told = format!("{what}: {found:.0}, at least {limit}");
        self.bounds.push((found >= limit, told));
    }

    pub(crate) fn holds(&self) -> bool {
        self.bounds.iter().all(|(holds, _)| *holds)
    }

    pub(crate) fn print(&self) {
        let [what, at, p50, p99, per_s] = ["", "at", "p50 us", "p99 us", "calls/s"];
        println!("\n{what:<38} {at:<28} {p50:>10} {p99:>10} {per_s:>10}");
        for line in &self.lines {
            println!("{line}");
        }
        println!();
        for (holds, told) in &self.bounds {
            let mark = if *holds { "holds " } else { "BROKEN" };
            println!("{mark}  {told}");
        }
    }
}
