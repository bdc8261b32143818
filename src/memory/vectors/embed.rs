//! Comparing what is kept: sends memories that have no vector of the configured model to the service, a
//! batch at a time, the newest first. One process of the machine does it at a time; a lock that the
//! kernel lets go of at its death says which.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, sleep};
use tokio_util::sync::CancellationToken;

use super::meaning::Meaning;
use super::rows;
use super::service::Role;
use super::why::Why;
use crate::memory::memories::Memories;
use crate::store::StoreError;

/// Memories in one request.
const BATCH: usize = 32;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// After a failure, and at most, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Texts in a row that are refused alone: then it is not about the texts.
const REFUSED: usize = 3;
/// How often it is looked whether the process that is at it is gone.
const LOOK: Duration = Duration::from_millis(500);
/// How often a server looks through all memories again, and the shortest time between two looks.
const ALL_AGAIN: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_millis(200);
/// After how long nobody comes back to a model.
const UNUSED_MS: i64 = 7 * 24 * 3600 * 1000;
/// The lock, beside the state file.
const LOCK: &str = "embed.lock";

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Memories whose meaning is known.
    pub compared: i64,
    /// Memories that are found.
    pub of: i64,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Embedded {
    /// The model.
    pub model: String,
    /// Memories that were sent by this process.
    pub sent: u64,
    /// Memories that the service takes in no company.
    pub refused: u64,
    /// How far it is now.
    #[serde(flatten)]
    pub progress: Progress,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// What a sweep has done.
#[derive(Default)]
struct Swept {
    sent: u64,
    refused: Vec<i64>,
}

/// Up to where everything is compared: place, and the number of its newest memory.
type Marks = Vec<(i64, i64)>;

impl Memories<'_> {
    /// Compares what is not compared yet, to its end or until `stop`; `anew` forgets first what this model
    /// has compared. `tell` hears how far it is. Waits for another process that is at it.
    ///
    /// # Errors
    /// Why the service cannot be asked; what was compared before stays.
    pub async fn embed_all(
        &self,
        anew: bool,
        stop: &CancellationToken,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Result<Embedded, Why> {
        let meaning = self.meaning.ok_or(Why::Off)?;
        if self.is_agent() {
            return Err(Why::NotForAgents);
        }
        meaning.service.check()?;
        self.tidy(meaning).await;
        let lock = loop {
            tell(self.compared(meaning).await?);
            if let Some(lock) = self.lock()? {
                break Some(lock);
            }
            tokio::select! {
                () = stop.cancelled() => break None,
                () = sleep(LOOK) => {}
            }
        };
        let mut swept = Swept::default();
        if lock.is_some() {
            if anew {
                let mut connection = self.store.read().acquire().await?;
                let model = rows::model(&mut connection, meaning.service.model()).await?;
                drop(connection);
                if let Some(model) = model {
                    rows::forget(self.store, model.n).await?;
                }
            }
            let mut marks = Marks::new();
            self.sweep(meaning, &mut marks, stop, tell, &mut swept)
                .await?;
        }
        Ok(Embedded {
            model: meaning.service.model().to_owned(),
            sent: swept.sent,
            refused: u64::try_from(swept.refused.len()).unwrap_or(u64::MAX),
            progress: self.compared(meaning).await?,
            stopped: stop.is_cancelled(),
        })
    }

    /// Keeps everything compared until `closing`: what is there, and what comes.
    pub async fn keep_embedded(&self, closing: &CancellationToken) {
        let Some(meaning) = self.meaning else {
            return;
        };
        if meaning.service.check().is_err() {
            return;
        }
        tokio::select! {
            () = closing.cancelled() => {}
            () = self.keep_up(meaning, closing) => {}
        }
    }

    async fn keep_up(&self, meaning: &Meaning, closing: &CancellationToken) {
        let mut changes = self.store.changes().listen();
        let mut marks = Marks::new();
        let mut again = tokio::time::interval(ALL_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        again.tick().await;
        self.tidy(meaning).await;
        let mut pause = FIRST_PAUSE;
        loop {
            let mut swept = Swept::default();
            let done = match self.lock() {
                Ok(Some(_lock)) => {
                    self.sweep(meaning, &mut marks, closing, &|_| {}, &mut swept)
                        .await
                }
                // Whoever is at it may end in the middle.
                Ok(None) => {
                    sleep(LOOK).await;
                    continue;
                }
                Err(why) => Err(why),
            };
            match done {
                Ok(()) => pause = FIRST_PAUSE,
                Err(why) => {
                    if pause == FIRST_PAUSE {
                        tracing::warn!(%why, "memories are not compared by their meaning; trying again");
                    }
                    let wanted = match why {
                        Why::Busy { again: Some(again) } => again.max(pause),
                        _ => pause,
                    };
                    sleep(wanted.min(LONGEST_PAUSE)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            }
            sleep(SHORTEST).await;
            tokio::select! {
                () = changes.changed() => {}
                _ = again.tick() => {
                    marks.clear();
                    self.tidy(meaning).await;
                }
            }
        }
    }

    /// Sends everything above the marks, which move up behind it.
    async fn sweep(
        &self,
        meaning: &Meaning,
        marks: &mut Marks,
        stop: &CancellationToken,
        tell: &(dyn Fn(Progress) + Sync),
        swept: &mut Swept,
    ) -> Result<(), Why> {
        let mut connection = self.store.read().acquire().await?;
        let places = rows::places(&mut connection, self.project).await?;
        drop(connection);
        for place in &places {
            let mut connection = self.store.read().acquire().await?;
            let newest = rows::newest(&mut connection, *place).await?;
            drop(connection);
            let mark = marks.iter().find(|(of, _)| of == place);
            let above = mark.map_or(0, |(_, mark)| *mark);
            if newest <= above {
                continue;
            }
            self.sweep_place(meaning, *place, above, stop, tell, swept)
                .await?;
            if stop.is_cancelled() {
                return Ok(());
            }
            marks.retain(|(of, _)| of != place);
            marks.push((*place, newest));
        }
        meaning.warm(self.store, &places).await
    }

    async fn sweep_place(
        &self,
        meaning: &Meaning,
        place: i64,
        above: i64,
        stop: &CancellationToken,
        tell: &(dyn Fn(Progress) + Sync),
        swept: &mut Swept,
    ) -> Result<(), Why> {
        let name = meaning.service.model();
        let mut below = i64::MAX;
        let mut size = BATCH;
        let mut refused = 0;
        while !stop.is_cancelled() {
            let mut connection = self.store.read().acquire().await?;
            let model = rows::model(&mut connection, name).await?;
            let model = model.map_or(0, |model| model.n);
            let batch = rows::without(&mut connection, place, (above, below), model, size).await?;
            drop(connection);
            let Some(last) = batch.last().map(|memory| memory.n) else {
                return Ok(());
            };
            let texts: Vec<String> = batch.iter().map(|memory| memory.text.clone()).collect();
            let embedded = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                embedded = meaning.service.embed(&texts, Role::Kept, PATIENCE) => embedded,
            };
            match embedded {
                Ok(vectors) => {
                    let numbers = batch.iter().map(|memory| memory.n);
                    let vectors: Vec<_> = numbers.zip(vectors).collect();
                    rows::add(self.store, name, &vectors, self.now_ms()).await?;
                    meaning.answered();
                    swept.sent += u64::try_from(vectors.len()).unwrap_or_default();
                    size = (size * 2).min(BATCH);
                    refused = 0;
                    below = last;
                    tell(self.compared(meaning).await?);
                }
                // One of them may be too long for the model, and would keep the others back.
                Err(why) if why.is_about_the_texts() && batch.len() > 1 => {
                    size = batch.len() / 2;
                }
                Err(why) if why.is_about_the_texts() && refused + 1 < REFUSED => {
                    tracing::warn!(%why, "a memory is not compared by its meaning");
                    swept.refused.push(last);
                    refused += 1;
                    below = last;
                }
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// How far it is in this project.
    async fn compared(&self, meaning: &Meaning) -> Result<Progress, Why> {
        let mut connection = self.store.read().acquire().await?;
        let model = rows::model(&mut connection, meaning.service.model()).await?;
        let mut progress = Progress::default();
        for place in rows::places(&mut connection, self.project).await? {
            let counts = rows::counts(&mut connection, model.map(|it| it.n), place).await?;
            progress.compared += counts.0;
            progress.of += counts.1;
        }
        Ok(progress)
    }

    async fn tidy(&self, meaning: &Meaning) {
        let now_ms = self.now_ms();
        let name = meaning.service.model();
        if let Err(why) = rows::tidy(self.store, name, now_ms, now_ms - UNUSED_MS).await {
            tracing::warn!(%why, "vectors of models that are not used any more stay");
        }
    }

    /// The right to do it, unless another process has it.
    fn lock(&self) -> Result<Option<File>, Why> {
        let path = self.store.home().join(LOCK);
        let unusable = |source| StoreError::Directory {
            path: path.clone(),
            source,
        };
        let lock = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(unusable(source).into()),
        }
    }
}
