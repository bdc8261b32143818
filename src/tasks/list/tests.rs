//! Views, filters and pages, on a real file.

use super::*;
use crate::tasks::tests::World;
use crate::tasks::{Actor, Close, NewTask, Proof, Reason, Wanted};

fn task(title: &str) -> NewTask {
    NewTask {
        title: title.to_owned(),
        ..NewTask::default()
    }
}

/// One task a title, in one batch; `ref`s are the titles.
async fn create(tracker: &Tracker<'_>, tasks: Vec<NewTask>) -> Vec<String> {
    let named = |task: NewTask| NewTask {
        reference: Some(task.title.replace(' ', "-")),
        ..task
    };
    let tasks: Vec<NewTask> = tasks.into_iter().map(named).collect();
    let created = tracker.create(&tasks).await.unwrap();
    created.into_iter().map(|it| it.id.to_string()).collect()
}

async fn close(tracker: &Tracker<'_>, id: &str, reason: Reason) {
    let close = Close {
        reason,
        why: "because".to_owned(),
        proof: Proof::default(),
        fence: None,
    };
    tracker.close(id, &close).await.unwrap();
}

async fn titles(tracker: &Tracker<'_>, listing: &Listing) -> Vec<String> {
    let page = tracker.list(listing).await.unwrap();
    assert!(page.next_cursor.is_none());
    page.items.into_iter().map(|line| line.title).collect()
}

/// All pages of a list, `limit` lines each.
async fn paged(tracker: &Tracker<'_>, listing: &Listing, limit: u32) -> Vec<String> {
    let mut listing = Listing {
        limit,
        ..listing.clone()
    };
    let mut titles = Vec::new();
    loop {
        let page = tracker.list(&listing).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        titles.extend(page.items.into_iter().map(|line| line.title));
        match page.next_cursor {
            Some(cursor) => listing.cursor = Some(cursor),
            None => return titles,
        }
    }
}

#[tokio::test]
async fn each_view_shows_its_tasks_in_its_order() {
    let world = World::new().await;
    let tracker = world.session("s");
    let ids = create(
        &tracker,
        vec![
            task("plain"),
            NewTask {
                priority: Some(0),
                blocked_by: vec!["holds-two".into()],
                ..task("urgent but blocked")
            },
            NewTask {
                blocked_by: vec!["holds-two".into()],
                ..task("also blocked")
            },
            task("holds two"),
            NewTask {
                parent: Some("plain".into()),
                defer_until_ms: 9_000_000,
                ..task("deferred part")
            },
            NewTask {
                priority: Some(4),
                ..task("later")
            },
        ],
    )
    .await;
    world.clock.advance(10);
    create(&tracker, vec![task("newest")]).await;
    tracker.claim(&ids[5], None).await.unwrap();
    let of = async |view| titles(&tracker, &Listing::of(view)).await;

    assert_eq!(of(View::Ready).await, ["holds two", "newest"]);
    assert_eq!(
        of(View::Blocked).await,
        ["urgent but blocked", "also blocked"]
    );
    assert_eq!(of(View::Mine).await, ["later"]);
    assert_eq!(of(View::Open).await.len(), 7);
    assert_eq!(of(View::Closed).await, Vec::<String>::new());
    assert_eq!(of(View::All).await[0], "newest");
    let other = world.session("other");
    assert_eq!(
        titles(&other, &Listing::of(View::Mine)).await,
        Vec::<String>::new()
    );
    let person = world.tracker(Actor::Person);
    assert_eq!(
        titles(&person, &Listing::of(View::Mine)).await,
        Vec::<String>::new()
    );

    close(&tracker, &ids[3], Reason::Done).await;
    world.clock.advance(10);
    close(&tracker, &ids[1], Reason::WontDo).await;
    assert_eq!(of(View::Closed).await, ["urgent but blocked", "holds two"]);
    assert_eq!(of(View::Ready).await, ["also blocked", "newest"]);

    // What has come due is ready, and a lease that has run out gives its task back.
    world.clock.advance(9_000_000);
    let ready = of(View::Ready).await;
    assert_eq!(ready.len(), 4, "{ready:?}");
    assert_eq!(ready[3], "later");
    assert_eq!(of(View::Mine).await, Vec::<String>::new());
}

