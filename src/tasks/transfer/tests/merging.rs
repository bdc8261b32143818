//! Two homes that have both gone on agree once each has taken in what the other says.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Copy, counts};
use crate::clock::Clock;
use crate::ids::TaskId;
use crate::tasks::{Changes, Close, EdgeKind, Kind, NewTask, Proof, Reason, Tracker};

#[derive(Debug, Clone)]
enum Op {
    Create(Option<Index>, Option<Index>),
    Title(Index, u8),
    Fields(Index, u8, u8),
    Parent(Index, Option<Index>),
    Edge(Index, EdgeKind, Index, bool),
    Label(Index, u8, bool),
    Note(Index),
    Close(Index, Reason),
    Reopen(Index),
    Delete(Index),
    Later(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let task = any::<Index>;
    let kind = prop_oneof![
        4 => Just(EdgeKind::BlockedBy),
        2 => Just(EdgeKind::WaitsChildren),
        1 => Just(EdgeKind::OnFailure),
        1 => Just(EdgeKind::Related),
    ];
    let reason = prop_oneof![Just(Reason::Done), Just(Reason::WontDo)];
    prop_oneof![
        2 => (prop::option::of(task()), prop::option::of(task()))
            .prop_map(|(parent, blocker)| Op::Create(parent, blocker)),
        2 => (task(), 0..4_u8).prop_map(|(task, title)| Op::Title(task, title)),
        2 => (task(), 0..5_u8, 0..4_u8).prop_map(|(task, a, b)| Op::Fields(task, a, b)),
        4 => (task(), prop::option::of(task())).prop_map(|(task, parent)| Op::Parent(task, parent)),
        5 => (task(), kind, task(), prop::bool::weighted(0.8))
            .prop_map(|(task, kind, other, add)| Op::Edge(task, kind, other, add)),
        2 => (task(), 0..3_u8, any::<bool>()).prop_map(|(task, label, add)| {
            Op::Label(task, label, add)
        }),
        1 => task().prop_map(Op::Note),
        4 => (task(), reason).prop_map(|(task, reason)| Op::Close(task, reason)),
        2 => task().prop_map(Op::Reopen),
        2 => task().prop_map(Op::Delete),
        6 => (0..3_i64).prop_map(Op::Later),
    ]
}

/// Does what can be done; what is refused has changed nothing.
async fn perform(copy: &Copy, ops: &[Op]) {
    let tracker = copy.tracker();
    for op in ops {
        let ids = ids(copy).await;
        let pick = |index: &Index| match ids.is_empty() {
            true => "t-000000".to_owned(),
            false => index.get(&ids).to_string(),
        };
        match op {
            Op::Later(ms) => copy.world.clock.advance(*ms),
            Op::Create(parent, blocker) => {
                let task = NewTask {
                    title: "new".to_owned(),
                    parent: parent.as_ref().map(pick),
                    blocked_by: blocker.iter().map(pick).collect(),
                    ..NewTask::default()
                };
                let _ = tracker.create(&[task]).await;
            }
            Op::Close(task, reason) => {
                let close = Close {
                    reason: *reason,
                    why: "so".to_owned(),
                    proof: Proof::default(),
                    fence: None,
                };
                let _ = tracker.close(&pick(task), &close).await;
            }
            Op::Reopen(task) => {
                let _ = tracker.reopen(&pick(task), "so").await;
            }
            Op::Delete(task) => {
                let _ = tracker.delete(&pick(task), "so").await;
            }
            Op::Title(task, title) => {
                let title = Some(format!("title {title}"));
                let changes = Changes {
                    title,
                    ..Changes::default()
                };
                update(&tracker, &pick(task), changes).await;
            }
            Op::Fields(task, a, b) => {
                let changes = Changes {
                    priority: Some(i64::from(*a)),
                    kind: Kind::ALL.get(usize::from(*b)).copied(),
                    writes: Some(a % 2 == 0),
                    estimate_min: Some(u32::from(*b)),
                    defer_until_ms: Some(i64::from(*a)),
                    external_ref: Some(format!("x{b}")),
                    description: Some(format!("text {b}")),
                    ..Changes::default()
                };
                update(&tracker, &pick(task), changes).await;
            }
            Op::Parent(task, parent) => {
                let changes = Changes {
                    parent: Some(parent.as_ref().map(pick)),
                    ..Changes::default()
                };
                update(&tracker, &pick(task), changes).await;
            }
            Op::Edge(task, kind, other, add) => {
                let edge = vec![format!("{kind}:{}", pick(other))];
                let mut changes = Changes::default();
                match add {
                    true => changes.add_edges = edge,
                    false => changes.remove_edges = edge,
                }
                update(&tracker, &pick(task), changes).await;
            }
            Op::Label(task, label, add) => {
                let label = vec![format!("l{label}")];
                let mut changes = Changes::default();
                match add {
                    true => changes.add_labels = label,
                    false => changes.remove_labels = label,
                }
                update(&tracker, &pick(task), changes).await;
            }
            Op::Note(task) => {
                let note = Some("said".to_owned());
                let changes = Changes {
                    note,
                    ..Changes::default()
                };
                update(&tracker, &pick(task), changes).await;
            }
        }
    }
}

async fn update(tracker: &Tracker<'_>, task: &str, changes: Changes) {
    let _ = tracker.update(task, &changes, None).await;
}

async fn ids(copy: &Copy) -> Vec<TaskId> {
    let ids = sqlx::query_scalar::<_, String>("SELECT id FROM task ORDER BY id");
    let ids = ids.fetch_all(copy.world.store.read()).await.unwrap();
    ids.into_iter().map(TaskId::stored).collect()
}

async fn agree(first: &[Op], left: &[Op], right: &[Op]) {
    let [a, b] = [Copy::new().await, Copy::new().await];
    let titles = ["one", "two", "three", "four", "five", "six"];
    let tasks = titles.map(|title| NewTask {
        title: title.to_owned(),
        ..NewTask::default()
    });
    a.tracker().create(&tasks).await.unwrap();
    perform(&a, first).await;
    b.import(a.export().await).await;
    assert_eq!(a.export().await, b.export().await);
    // Both go on from the same moment, so that much is done at once or shortly after each other.
    for copy in [&a, &b] {
        let clock = &copy.world.clock;
        clock.advance(1_000_100 - clock.now_ms());
    }
    perform(&a, left).await;
    perform(&b, right).await;
    let (of_a, of_b) = (a.export().await, b.export().await);
    let foreseen = a.rehearse(&of_b).await;
    let done = a.import(&of_b).await;
    assert_eq!(counts(&foreseen), counts(&done));
    b.import(&of_a).await;
    let merged = a.export().await;
    assert_eq!(merged, b.export().await, "they do not agree");
    // Whatever was taken in is taken in: neither file says anything new now.
    for told in [&of_a, &of_b, &merged] {
        for copy in [&a, &b] {
            let report = copy.import(told).await;
            assert_eq!((report.created, report.updated, report.deleted), (0, 0, 0));
        }
    }
    // One file with the lines of both, as a merge of git leaves it, says the same to anybody.
    let fresh = Copy::new().await;
    fresh.import(format!("{of_a}{of_b}")).await;
    let backwards: Vec<&str> = of_b.lines().chain(of_a.lines()).rev().collect();
    let other = Copy::new().await;
    other.import(backwards.join("\n")).await;
    assert_eq!(fresh.export().await, merged);
    assert_eq!(other.export().await, merged);
    // A copy of that is the same to the byte.
    let empty = Copy::new().await;
    empty.import(&merged).await;
    assert_eq!(empty.export().await, merged);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn two_homes_agree_whatever_each_has_done(
        first in prop::collection::vec(op(), 0..25),
        left in prop::collection::vec(op(), 0..25),
        right in prop::collection::vec(op(), 0..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(&first, &left, &right));
    }
}
