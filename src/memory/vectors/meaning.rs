//! What is near a question.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::AnyConnection;
use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::cache::Cache;
use super::rows;
use super::service::{Role, Service};
use super::vector::Vector;
use super::why::Why;
use crate::config;
use crate::store::Store;

/// How long a question may wait for the service, and for vectors to be read.
const PATIENCE: Duration = Duration::from_secs(2);
/// Vectors that are read at once.
const PAGE: usize = 1_000;
/// Most memories that meaning alone brings.
const MOST: usize = 100;

/// A service for embeddings and what is known of it; one for a process.
pub struct Meaning {
    pub(super) service: Service,
    breaker: Mutex<Breaker>,
    cache: Arc<RwLock<Cache>>,
    /// One question at a time; what is compared in the background does not stand in its way.
    questions: Semaphore,
}

/// What was found by meaning.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Nearest {
    /// Numbers of memories and how like the question they are, from 0 to 1; the best first.
    pub(crate) hits: Vec<(i64, f64)>,
    /// Of how many memories the meaning is known there, and how many there are.
    pub(crate) compared: i64,
    pub(crate) of: i64,
}

impl Meaning {
    /// The configured service, its key from the variables of this process; `None` where there is none.
    pub fn of(
        settings: &config::Memory,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Option<Arc<Self>> {
        let service = Service::of(settings, variable)?;
        if let Err(why) = service.check() {
            tracing::warn!(%why, "meanings are not compared");
        }
        Some(Arc::new(Self {
            service,
            breaker: Mutex::default(),
            cache: Arc::default(),
            questions: Semaphore::new(1),
        }))
    }

    /// The memories of `places` that mean what one of `questions` asks for. May name some that the
    /// caller has to leave out, that are not valid or not of the kind that was asked for; where those
    /// that are left are few and known, they are `only`.
    ///
    /// # Errors
    /// Why nothing can be told; what words find is not touched by it.
    pub(crate) async fn nearest(
        &self,
        store: &Store,
        places: &[i64],
        questions: &[String],
        only: Option<HashSet<i64>>,
    ) -> Result<Nearest, Why> {
        self.service.check()?;
        let mut connection = store.read().acquire().await?;
        let model = rows::model(&mut connection, self.service.model()).await?;
        let mut nearest = Nearest::default();
        for place in places {
            let counts = rows::counts(&mut connection, model.map(|it| it.n), *place).await?;
            nearest.compared += counts.0.min(counts.1);
            nearest.of += counts.1;
        }
        // Nobody waits for a connection while somebody waits for the service.
        drop(connection);
        let Some(model) = model.filter(|_| nearest.compared > 0) else {
            return Ok(nearest);
        };
        let read = async {
            let mut connection = store.read().acquire().await?;
            self.read(&mut connection, model.n, places, PATIENCE).await
        };
        let (asked, read) = tokio::join!(self.ask(questions), read);
        let asked = asked?;
        nearest.compared = nearest.compared.min(read?);
        let given = asked.first().map_or(0, Vector::len);
        if given != model.dimensions {
            return Err(self.failed(Why::OtherLength {
                model: self.service.model().to_owned(),
                given,
                kept: model.dimensions,
            }));
        }
        let hits = self.scan(model.n, places, asked, only).await;
        let numbers: Vec<i64> = hits.iter().map(|(memory, _)| *memory).collect();
        let mut connection = store.read().acquire().await?;
        let still = rows::still(&mut connection, model.n, &numbers).await?;
        nearest.hits = hits;
        nearest.hits.retain(|(memory, _)| still.contains(memory));
        Ok(nearest)
    }

    /// The vectors of questions, unless the service has failed a moment ago.
    async fn ask(&self, questions: &[String]) -> Result<Vec<Vector>, Why> {
        let asked = tokio::time::timeout(PATIENCE, async {
            let _turn = self.questions.acquire().await;
            if let Some(why) = self.breaker().resting(Instant::now()) {
                return Err(why);
            }
            let asked = self.service.embed(questions, Role::Asked, PATIENCE).await;
            match asked {
                Ok(vectors) => {
                    self.answered();
                    Ok(vectors)
                }
                Err(why) => Err(self.failed(why)),
            }
        });
        match asked.await {
            Ok(asked) => asked,
            Err(_) => Err(self.failed(Why::Late { within: PATIENCE })),
        }
    }

    /// Reads the vectors of `places` that are not in memory yet, as far as there is time; how many there
    /// are then.
    async fn read(
        &self,
        connection: &mut AnyConnection,
        model: i64,
        places: &[i64],
        within: Duration,
    ) -> Result<i64, Why> {
        let began = Instant::now();
        let mut read = 0;
        if !self.with_cache(|cache| cache.is_of(model)) {
            self.change_cache(|cache| cache.be_of(model));
        }
        for place in places {
            while began.elapsed() < within {
                let after = self.with_cache(|cache| cache.after(*place));
                let page = rows::following(connection, model, *place, after, PAGE).await?;
                let is_last = page.len() < PAGE;
                let before = after;
                let after = self.change_cache(|cache| {
                    cache.extend(model, *place, before, page);
                    cache.after(*place)
                });
                if is_last || after == before {
                    break;
                }
            }
            let (on_record, _) = rows::counts(connection, Some(model), *place).await?;
            let mut count = self.with_cache(|cache| cache.count(*place));
            if i64::try_from(count).unwrap_or(i64::MAX) > on_record {
                let numbers = rows::numbers(connection, model, *place).await?;
                count = self.change_cache(|cache| {
                    cache.keep_only(*place, &numbers);
                    cache.count(*place)
                });
            }
            read += i64::try_from(count).unwrap_or(i64::MAX);
        }
        Ok(read)
    }

    /// Looks through all vectors of `places`, which takes a while for many.
    async fn scan(
        &self,
        model: i64,
        places: &[i64],
        questions: Vec<Vector>,
        only: Option<HashSet<i64>>,
    ) -> Vec<(i64, f64)> {
        let (cache, places) = (Arc::clone(&self.cache), places.to_vec());
        let scan = move || {
            let cache = cache.read().unwrap_or_else(PoisonError::into_inner);
            match cache.is_of(model) {
                true => cache.nearest(&places, &questions, only.as_ref(), MOST),
                false => Vec::new(),
            }
        };
        tokio::task::spawn_blocking(scan).await.unwrap_or_default()
    }

    /// Reads what is kept already, so that the first question need not.
    pub(super) async fn warm(&self, store: &Store, places: &[i64]) -> Result<(), Why> {
        let mut connection = store.read().acquire().await?;
        if let Some(model) = rows::model(&mut connection, self.service.model()).await? {
            self.read(&mut connection, model.n, places, Duration::MAX)
                .await?;
        }
        Ok(())
    }

    pub(super) fn answered(&self) {
        self.breaker().answered();
    }

    fn failed(&self, why: Why) -> Why {
        if !matches!(why, Why::Resting { .. } | Why::Store(_)) {
            self.breaker().failed(Instant::now(), &why);
        }
        why
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_cache<T>(&self, look: impl FnOnce(&Cache) -> T) -> T {
        look(&self.cache.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_cache<T>(&self, change: impl FnOnce(&mut Cache) -> T) -> T {
        change(&mut self.cache.write().unwrap_or_else(PoisonError::into_inner))
    }
}
