//! The tracker from outside, on a real file.

use crate::clock::ManualClock;
use crate::ids::{ProjectId, RandomIds};
use crate::store::Store;

use super::*;

pub(super) struct World {
    _home: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) clock: ManualClock,
    pub(super) project: ProjectId,
}

impl World {
    pub(super) async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let key = "/project";
        let project = store.project(&RandomIds, key, 1).await;
        Self {
            store,
            clock: ManualClock::at(1_000_000),
            project: project.unwrap(),
            _home: home,
        }
    }

    pub(super) fn tracker(&self, actor: Actor) -> Tracker<'_> {
        Tracker {
            store: &self.store,
            clock: &self.clock,
            ids: &RandomIds,
            project: &self.project,
            actor,
        }
    }

    pub(super) fn session(&self, id: &str) -> Tracker<'_> {
        self.tracker(Actor::Session {
            id: id.to_owned(),
            dies_with: None,
        })
    }

    /// How SQLite would run a statement.
    pub(super) async fn plan(&self, sql: &str) -> Vec<String> {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .fetch_all(self.store.read())
            .await
            .unwrap();
        steps.into_iter().map(|(.., step)| step).collect()
    }

    pub(super) async fn differences(&self) -> Vec<Difference> {
        self.tracker(Actor::Person).doctor().await.unwrap()
    }
}

pub(super) fn new(title: &str, reference: &str, blocked_by: &[&str]) -> NewTask {
    NewTask {
        title: title.to_owned(),
        reference: Some(reference.to_owned()),
        blocked_by: blocked_by.iter().map(|it| (*it).to_owned()).collect(),
        ..NewTask::default()
    }
}

fn done() -> Close {
    Close {
        reason: Reason::Done,
        why: String::new(),
        proof: Proof::default(),
        fence: None,
    }
}

#[tokio::test]
async fn a_diamond_is_worked_down_in_its_order() {
    let world = World::new().await;
    let tracker = world.session("s");
    let created = tracker
        .create(&[
            new("bottom", "d", &["b", "c"]),
            new("left", "b", &["a"]),
            new("right", "c", &["a"]),
            new("top", "a", &[]),
        ])
        .await
        .unwrap();
    let ready: Vec<bool> = created.iter().map(|it| it.status == "ready").collect();
    assert_eq!(ready, [false, false, false, true]);
    assert_eq!(world.differences().await, []);
    let mut order = Vec::new();
    while let Ok(task) = tracker.claim_next(&Wanted::default(), None).await {
        order.push(task.title.clone());
        let closed = tracker.close(task.id.as_str(), &done()).await.unwrap();
        order.extend(closed.unblocked.iter().map(|it| format!("+{}", it.title)));
        assert_eq!(world.differences().await, []);
    }
    let expected = [
        "top", "+left", "+right", "left", "right", "+bottom", "bottom",
    ];
    let mut sorted = [order.clone(), Vec::new()].concat();
    sorted[1..3].sort();
    assert_eq!(sorted[..3], expected[..3]);
    assert_eq!(order[5..], expected[5..]);
}

#[tokio::test]
async fn a_circle_is_refused_and_spelled_out() {
    let world = World::new().await;
    let tracker = world.session("s");
    let refused = tracker
        .create(&[
            new("one", "a", &["c"]),
            new("two", "b", &["a"]),
            new("three", "c", &["b"]),
        ])
        .await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "that would make tasks wait for each other: a waits for c, c waits for b, b waits for a"
    );
    let child = NewTask {
        parent: Some("p".to_owned()),
        ..new("child", "c", &["p"])
    };
    let refused = tracker.create(&[child, new("parent", "p", &[])]).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "that would make tasks wait for each other: c waits for p, c is a child of p"
    );
    assert_eq!(world.differences().await, []);
    let left = tracker.export(&mut Vec::new()).await.unwrap();
    assert_eq!(left.tasks, 0);
}

mod create;
mod model;
mod plan;
mod random;
mod remove;
mod update;

#[tokio::test]
async fn a_secret_in_the_reason_of_a_release_is_not_kept() {
    let mut world = World::new().await;
    let secret = ("DB_PASSWORD".to_owned(), "correct-horse-1".to_owned());
    world.store = world.store.hiding([secret]);
    let tracker = world.session("s");
    let created = tracker.create(&[new("a", "a", &[])]).await.unwrap();
    let id = created[0].id.as_str();
    tracker.claim(id, None).await.unwrap();
    let why = "the check says correct-horse-1";
    tracker.release(id, None, why).await.unwrap();
    let mut connection = world.store.read().acquire().await.unwrap();
    let notes = super::rows::notes(&mut connection, &created[0].id, 9).await;
    let texts: Vec<String> = notes.unwrap().into_iter().map(|it| it.text).collect();
    let kept = "the check says [redacted DB_PASSWORD]".to_owned();
    assert!(texts.contains(&kept), "{texts:?}");
}
