//! The processes of a child, wherever they went. CLIs put their shell tools into sessions of their
//! own, so no group signal reaches them; we find them by the lineage in their environment, and those
//! that cleared it by their parent, which the leash of a child sees to.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sysinfo::{ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use super::CleanSignal;
use super::command::{CLEAN_SIGNAL_VARIABLE, LINEAGE_VARIABLE, Lineage};

/// One process of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Its name, for messages.
    pub name: String,
    /// Start time in seconds since the epoch; with the pid it tells one process from a later one.
    started_s: u64,
    parent: Option<u32>,
    clean: CleanSignal,
}

/// How long a process may take to vanish after SIGKILL before it is reported as left over.
const KILL_PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks at the process table while waiting for processes that are not our children.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Every live process that works for `id` (an owner or an agent), and their descendants.
pub fn members(id: &str) -> Vec<Process> {
    let environments = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always);
    let Some(system) = look(ProcessesToUpdate::All, environments) else {
        return Vec::new();
    };
    let own = std::process::id();
    let mut found: HashMap<u32, Process> = HashMap::new();
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut alive: HashMap<u32, Process> = HashMap::new();
    for process in system.processes().values() {
        let pid = process.pid().as_u32();
        if pid == own
            || matches!(
                process.status(),
                ProcessStatus::Zombie | ProcessStatus::Dead
            )
        {
            continue;
        }
        let parent = process.parent().map(|parent| parent.as_u32());
        let signal = variable(process, CLEAN_SIGNAL_VARIABLE)
            .and_then(OsStr::to_str)
            .unwrap_or_default();
        let member = Process {
            pid,
            name: process.name().to_string_lossy().into_owned(),
            started_s: process.start_time(),
            parent,
            clean: CleanSignal::parse(signal),
        };
        if Lineage::parse(variable(process, LINEAGE_VARIABLE)).contains(id) {
            found.insert(pid, member.clone());
        }
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
        alive.insert(pid, member);
    }
    let mut open: Vec<u32> = found.keys().copied().collect();
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if let Some(process) = alive.get(child).filter(|_| !found.contains_key(child)) {
                found.insert(*child, process.clone());
                open.push(*child);
            }
        }
    }
    found.into_values().collect()
}

/// Asks the roots of `id`'s trees to leave, waits up to `patience`, then kills what is left.
/// Returns what even SIGKILL could not remove. Blocks; meant for a process about to end.
pub fn end(id: &str, patience: Duration) -> Vec<Process> {
    let tree = members(id);
    let pids: HashSet<u32> = tree.iter().map(|process| process.pid).collect();
    for root in tree
        .iter()
        .filter(|p| p.parent.is_none_or(|parent| !pids.contains(&parent)))
    {
        send(root, root.clean.signal());
    }
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline && !members(id).is_empty() {
        std::thread::sleep(LOOK_AGAIN);
    }
    kill_all(id, &tree)
}

