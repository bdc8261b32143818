//! Changing tasks.

use super::super::*;
use super::{World, done, new};
use crate::clock::Clock;
use crate::ids::AgentId;

fn agent(id: &str) -> Actor {
    Actor::Agent {
        id: AgentId::stored(id.to_owned()),
        read_only: false,
    }
}

async fn history(world: &World, id: &crate::ids::TaskId) -> Vec<String> {
    let mut connection = world.store.read().acquire().await.unwrap();
    let notes = rows::notes(&mut connection, id, 99).await.unwrap();
    notes
        .iter()
        .map(|note| format!("{}: {}", note.kind, note.text))
        .collect()
}

async fn get(world: &World, id: &crate::ids::TaskId) -> Task {
    let mut connection = world.store.read().acquire().await.unwrap();
    let task = rows::get(&mut connection, &world.project, id).await;
    task.unwrap().unwrap()
}

async fn three(tracker: &Tracker<'_>) -> [String; 3] {
    let created = tracker
        .create(&[
            new("a", "a", &[]),
            new("b", "b", &[]),
            new("c", "c", &["b"]),
        ])
        .await
        .unwrap();
    [0, 1, 2].map(|at: usize| created[at].id.to_string())
}

#[tokio::test]
async fn a_change_is_told_stamped_and_made_once() {
    let world = World::new().await;
    let tracker = world.session("s");
    let [a, b, c] = three(&tracker).await;
    world.clock.advance(5);
    let changes = Changes {
        title: Some(" other ".to_owned()),
        description: Some("long".to_owned()),
        priority: Some(0),
        estimate_min: Some(30),
        parent: Some(Some(b.clone())),
        add_labels: vec!["new".to_owned()],
        remove_blocked_by: vec![b.clone()],
        add_blocked_by: vec![a.clone()],
        add_edges: vec![format!("related:{b}")],
        note: Some("look".to_owned()),
        ..Changes::default()
    };
    let id = tracker.update(&c, &changes, None).await.unwrap();
    let expected = [
        format!(
            "changed: priority 2 -> 0; estimate_min none -> 30; parent none -> {b}; title \"c\" -> \
             \"other\"; description changed; labels +new; blocked_by +{a} -{b}; related +{b}"
        ),
        "note: look".to_owned(),
    ];
    let mut told = history(&world, &id).await;
    told.sort();
    assert_eq!(told, expected);
    let task = get(&world, &id).await;
    assert_eq!((task.updated_ms, task.held), (world.clock.now_ms(), 1));
    let names: serde_json::Value = serde_json::from_str(&task.stamps).unwrap();
    let names: Vec<&String> = names.as_object().unwrap().keys().collect();
    let fields = ["description", "estimate_min", "parent", "priority", "title"];
    assert_eq!(names, fields);
    assert_eq!(world.differences().await, []);

    world.clock.advance(5);
    let same = Changes {
        note: None,
        ..changes.clone()
    };
    tracker.update(&c, &same, None).await.unwrap();
    assert_eq!(history(&world, &id).await.len(), 2);
    assert_eq!(get(&world, &id).await, task);

    let back = Changes {
        parent: Some(None),
        estimate_min: Some(0),
        remove_labels: vec!["new".to_owned()],
        ..Changes::default()
    };
    tracker.update(&c, &back, None).await.unwrap();
    let task = get(&world, &id).await;
    assert_eq!((task.parent, task.estimate_min), (None, None));
    assert_eq!(world.differences().await, []);
}

