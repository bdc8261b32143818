//! Batches that cannot be, and places that tasks may have.

use super::super::*;
use super::{World, new};

fn below(parent: &str, task: NewTask) -> NewTask {
    NewTask {
        parent: Some(parent.to_owned()),
        ..task
    }
}

async fn refused(tracker: &Tracker<'_>, tasks: &[NewTask]) -> String {
    tracker.create(tasks).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_task_below_itself_is_a_circle() {
    let world = World::new().await;
    let tracker = world.session("s");
    assert_eq!(
        refused(
            &tracker,
            &[
                below("b", new("one", "a", &[])),
                below("c", new("two", "b", &[])),
                below("b", new("three", "c", &[])),
            ]
        )
        .await,
        "that would make tasks wait for each other: b is a child of c, c is a child of b"
    );
    assert_eq!(
        refused(&tracker, &[below("a", new("one", "a", &[]))]).await,
        "that would make tasks wait for each other: a is a child of a"
    );
    assert_eq!(
        refused(&tracker, &[new("one", "a", &["a"])]).await,
        "that would make tasks wait for each other: a waits for a"
    );
}

#[tokio::test]
async fn thirty_two_tasks_may_stand_above_each_other() {
    let world = World::new().await;
    let tracker = world.session("s");
    let tower = |from: usize, to: usize| -> Vec<NewTask> {
        let level = |at: usize| match at {
            _ if at == from => new("level", &at.to_string(), &[]),
            _ => below(&(at - 1).to_string(), new("level", &at.to_string(), &[])),
        };
        (from..to).map(level).collect()
    };
    let too_high = "makes 33 tasks stand above each other; most are 32";
    assert_eq!(
        refused(&tracker, &tower(0, 33)).await,
        format!("`tasks[32].parent` {too_high}")
    );
    let lower = tracker.create(&tower(0, 20)).await.unwrap();
    let upper = tracker.create(&tower(0, 12)).await.unwrap();
    let top = upper[11].id.as_str();
    // What is there counts as well.
    let mut more = tower(0, 21);
    more[0].parent = Some(top.to_owned());
    assert_eq!(
        refused(&tracker, &more).await,
        format!("`tasks[20].parent` {too_high}")
    );
    let hang = |parent: &str| Changes {
        parent: Some(Some(parent.to_owned())),
        ..Changes::default()
    };
    tracker
        .update(lower[0].id.as_str(), &hang(top), None)
        .await
        .unwrap();
    let one = tracker.create(&[new("one", "a", &[])]).await.unwrap();
    let under = upper[0].id.as_str();
    let refused = tracker.update(under, &hang(one[0].id.as_str()), None).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        format!("`parent` {too_high}")
    );
    assert_eq!(world.differences().await, []);
}

#[tokio::test]
async fn one_task_under_two_names_is_one_edge() {
    let world = World::new().await;
    let tracker = world.session("s");
    let created = tracker.create(&[new("one", "a", &[])]).await.unwrap();
    let id = created[0].id.as_str();
    let short = id.trim_start_matches("t-");
    let twice = new("two", "b", &[id, short, &id.to_uppercase()]);
    let twice = tracker.create(&[twice]).await.unwrap();
    let shown = tracker.show(twice[0].id.as_str()).await.unwrap();
    assert_eq!(shown.edges.len(), 1);
    assert_eq!(world.differences().await, []);
}

/// An edge that seems harmless by itself closes a circle through a new child.
#[tokio::test]
async fn a_new_child_can_close_a_circle_of_tasks_that_were_there() {
    let world = World::new().await;
    let tracker = world.session("s");
    let waits = NewTask {
        edges: vec!["waits_children:b".to_owned()],
        ..new("waits", "a", &[])
    };
    let created = tracker
        .create(&[waits, new("parent", "b", &[]), new("after", "d", &["a"])])
        .await
        .unwrap();
    let [a, b, d] = [0, 1, 2].map(|at: usize| created[at].id.as_str());
    let child = below(b, new("child", "c", &[d]));
    assert_eq!(
        refused(&tracker, &[child]).await,
        format!(
            "that would make tasks wait for each other: c waits for {d}, {d} waits for {a}, {a} \
             waits for the children of {b}, c is a child of {b}"
        )
    );
    tracker
        .create(&[below(b, new("child", "c", &[]))])
        .await
        .unwrap();
    assert_eq!(world.differences().await, []);
}