#[tokio::test]
async fn ready_is_listed_as_it_is_given_out() {
    let world = World::new().await;
    let tracker = world.session("s");
    let mut tasks: Vec<NewTask> = (0..12)
        .map(|at| NewTask {
            priority: Some(at % 3),
            ..task(&format!("t{at}"))
        })
        .collect();
    for (at, blockers) in [(20, vec!["t4", "t7"]), (21, vec!["t7", "t11"])] {
        tasks.push(NewTask {
            blocked_by: blockers.into_iter().map(str::to_owned).collect(),
            ..task(&format!("t{at}"))
        });
    }
    create(&tracker, tasks).await;
    let listed = titles(&tracker, &Listing::of(View::Ready)).await;
    assert_eq!(paged(&tracker, &Listing::of(View::Ready), 1).await, listed);
    assert_eq!(paged(&tracker, &Listing::of(View::Ready), 5).await, listed);
    let mut given = Vec::new();
    while let Ok(task) = tracker.claim_next(&Wanted::default(), None).await {
        given.push(task.title);
    }
    assert_eq!(listed, given);
    // Of those that are as urgent and hold back as much, as they were written down.
    assert_eq!(given[..4], ["t0", "t3", "t6", "t9"]);
}

#[tokio::test]
async fn filters_cut_every_view() {
    let world = World::new().await;
    let tracker = world.session("s");
    let labelled = |title: &str, parent: Option<&str>| NewTask {
        labels: vec!["db".into()],
        kind: Some(Kind::Bug),
        parent: parent.map(str::to_owned),
        ..task(title)
    };
    let ids = create(
        &tracker,
        vec![
            task("root"),
            NewTask {
                parent: Some("root".into()),
                ..task("middle")
            },
            labelled("leaf", Some("middle")),
            labelled("elsewhere", None),
            task("other"),
        ],
    )
    .await;
    for view in [View::Open, View::All] {
        let with = Listing {
            label: Some("db".into()),
            ..Listing::of(view)
        };
        assert_eq!(titles(&tracker, &with).await.len(), 2);
        let below = Listing {
            parent: Some(ids[0].clone()),
            ..Listing::of(view)
        };
        assert_eq!(titles(&tracker, &below).await.len(), 2);
        let both = Listing {
            kind: Some(Kind::Bug),
            query: Some("leaf".into()),
            ..below
        };
        assert_eq!(titles(&tracker, &both).await, ["leaf"]);
    }
    let nowhere = Listing {
        parent: Some("t-zzzzzz".into()),
        ..Listing::of(View::Open)
    };
    let unknown = tracker.list(&nowhere).await.unwrap_err();
    assert!(matches!(unknown, TaskError::Unknown { .. }), "{unknown}");
}

#[tokio::test]
async fn an_agent_that_may_only_read_is_not_offered_work_that_writes() {
    let world = World::new().await;
    create(
        &world.session("s"),
        vec![
            task("writes"),
            NewTask {
                kind: Some(Kind::Question),
                ..task("asks")
            },
        ],
    )
    .await;
    let reader = world.tracker(Actor::Agent {
        id: crate::ids::AgentId::stored("a-000001".into()),
        read_only: true,
    });
    assert_eq!(titles(&reader, &Listing::of(View::Ready)).await, ["asks"]);
    assert_eq!(titles(&reader, &Listing::of(View::Open)).await.len(), 2);
}

#[tokio::test]
async fn pages_hold_still_while_tasks_come_and_go() {
    let world = World::new().await;
    let tracker = world.session("s");
    let ids = create(
        &tracker,
        (0..10).map(|at| task(&format!("t{at}"))).collect(),
    )
    .await;
    let whole = titles(&tracker, &Listing::of(View::Open)).await;
    let first = Listing {
        limit: 4,
        ..Listing::of(View::Open)
    };
    let page = tracker.list(&first).await.unwrap();
    // One that was shown goes away, one is new behind, one is new before.
    let shown = page.items[1].id.to_string();
    assert!(ids.contains(&shown));
    close(&tracker, &shown, Reason::Done).await;
    world.clock.advance(5);
    let urgent = NewTask {
        priority: Some(0),
        ..task("urgent")
    };
    create(&tracker, vec![urgent, task("last")]).await;
    let rest = Listing {
        limit: 100,
        cursor: page.next_cursor,
        ..first
    };
    let mut expected = whole[4..].to_vec();
    expected.push("last".to_owned());
    assert_eq!(titles(&tracker, &rest).await, expected);
}