#[tokio::test]
async fn what_cannot_be_changes_nothing() {
    let world = World::new().await;
    let tracker = world.session("s");
    let [a, b, c] = three(&tracker).await;
    let refused = async |given: &str, changes: Changes| {
        let refused = tracker.update(given, &changes, None).await;
        refused.unwrap_err().to_string()
    };
    let waits_for_itself = Changes {
        title: Some("x".to_owned()),
        add_blocked_by: vec![c.clone()],
        ..Changes::default()
    };
    assert_eq!(
        refused(&b, waits_for_itself).await,
        format!("that would make tasks wait for each other: {b} waits for {c}, {c} waits for {b}")
    );
    let below = |parent: &str| Changes {
        parent: Some(Some(parent.to_owned())),
        ..Changes::default()
    };
    assert_eq!(
        refused(&c, below(&b)).await,
        format!(
            "that would make tasks wait for each other: {c} waits for {b}, {c} is a child of {b}"
        )
    );
    tracker.update(&a, &below(&b), None).await.unwrap();
    assert_eq!(
        refused(&b, below(&a)).await,
        format!(
            "that would make tasks wait for each other: {b} is a child of {a}, {a} is a child of {b}"
        )
    );
    let itself = Changes {
        add_edges: vec![format!("related:{a}")],
        ..Changes::default()
    };
    assert_eq!(
        refused(&a, itself).await,
        "`add_edges` has an edge related of the task to itself"
    );
    tracker.close(&a, &done()).await.unwrap();
    tracker.close(&b, &done()).await.unwrap();
    assert_eq!(
        refused(&c, below(&a)).await,
        format!("{a} is closed and cannot get an open child")
    );
    assert_eq!(
        refused(&a, below("")).await,
        format!(
            "{a} is closed; it cannot be changed but for notes, labels, `external_ref` and edges \
             that do not block"
        )
    );
    let rest = Changes {
        add_labels: vec!["old".to_owned()],
        external_ref: Some("gh-1".to_owned()),
        add_edges: vec![format!("related:{b}")],
        note: Some("seen again".to_owned()),
        ..Changes::default()
    };
    tracker.update(&a, &rest, None).await.unwrap();
    assert_eq!(world.differences().await, []);
}

#[tokio::test]
async fn agents_change_only_what_is_theirs() {
    let world = World::new().await;
    let (session, agent) = (world.session("s"), world.tracker(agent("a-000001")));
    let [a, b, c] = three(&session).await;
    let criteria = Changes {
        acceptance: Some("none".to_owned()),
        ..Changes::default()
    };
    let lets_go = Changes {
        remove_blocked_by: vec![b.clone()],
        ..Changes::default()
    };
    let detach = Changes {
        parent: Some(Some(b.clone())),
        ..Changes::default()
    };
    for changes in [&criteria, &detach] {
        let refused = agent.update(&a, changes, None).await;
        assert!(matches!(refused, Err(TaskError::NotAllowed { .. })));
    }
    let refused = agent.update(&c, &lets_go, None).await;
    assert!(matches!(refused, Err(TaskError::NotAllowed { .. })));

    let own = agent.create(&[new("own", "own", &[])]).await.unwrap();
    let own = own[0].id.as_str();
    agent.update(own, &criteria, None).await.unwrap();
    let claimed = agent.claim(own, None).await.unwrap();
    let other = Changes {
        acceptance: Some("other".to_owned()),
        ..Changes::default()
    };
    let refused = agent.update(own, &other, Some(claimed.fence)).await;
    assert!(matches!(refused, Err(TaskError::NotAllowed { .. })));

    let held = session.claim(&a, None).await.unwrap();
    let urgent = Changes {
        priority: Some(0),
        ..Changes::default()
    };
    let refused = agent.update(&a, &urgent, Some(held.fence)).await;
    assert!(matches!(refused, Err(TaskError::Held { .. })));
    let note = Changes {
        note: Some("a word".to_owned()),
        ..Changes::default()
    };
    agent.update(&a, &note, None).await.unwrap();
    session.release(&a, None, "").await.unwrap();
    for changes in [&urgent, &note] {
        let stale = session.update(&a, changes, Some(held.fence)).await;
        assert!(matches!(stale, Err(TaskError::StaleFence { .. })));
    }
}
