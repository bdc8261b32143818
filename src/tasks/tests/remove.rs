//! Deleting tasks, and putting their counts right.

use super::super::*;
use super::{World, new};

const GONE: &str = "SELECT id, why FROM task_gone ORDER BY id";
const COUNTS: &str =
    "SELECT id || ' ' || held || unblocks || children || open_children FROM task ORDER BY id";
const WRONG: [&str; 2] = [
    "UPDATE task SET held = 7, unblocks = 7, children = 7, open_children = 7",
    "UPDATE task_edge SET holds = 1 - holds",
];

#[tokio::test]
async fn a_deleted_task_lets_go_of_the_others_and_keeps_its_id() {
    let world = World::new().await;
    let (session, person) = (world.session("s"), world.tracker(Actor::Person));
    let child = NewTask {
        parent: Some("p".to_owned()),
        edges: vec!["related:w".to_owned()],
        ..new("child", "c", &[])
    };
    let waits = NewTask {
        edges: vec!["waits_children:p".to_owned()],
        ..new("waits", "w", &["b"])
    };
    let created = session
        .create(&[new("parent", "p", &[]), child, waits, new("b", "b", &[])])
        .await
        .unwrap();
    let [p, c, w, b] = [0, 1, 2, 3].map(|at: usize| created[at].id.to_string());

    let refused = session.delete(&b, "no").await;
    assert!(matches!(refused, Err(TaskError::NotAllowed { .. })));
    let refused = person.delete(&p, "no").await.unwrap_err();
    assert_eq!(refused.to_string(), format!("{p} has children: {c}"));
    session.claim(&c, None).await.unwrap();
    let refused = person.delete(&c, "no").await;
    assert!(matches!(refused, Err(TaskError::Held { .. })));
    session.release(&c, None, "").await.unwrap();

    person.delete(&b, "a slip").await.unwrap();
    assert_eq!(world.differences().await, []);
    person.delete(&c, "a slip").await.unwrap();
    assert_eq!(world.differences().await, []);
    let view = session.find(&c).await;
    assert!(matches!(view, Err(TaskError::Unknown { .. })));
    // The parent has no children any more: it has to be closed itself.
    let waits = session.claim(&w, None).await;
    assert!(matches!(waits, Err(TaskError::NotReady { .. })));
    person.delete(&p, "a slip").await.unwrap();
    session.claim(&w, None).await.unwrap();
    let gone: Vec<(String, String)> = sqlx::query_as(GONE)
        .fetch_all(world.store.read())
        .await
        .unwrap();
    let mut expected = [b, c, p].map(|id| (id, "a slip".to_owned()));
    expected.sort();
    assert_eq!(gone, expected);
}

#[tokio::test]
async fn counts_that_are_wrong_are_named_and_put_right() {
    let world = World::new().await;
    let session = world.session("s");
    let child = NewTask {
        parent: Some("p".to_owned()),
        ..new("child", "c", &["b"])
    };
    let waits = NewTask {
        edges: vec!["waits_children:p".to_owned(), "on_failure:b".to_owned()],
        ..new("waits", "w", &[])
    };
    session
        .create(&[new("parent", "p", &["b"]), child, waits, new("b", "b", &[])])
        .await
        .unwrap();
    let right: Vec<String> = sqlx::query_scalar(COUNTS)
        .fetch_all(world.store.read())
        .await
        .unwrap();
    let mut tx = world.store.begin().await.unwrap();
    for sql in WRONG {
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
    }
    world.store.commit(tx).await.unwrap();
    // Four counts of four tasks, and four edges.
    assert_eq!(world.differences().await.len(), 20);
    let refused = session.mend().await;
    assert!(matches!(refused, Err(TaskError::NotAllowed { .. })));
    let person = world.tracker(Actor::Person);
    assert!(person.mend().await.unwrap() > 0);
    assert_eq!(world.differences().await, []);
    let mended: Vec<String> = sqlx::query_scalar(COUNTS)
        .fetch_all(world.store.read())
        .await
        .unwrap();
    assert_eq!(mended, right);
    assert_eq!(person.mend().await.unwrap(), 0);
}
