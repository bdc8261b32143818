//! Memories on a state file of their own, kept and found through what everybody uses.

use std::path::PathBuf;

use ostler::clock::{Clock, ManualClock};
use ostler::config;
use ostler::ids::{ProjectId, SequentialIds};
use ostler::memory::{Author, Kept, Kind, Memories, NewMemory};
use ostler::store::Store;
use sqlx::{AnyConnection, Connection};

use super::data::{Data, NOW_MS};

const PROJECT: &str = "INSERT INTO project(id, key, created_ms) VALUES ('p-bench0', '/bench', 1)";
/// As the store has it.
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA synchronous = NORMAL;";

pub(crate) struct World {
    store: Store,
    clock: ManualClock,
    ids: SequentialIds,
    project: ProjectId,
    settings: config::Memory,
    home: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let world = Self {
            store: Store::open(home.path()).await.unwrap(),
            clock: ManualClock::default(),
            ids: SequentialIds::default(),
            project: ProjectId::parse("p-bench0").unwrap(),
            settings: config::Memory::default(),
            home,
        };
        let mut raw = world.raw().await;
        sqlx::query(PROJECT).execute(&mut raw).await.unwrap();
        world
    }

    /// Every statement, kept when it was said; the questions are asked later. The names of the keys
    /// are in the same order.
    pub(crate) async fn of(data: &Data) -> (Self, Vec<(String, String)>) {
        let world = Self::new().await;
        let mut ids: Vec<(String, String)> = Vec::new();
        for statement in &data.statements {
            world.stand_at(statement.at_ms());
            let id_of = |key: &String| {
                let known = ids.iter().find(|(_, known)| known == key);
                known.unwrap().0.clone()
            };
            let new = NewMemory {
                text: statement.text.clone(),
                kind: Some(Kind::parse(&statement.kind).unwrap()),
                tags: statement.tags.clone(),
                subject: statement.subject.clone(),
                at_ms: Some(statement.at_ms()),
                session: Some(statement.session.clone()),
                supersedes: statement.supersedes.iter().map(id_of).collect(),
                // Some are alike on purpose.
                force: true,
                ..NewMemory::default()
            };
            let kept = world.memories().remember(&[new]).await;
            match kept
                .unwrap_or_else(|error| panic!("{}: {error}", statement.key))
                .remove(0)
            {
                Kept::New { id, .. } => ids.push((id.to_string(), statement.key.clone())),
                other => panic!("{}: {other:?}", statement.key),
            }
        }
        world.stand_at(NOW_MS);
        (world, ids)
    }

    /// In the hands of a person, whose memories belong to no session but that which they name.
    pub(crate) fn memories(&self) -> Memories<'_> {
        Memories::new(
            &self.store,
            &self.clock,
            &self.ids,
            &self.project,
            Author::Person,
            &self.settings,
        )
    }

    pub(crate) fn stand_at(&self, ms: i64) {
        self.clock.advance(ms - self.clock.now_ms());
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.home.path().join("ostler.db")
    }

    /// A connection past the memories.
    pub(crate) async fn raw(&self) -> AnyConnection {
        let url = format!("sqlite://{}", self.file().display());
        let mut raw = AnyConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(PRAGMAS).execute(&mut raw).await.unwrap();
        raw
    }
}
