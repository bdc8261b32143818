//! What files a running agent has changed, kept so that two agents that change one file learn of each
//! other while both are at work. Looks beside the run and never holds it up.

use std::collections::BTreeSet;
use std::mem::take;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Bench, Job};
use crate::agents::journal::Subject;
use crate::agents::record::overlaps;
use crate::clock::Clock;
use crate::providers::Event;
use crate::store::Store;
use crate::workspaces::overlap::{Place, changed};
use crate::workspaces::{Git, WorkspacePlan, rows};

/// Between two looks, and how many times as long as a look takes it is at least.
const PAUSE: Duration = Duration::from_secs(2);
const TIMES: u32 = 5;
/// How long each command of git may take, and in the last look, for which the end of the run waits.
const PATIENCE: Duration = Duration::from_secs(30);
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// Files of one run that are watched; a formatter let loose on a tree needs no more.
const WATCHED: usize = 2000;

/// Watches the files of one run.
pub(super) struct Radar {
    sighted: Arc<Sighted>,
    over: CancellationToken,
    watch: AbortOnDropHandle<()>,
}

/// What was seen and not looked at yet.
#[derive(Default)]
struct Sighted {
    written: Mutex<BTreeSet<PathBuf>>,
    /// A tool has ended: it may have changed what it did not name.
    worked: AtomicBool,
    wake: Notify,
}

impl Radar {
    pub(super) fn start(bench: &Bench, job: &Job) -> Self {
        let sighted = Arc::new(Sighted::default());
        let over = CancellationToken::new();
        let watch = Watch {
            sighted: Arc::clone(&sighted),
            over: over.clone(),
            store: Arc::clone(&bench.store),
            clock: Arc::clone(&bench.clock),
            subject: job.subject.clone(),
            cwd: job.plan.launch.cwd.clone(),
            tree: job.plan.workspace.clone(),
            known: BTreeSet::new(),
            fresh: BTreeSet::new(),
        };
        Self {
            sighted,
            over,
            watch: AbortOnDropHandle::new(tokio::spawn(watch.run())),
        }
    }

    /// Takes note of what an event says about files.
    pub(super) fn observe(&self, event: &Event) {
        match event {
            Event::FileChanged { path } => {
                let mut written = self.sighted.written();
                if written.len() < WATCHED {
                    written.insert(PathBuf::from(path));
                }
            }
            Event::ToolEnded { .. } => self.sighted.worked.store(true, Ordering::Relaxed),
            _ => return,
        }
        self.sighted.wake.notify_one();
    }

    /// Looks a last time and ends.
    pub(super) async fn finish(&mut self) {
        self.over.cancel();
        if let Err(error) = (&mut self.watch).await {
            tracing::error!(%error, "the last look at changed files failed");
        }
    }
}

impl Sighted {
    fn written(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watch {
    sighted: Arc<Sighted>,
    over: CancellationToken,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    subject: Subject,
    cwd: PathBuf,
    tree: Option<WorkspacePlan>,
    /// On record.
    known: BTreeSet<Place>,
    /// To be recorded.
    fresh: BTreeSet<Place>,
}

impl Watch {
    async fn run(mut self) {
        // It ends between two looks only, so that none is broken off in the middle of a write.
        loop {
            tokio::select! {
                biased;
                () = self.over.cancelled() => break,
                () = self.sighted.wake.notified() => {}
            }
            let began = Instant::now();
            self.look(false).await;
            let pause = PAUSE.max(began.elapsed() * TIMES);
            tokio::select! {
                biased;
                () = self.over.cancelled() => break,
                () = sleep(pause) => {}
            }
        }
        self.sighted.worked.store(true, Ordering::Relaxed);
        self.look(true).await;
    }

    async fn look(&mut self, is_last: bool) {
        let written = take(&mut *self.sighted.written());
        if !written.is_empty() {
            let cwd = self.cwd.clone();
            let places = tokio::task::spawn_blocking(move || {
                let places = written.iter().map(|path| Place::of(&cwd.join(path)));
                places.collect::<Vec<_>>()
            });
            self.fresh.extend(places.await.unwrap_or_default());
        }
        if self.sighted.worked.swap(false, Ordering::Relaxed)
            && let Some(tree) = self.tree.clone()
        {
            let patience = if is_last { LAST_PATIENCE } else { PATIENCE };
            let found = tokio::select! {
                found = self.in_tree(&tree, patience) => found,
                // The last look goes over the same ground.
                () = self.over.cancelled(), if !is_last => Vec::new(),
            };
            self.fresh.extend(found);
        }
        let room = WATCHED.saturating_sub(self.known.len());
        let fresh: Vec<Place> = self
            .fresh
            .difference(&self.known)
            .take(room)
            .cloned()
            .collect();
        if fresh.is_empty() {
            self.fresh.clear();
            return;
        }
        let now_ms = self.clock.now_ms();
        match overlaps::touch(&self.store, &self.subject, &fresh, now_ms).await {
            Ok(()) => {
                self.known.extend(fresh);
                self.fresh.clear();
            }
            Err(error) => {
                let agent = &self.subject.agent;
                tracing::warn!(%error, %agent, "changed files are not on record; trying again");
                self.sighted.wake.notify_one();
            }
        }
    }

    /// What differs in the working tree of the agent's own.
    async fn in_tree(&self, tree: &WorkspacePlan, patience: Duration) -> Vec<Place> {
        let on_record = rows::of_agent(&self.store, &self.subject.agent).await;
        let base = on_record.ok().flatten().map(|tree| tree.base);
        let base = base.as_deref().filter(|base| !base.is_empty());
        let git = Git::at(&tree.path).within(patience);
        match changed(&git, base).await {
            Ok(paths) => paths
                .into_iter()
                .map(|path| Place {
                    repository: Some(tree.repository.clone()),
                    path,
                })
                .collect(),
            Err(error) => {
                tracing::debug!(%error, agent = %self.subject.agent, "the tree cannot be looked at");
                Vec::new()
            }
        }
    }
}