#[tokio::test]
async fn a_cursor_of_another_list_and_a_limit_out_of_range_are_refused() {
    let world = World::new().await;
    let tracker = world.session("s");
    create(&tracker, vec![task("a"), task("b")]).await;
    let open = Listing {
        limit: 1,
        ..Listing::of(View::Open)
    };
    let cursor = tracker.list(&open).await.unwrap().next_cursor;
    for listing in [
        Listing {
            cursor: cursor.clone(),
            ..Listing::of(View::All)
        },
        Listing {
            cursor: cursor.clone(),
            label: Some("db".into()),
            ..open.clone()
        },
        Listing {
            cursor: Some("20".into()),
            ..open.clone()
        },
    ] {
        let refused = tracker.list(&listing).await.unwrap_err().to_string();
        assert!(refused.starts_with("`cursor` "), "{refused}");
    }
    for limit in [0, 101] {
        let refused = tracker
            .list(&Listing {
                limit,
                ..open.clone()
            })
            .await;
        assert!(refused.unwrap_err().to_string().starts_with("`limit` "));
    }
}

#[tokio::test]
async fn a_line_says_what_it_waits_for_its_own_edges_first() {
    let world = World::new().await;
    let tracker = world.session("s");
    let blocked = |title: &str, parent: Option<&str>, by: &[&str]| NewTask {
        parent: parent.map(str::to_owned),
        blocked_by: by.iter().map(|it| (*it).to_owned()).collect(),
        labels: vec!["z".into(), "a".into()],
        ..task(title)
    };
    let ids = create(
        &tracker,
        vec![
            task("one"),
            task("two"),
            task("three"),
            task("four"),
            blocked("top", None, &["one", "two", "three"]),
            blocked("part", Some("top"), &["four"]),
        ],
    )
    .await;
    let page = tracker.list(&Listing::of(View::Blocked)).await.unwrap();
    let line = |title: &str| page.items.iter().find(|it| it.title == title).unwrap();
    let part = line("part");
    assert_eq!(part.status, "blocked");
    assert_eq!(part.labels, ["a", "z"]);
    assert_eq!(part.waits_for.len(), 3);
    assert_eq!(part.waits_for[0].as_str(), ids[3]);
    assert!(
        part.waits_for[1..]
            .iter()
            .all(|id| ids[..3].contains(&id.to_string()))
    );
    assert_eq!(line("top").children.as_deref(), Some("0/1"));
}

#[tokio::test]
async fn nothing_that_is_asked_often_walks_through_all_tasks() {
    let world = World::new().await;
    let often = [
        super::ALL,
        crate::tasks::lines::ALL,
        crate::tasks::claim::ALL,
        crate::tasks::search::ALL,
        crate::tasks::show::ALL,
    ];
    for (name, sql) in often.concat() {
        let plan = world.plan(sql).await;
        let walks = |step: &String| {
            let step = format!("{step} ");
            ["SCAN task ", "SCAN t ", "SCAN e "]
                .iter()
                .any(|it| step.starts_with(it))
        };
        assert!(!plan.iter().any(walks), "{name}: {plan:#?}");
    }
}

#[tokio::test]
async fn a_view_is_read_in_the_order_of_its_index() {
    let world = World::new().await;
    let views = [READY, BLOCKED, MINE, OPEN, CLOSED, ALL_TASKS];
    for sql in views {
        let plan = world.plan(sql).await;
        let sorts = plan
            .iter()
            .any(|step| step.contains("USE TEMP B-TREE FOR ORDER BY"));
        assert!(!sorts, "{sql}: {plan:#?}");
    }
}