/// Kills every process of `id`, and those of `known` that are still the same processes. Returns
/// what is still there after three seconds. Blocks.
pub fn kill_all(id: &str, known: &[Process]) -> Vec<Process> {
    let deadline = Instant::now() + KILL_PATIENCE;
    loop {
        let mut left: HashSet<Process> = members(id).into_iter().collect();
        left.extend(still_alive(known));
        if left.is_empty() || Instant::now() >= deadline {
            return left.into_iter().collect();
        }
        for process in &left {
            send(process, Signal::SIGKILL);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Those of `known` that have not ended, by pid and start time.
fn still_alive(known: &[Process]) -> Vec<Process> {
    if known.is_empty() {
        return Vec::new();
    }
    // Each once: sysinfo takes a process that is named twice for one that has gone.
    let pids: HashSet<sysinfo::Pid> = known
        .iter()
        .map(|process| sysinfo::Pid::from_u32(process.pid))
        .collect();
    let pids: Vec<sysinfo::Pid> = pids.into_iter().collect();
    let wanted = ProcessesToUpdate::Some(&pids);
    let Some(system) = look(wanted, ProcessRefreshKind::nothing()) else {
        return Vec::new();
    };
    known
        .iter()
        .filter(|known| {
            system
                .process(sysinfo::Pid::from_u32(known.pid))
                .is_some_and(|now| {
                    // The start time is reckoned from the boot time, which may move by a second.
                    now.start_time().abs_diff(known.started_s) <= 1
                        && !matches!(now.status(), ProcessStatus::Zombie | ProcessStatus::Dead)
                })
        })
        .cloned()
        .collect()
}

/// The lineages in the environments of the processes above this one, outermost first. A child may
/// start us with another environment; it cannot change that of its own parents.
pub fn lineages_above() -> Vec<Lineage> {
    let mut found = Vec::new();
    above(|process| {
        let lineage = Lineage::parse(variable(process, LINEAGE_VARIABLE));
        if lineage.depth() > 0 {
            found.push(lineage);
        }
        None::<()>
    });
    found.reverse();
    found
}

/// A variable of the nearest process above this one that has it and shows it to us.
pub fn variable_above(name: &str) -> Option<OsString> {
    above(|process| variable(process, name).map(OsStr::to_owned))
}

/// What `tell` finds in the nearest process above this one in which it finds something.
fn above<T>(mut tell: impl FnMut(&sysinfo::Process) -> Option<T>) -> Option<T> {
    let mut pid = nix::unistd::getppid().as_raw();
    while let Ok(above) = u32::try_from(pid)
        && above > 1
    {
        let wanted = [sysinfo::Pid::from_u32(above)];
        let environment = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always);
        let Some(system) = look(ProcessesToUpdate::Some(&wanted), environment) else {
            break;
        };
        let Some(process) = system.processes().values().next() else {
            break;
        };
        if let Some(told) = tell(process) {
            return Some(told);
        }
        pid = process
            .parent()
            .and_then(|parent| i32::try_from(parent.as_u32()).ok())
            .unwrap_or(0);
    }
    None
}

fn variable<'a>(process: &'a sysinfo::Process, name: &str) -> Option<&'a OsStr> {
    process.environ().iter().find_map(|entry| {
        let value = entry
            .as_bytes()
            .strip_prefix(name.as_bytes())?
            .strip_prefix(b"=")?;
        Some(OsStr::from_bytes(value))
    })
}

/// A picture of the process table; `None` on a system that has none to show.
fn look(which: ProcessesToUpdate<'_>, what: ProcessRefreshKind) -> Option<System> {
    let mut system = System::new()
        .inspect_err(|error| tracing::error!(%error, "the process table cannot be read"))
        .ok()?;
    system.refresh_processes_specifics(which, true, what.without_tasks());
    Some(system)
}

fn send(process: &Process, signal: Signal) {
    let Ok(pid) = i32::try_from(process.pid) else {
        return;
    };
    // A process that is gone already is what we want.
    let _ = kill(Pid::from_raw(pid), signal);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A shell with a child in a session of its own that has cleared its environment.
    fn start(id: &str) -> std::process::Child {
        Command::new("sh")
            .args(["-c", "setsid env -i /bin/sleep 300 & exec setsid sleep 300"])
            .env(LINEAGE_VARIABLE, format!("o-000000 {id}"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn wait_until(mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "the condition never held");
            std::thread::yield_now();
        }
    }

    fn sleeps(id: &str) -> usize {
        members(id)
            .iter()
            .filter(|process| process.name == "sleep")
            .count()
    }

    #[test]
    fn members_are_found_by_environment_and_by_parent_and_killed() {
        let mut child = start("a-tree01");
        wait_until(|| sleeps("a-tree01") == 2);
        assert_eq!(members("a-tree02"), []);
        let reaper = std::thread::spawn(move || child.wait());
        assert_eq!(kill_all("a-tree01", &[]), []);
        assert_eq!(members("a-tree01"), []);
        reaper.join().unwrap().unwrap();
    }

    #[test]
    fn a_process_that_lost_its_parent_and_its_mark_is_killed_when_it_was_known() {
        let mut child = start("a-tree03");
        wait_until(|| sleeps("a-tree03") == 2);
        let known = members("a-tree03");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(members("a-tree03"), [], "the orphan carries no mark");
        assert_eq!(still_alive(&known).len(), 1);
        let twice = [known.clone(), known.clone()].concat();
        assert_eq!(
            still_alive(&twice).len(),
            2,
            "named twice, alive all the same"
        );
        assert_eq!(kill_all("a-tree03", &known), []);
        assert_eq!(still_alive(&known), []);
    }
}
