//! One task, on a real file.

use super::*;
use crate::tasks::tests::{World, new};
use crate::tasks::{NewTask, NoteKind};

#[tokio::test]
async fn a_task_is_shown_with_all_that_has_to_do_with_it() {
    let world = World::new().await;
    let tracker = world.session("s");
    let created = tracker
        .create(&[
            new("top", "top", &[]),
            NewTask {
                parent: Some("top".into()),
                description: "do it".into(),
                acceptance: "it is done".into(),
                edges: vec!["related:after".into()],
                estimate_min: Some(30),
                ..new("middle", "middle", &["before"])
            },
            NewTask {
                parent: Some("middle".into()),
                ..new("part", "part", &[])
            },
            new("before", "before", &[]),
            new("after", "after", &["middle"]),
        ])
        .await
        .unwrap();
    let ids: Vec<&str> = created.iter().map(|it| it.id.as_str()).collect();
    let view = tracker.show(ids[1]).await.unwrap();
    assert_eq!(
        (view.line.title.as_str(), view.line.status),
        ("middle", "blocked")
    );
    assert_eq!(view.line.waits_for[0].as_str(), ids[3]);
    assert_eq!(view.above[0].title, "top");
    assert_eq!(view.parts[0].title, "part");
    assert_eq!(view.parts[0].waits_for[0].as_str(), ids[3]);
    let edges: Vec<(EdgeKind, bool, &str, &str, bool)> = view
        .edges
        .iter()
        .map(|it| (it.kind, it.back, it.title.as_str(), it.status, it.holds))
        .collect();
    assert_eq!(
        edges,
        [
            (EdgeKind::BlockedBy, false, "before", "ready", true),
            (EdgeKind::Related, false, "after", "blocked", false),
            (EdgeKind::BlockedBy, true, "after", "blocked", true),
        ]
    );
    assert_eq!(
        (view.more_notes, view.more_edges, view.cut.len()),
        (None, None, 0)
    );

    tracker.claim(ids[3], Some(60)).await.unwrap();
    let claimed = tracker.show(&ids[3][..5]).await;
    let claim = claimed.unwrap().claim.unwrap();
    assert_eq!((claim.holder.as_str(), claim.fence), ("session:s", 1));
    world.clock.advance(61_000);
    let view = tracker.show(ids[3]).await.unwrap();
    assert_eq!((view.claim, view.line.status), (None, "ready"));
    assert_eq!(view.notes.last().unwrap().kind, NoteKind::Released);
}

#[tokio::test]
async fn what_is_too_much_is_counted() {
    let world = World::new().await;
    let tracker = world.session("s");
    let mut tasks = vec![new("long", "long", &[])];
    tasks.extend((0..60).map(|_| NewTask {
        parent: Some("long".into()),
        edges: vec!["validates:long".into()],
        title: "part".into(),
        ..NewTask::default()
    }));
    let id = tracker.create(&tasks).await.unwrap()[0].id.clone();
    let mut tx = world.store.begin().await.unwrap();
    for at in 0..210 {
        world.clock.advance(1);
        tracker
            .note_in(&mut tx, &id, NoteKind::Note, &at.to_string())
            .await
            .unwrap();
    }
    world.store.commit(tx).await.unwrap();
    let view = tracker.show(id.as_str()).await.unwrap();
    assert_eq!(
        (view.parts.len(), view.line.children.as_deref()),
        (50, Some("0/60"))
    );
    assert_eq!((view.edges.len(), view.more_edges), (50, Some(10)));
    assert_eq!((view.notes.len(), view.more_notes), (200, Some(10)));
    assert_eq!(view.notes.last().unwrap().text, "209");
}
