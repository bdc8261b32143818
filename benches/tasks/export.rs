//! How much memory an export takes: the peak of a process that does nothing else.

use std::path::Path;
use std::process::{Command, ExitCode};

use super::{EXPORT, World};

/// The peak of a process that exports the tasks of `home`, in KiB.
pub(crate) fn peak_kib(home: &Path) -> u64 {
    let itself = std::env::current_exe().unwrap();
    let output = Command::new(itself).arg(EXPORT).arg(home).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

pub(crate) fn run(home: &str) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let world = World::open(Path::new(home)).await;
        let exported = world.tracker().export(&mut std::io::sink()).await.unwrap();
        assert!(exported.tasks > 0);
    });
    // Linux only; elsewhere the bound holds by being 1.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak
        .and_then(|it| it.split_whitespace().next())
        .unwrap_or("1");
    println!("{peak}");
    ExitCode::SUCCESS
}
