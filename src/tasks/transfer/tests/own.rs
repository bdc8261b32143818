//! Our own lines: written, read, refused.

use super::{Copy, counts};
use crate::tasks::{
    Actor, Changes, Close, Import, NewTask, Proof, Reason, Tracker, TransferError, Wanted,
};

/// A task, written at 1,000,000 and changed at 2,000,000.
const TASK: &str = r#"{"id":"t-000001","title":"one","kind":"task","priority":2,"status":"open","writes":true,"created":"1970-01-01T00:16:40Z","created_by":"person","updated":"1970-01-01T00:16:40Z"}"#;

fn edited(from: &str, to: &str) -> String {
    let edited = TASK.replace(from, to);
    assert_ne!(edited, TASK, "{from} is not in it");
    edited
}

fn named(id: &str) -> String {
    TASK.replace("t-000001", id)
}

fn closed(id: &str, more: &str) -> String {
    named(id).replace(
        r#""status":"open""#,
        &format!(
            r#""status":"closed","reason":"done","closed":"1970-01-01T00:18:20Z","closed_by":"person","stamps":{{"status":"1970-01-01T00:18:20Z"}}{more}"#
        ),
    )
}

const STATUSES: &str = "SELECT id, status FROM task ORDER BY id";

async fn statuses(copy: &Copy) -> Vec<(String, String)> {
    sqlx::query_as(STATUSES)
        .fetch_all(copy.world.store.read())
        .await
        .unwrap()
}

async fn status(copy: &Copy, id: &str) -> String {
    let statuses = statuses(copy).await;
    let found = statuses.into_iter().find(|(it, _)| it == id);
    found.map_or("none".to_owned(), |(_, status)| status)
}

async fn filled() -> Copy {
    let copy = Copy::new().await;
    let tracker = copy.tracker();
    let task = |title: &str, reference: &str| NewTask {
        title: title.to_owned(),
        reference: Some(reference.to_owned()),
        ..NewTask::default()
    };
    let created = tracker
        .create(&[
            NewTask {
                description: "two\nlines \"and\" quotes é \u{1f600}".to_owned(),
                acceptance: "it holds".to_owned(),
                labels: vec!["a".to_owned(), "b".to_owned()],
                estimate_min: Some(30),
                defer_until_ms: 5_000_000_123,
                external_ref: "x:1".to_owned(),
                ..task("epic", "e")
            },
            NewTask {
                parent: Some("e".to_owned()),
                ..task("done", "d")
            },
            NewTask {
                parent: Some("e".to_owned()),
                blocked_by: vec!["d".to_owned()],
                edges: vec!["related:e".to_owned()],
                ..task("waits", "w")
            },
            task("gone", "g"),
            task("held", "h"),
        ])
        .await
        .unwrap();
    let id = |at: usize| created[at].id.to_string();
    copy.world.clock.advance(1_234);
    let change = Changes {
        title: Some("better".to_owned()),
        remove_labels: vec!["b".to_owned()],
        note: Some("a word\nor two".to_owned()),
        ..Changes::default()
    };
    tracker.update(&id(0), &change, None).await.unwrap();
    let change = Changes {
        remove_edges: vec![format!("related:{}", id(0))],
        ..Changes::default()
    };
    tracker.update(&id(2), &change, None).await.unwrap();
    let close = Close {
        reason: Reason::Done,
        why: "seen".to_owned(),
        proof: Proof {
            seen: "with my own eyes".to_owned(),
            ..Proof::default()
        },
        fence: None,
    };
    tracker.close(&id(1), &close).await.unwrap();
    tracker.delete(&id(3), "not needed").await.unwrap();
    let session = copy.world.session("s");
    session.claim(&id(4), None).await.unwrap();
    copy
}

#[tokio::test]
async fn what_goes_out_comes_back_the_same_to_the_byte() {
    let copy = filled().await;
    let out = copy.export().await;
    assert!(out.starts_with("{\"ostler_tasks\":1}\n{\"id\":\"t-"));
    let ids: Vec<&str> = out.lines().skip(1).map(|line| &line[7..15]).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert!(!out.contains("in_progress"), "claims stay here: {out}");
    for told in [
        r#""evidence":{"seen":"with my own eyes"}"#,
        r#"{"label":"b","at":"1970-01-01T00:16:41.234Z","gone":true}"#,
        r#""why":"not needed""#,
        r#""stamps":{"title":"1970-01-01T00:16:41.234Z"}"#,
        r#""defer_until":"1970-02-27T20:53:20.123Z""#,
    ] {
        assert!(out.contains(told), "{told}\nis not in\n{out}");
    }
    let empty = Copy::new().await;
    let foreseen = empty.rehearse(&out).await;
    assert_eq!(statuses(&empty).await, [], "it was only foreseen");
    let report = empty.import(&out).await;
    assert_eq!(counts(&report), [4, 0, 0, 0, 0]);
    assert_eq!(counts(&report), counts(&foreseen));
    assert_eq!(empty.export().await, out);
    assert_eq!(counts(&copy.import(&out).await), [0, 0, 0, 4, 0]);
    assert_eq!(copy.export().await, out);
    let held = "SELECT count(*) FROM task WHERE status = 'in_progress'";
    let held = sqlx::query_scalar::<_, i64>(held);
    assert_eq!(held.fetch_one(copy.world.store.read()).await.unwrap(), 1);
}

#[tokio::test]
async fn lines_that_cannot_be_are_told_by_their_number_and_passed_by() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let bad: Vec<(Vec<u8>, &str)> = [
        ("<<<<<<< HEAD".to_owned(), "a conflict of git"),
        ("nonsense".to_owned(), "it is no JSON object"),
        (deep.clone(), "it is no JSON object"),
        (edited("\"one\"", &format!("\"one\",\"evidence\":{{\"seen\":{deep}}}")), "invalid type"),
        (TASK[..60].to_owned(), "it is no JSON: EOF"),
        (edited("\"one\"", &deep), "invalid type: sequence"),
        ("[]".to_owned(), "it is no JSON object"),
        ("{}".to_owned(), "missing field `id`"),
        (edited("t-000001", "bd-1"), "`id`: \"bd-1\" is not a task id"),
        (edited("\"task\"", "\"banana\""), "unknown variant `banana`"),
        (edited("\"priority\":2", "\"priority\":99"), "`priority` is 99"),
        (edited("\"priority\":2", "\"priority\":\"2\""), "invalid type: string"),
        (edited("\"writes\":true", "\"writes\":null"), "invalid type: null"),
        (edited("\"open\"", "\"in_progress\""), "unknown variant `in_progress`"),
        (edited("\"open\"", "\"closed\""), "`reason` or `closed` is missing"),
        (edited("\"open\"", "\"open\",\"reason\":\"done\""), "`status` is open, but"),
        (edited("\"one\"", "\"\""), "`title` is empty"),
        (edited("\"one\"", "\"a\\u0000b\""), "`title` is not one line"),
        (edited("\"one\"", "\"one\",\"description\":\"a\\u0000\""), "NUL"),
        (edited("\"one\"", "\"one\",\"title\":\"two\""), "duplicate field `title`"),
        (edited("\"one\"", "\"one\",\"held\":7"), "unknown field `held`"),
        (edited("00:16:40Z\",\"created_by", "00:16:99Z\",\"created_by"), "which is no time"),
        (edited("\"updated\":\"1970", "\"updated\":\"2970"), "lies in the future"),
        (edited("\"one\"", "\"one\",\"parent\":\"t-000001\""), "`parent` is the task itself"),
        (
            edited("\"one\"", "\"one\",\"stamps\":{\"held\":\"1970-01-01\"}"),
            "`stamps` has \"held\"",
        ),
        (
            edited("\"one\"", "\"one\",\"labels\":[{\"label\":\"a b\",\"at\":\"1970-01-01\"}]"),
            "`labels` holds \"a b\"",
        ),
        (
            edited(
                "\"one\"",
                "\"one\",\"edges\":[{\"kind\":\"blocked_by\",\"task\":\"t-000001\",\"at\":\"1970-01-01\"}]",
            ),
            "to the task itself",
        ),
        (
            edited(
                "\"one\"",
                "\"one\",\"links\":[{\"kind\":\"worker\",\"target\":\"me\",\"at\":\"1970-01-01\"}]",
            ),
            "\"me\" is not an agent id",
        ),
    ]
    .into_iter()
    .map(|(line, problem)| (line.into_bytes(), problem))
    .chain([(vec![b'{', 0xff, b'}'], "it is no UTF-8 text (byte 2)")])
    .collect();
    let mut file = b"{\"ostler_tasks\":1}\n".to_vec();
    for (line, _) in &bad {
        file.extend(line);
        file.push(b'\n');
    }
    file.extend(edited("t-000001", "t-000002").as_bytes());
    let copy = Copy::new().await;
    let report = copy.try_import(&file, None).await.unwrap();
    assert_eq!(
        statuses(&copy).await,
        [("t-000002".to_owned(), "open".to_owned())]
    );
    assert_eq!(counts(&report), [1, 0, 0, 0, bad.len() as u64]);
    for ((line, expected), (number, problem)) in bad.iter().zip((2..).zip(&report.problems)) {
        let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
        assert_eq!(problem.line, number, "{line}");
        assert!(
            problem.problem.contains(expected),
            "{line}\n{}",
            problem.problem
        );
    }
}

#[tokio::test]
async fn of_each_field_the_last_word_stays() {
    let copy = Copy::new().await;
    copy.import(TASK).await;
    copy.world.clock.advance(100_000);
    let change = Changes {
        title: Some("here".to_owned()),
        add_labels: vec!["here".to_owned()],
        ..Changes::default()
    };
    copy.tracker()
        .update("t-000001", &change, None)
        .await
        .unwrap();
    let there = edited("\"one\"", "\"there\"").replace(
        "\"priority\":2",
        r#""priority":0,"stamps":{"title":"1970-01-01T00:17:40Z","priority":"1970-01-01T00:17:40Z"},"labels":[{"label":"there","at":"1970-01-01T00:17:40Z"}]"#,
    );
    let report = copy.import(&there).await;
    assert_eq!(counts(&report), [0, 1, 0, 0, 0]);
    let out = copy.export().await;
    for told in [
        "\"title\":\"here\"",
        "\"priority\":0",
        "\"label\":\"here\"",
        "\"label\":\"there\"",
    ] {
        assert!(out.contains(told), "{told}\n{out}");
    }
    // What it does not name stays; what it says again is no news.
    assert_eq!(counts(&copy.import(&there).await), [0, 0, 0, 1, 0]);
    assert_eq!(
        counts(&copy.import("{\"ostler_tasks\":1}").await),
        [0, 0, 0, 0, 0]
    );
    assert_eq!(copy.export().await, out);
}

#[tokio::test]
async fn a_conflict_of_git_is_merged_line_by_line() {
    let ours = edited("\"one\"", "\"ours\"").replace(
        "\"writes\"",
        r#""stamps":{"title":"1970-01-01T00:17:40Z"},"writes""#,
    );
    let theirs = edited("\"priority\":2", "\"priority\":1").replace(
        "\"writes\"",
        r#""stamps":{"priority":"1970-01-01T00:17:40Z"},"writes""#,
    );
    let copy = Copy::new().await;
    let file = format!("<<<<<<< HEAD\n{ours}\n=======\n{theirs}\n>>>>>>> theirs\n");
    let report = copy.import(file).await;
    assert_eq!(counts(&report), [1, 0, 0, 0, 3]);
    let out = copy.export().await;
    assert!(
        out.contains(r#""title":"ours","kind":"task","priority":1"#),
        "{out}"
    );
}

#[tokio::test]
async fn a_claim_outlasts_what_others_say_of_its_task() {
    let copy = Copy::new().await;
    copy.import(format!("{TASK}\n{}", edited("t-000001", "t-000002")))
        .await;
    let session = copy.world.session("s");
    for id in ["t-000001", "t-000002"] {
        session.claim(id, None).await.unwrap();
    }
    let gone = r#"{"id":"t-000002","gone":"1970-01-01T00:33:20Z","by":"person","why":"so"}"#;
    let file = format!("{}\n{gone}", closed("t-000001", ""));
    let report = copy.import(&file).await;
    let remarks: Vec<&str> = report.remarks.iter().map(|it| it.remark.as_str()).collect();
    assert!(
        remarks[0].starts_with("was closed elsewhere; somebody works on it"),
        "{remarks:?}"
    );
    assert!(remarks[1].starts_with("was deleted elsewhere at 1970-01-01T00:33:20Z; somebody"));
    for id in ["t-000001", "t-000002"] {
        assert_eq!(status(&copy, id).await, "in_progress");
        session.release(id, None, "done with it").await.unwrap();
    }
    assert_eq!(counts(&copy.import(&file).await), [0, 1, 1, 0, 0]);
    assert_eq!(
        statuses(&copy).await,
        [("t-000001".to_owned(), "closed".to_owned())]
    );
}

#[tokio::test]
async fn an_open_child_keeps_its_parent_open_wherever_that_was_closed() {
    let child =
        edited("t-000001", "t-000002").replace("\"writes\"", "\"parent\":\"t-000001\",\"writes\"");
    let parent = closed("t-000001", "");
    for order in [[TASK, &child, &parent, ""], [&parent, "", &child, ""]] {
        let copy = Copy::new().await;
        copy.import(format!("{}\n{}", order[0], order[1])).await;
        let report = copy.import(format!("{}\n{}", order[2], order[3])).await;
        let remark = &report.remarks[0];
        assert_eq!(
            (remark.task.as_str(), remark.remark.as_str()),
            (
                "t-000001",
                "is open although it was closed: t-000002 below it is open"
            )
        );
        assert_eq!(status(&copy, "t-000001").await, "open");
        // When the child is closed too, the parent's close counts.
        let both = format!(
            "{}\n{parent}",
            closed("t-000002", ",\"parent\":\"t-000001\"")
        );
        copy.import(both).await;
        assert_eq!(status(&copy, "t-000001").await, "closed");
    }
}

#[tokio::test]
async fn what_would_close_a_circle_is_left_out_and_told() {
    let waits = |id: &str, other: &str, second: u8| {
        named(id).replace(
            "\"writes\"",
            &format!(
                r#""edges":[{{"kind":"blocked_by","task":"{other}","at":"1970-01-01T00:16:{second}Z"}}],"writes""#
            ),
        )
    };
    let copy = Copy::new().await;
    copy.import(format!(
        "{}\n{}",
        waits("t-000001", "t-000002", 50),
        edited("t-000001", "t-000002")
    ))
    .await;
    let report = copy.import(waits("t-000002", "t-000001", 45)).await;
    let remarks: Vec<_> = report
        .remarks
        .iter()
        .map(|it| (it.task.as_str(), it.remark.as_str()))
        .collect();
    assert_eq!(
        remarks,
        [(
            "t-000001",
            "goes without blocked_by:t-000002, which would close a circle"
        )],
        "the later one goes, also where it was here"
    );
    let next = copy.world.session("s");
    let next = next.claim_next(&Wanted::default(), None).await.unwrap();
    assert_eq!(next.id.as_str(), "t-000001");
}

#[tokio::test]
async fn what_takes_a_person_waits_for_one() {
    let copy = Copy::new().await;
    let gated = edited("\"writes\"", "\"acceptance\":\"it works\",\"writes\"");
    copy.import(format!("{gated}\n{}", edited("t-000001", "t-000002")))
        .await;
    let gone = r#"{"id":"t-000002","gone":"1970-01-01T00:33:20Z","by":"person","why":"so"}"#;
    let file = format!("{}\n{gone}", closed("t-000001", ""));
    let report = copy
        .run(&mut file.as_bytes(), None, false, false)
        .await
        .unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 1, 0]);
    assert_eq!(report.remarked, 2);
    assert!(
        report
            .remarks
            .iter()
            .all(|it| it.remark.ends_with("at a terminal")),
        "{report:?}"
    );
    assert_eq!(
        [
            status(&copy, "t-000001").await,
            status(&copy, "t-000002").await
        ],
        ["open", "open"]
    );
    copy.import(&file).await;
    assert_eq!(
        statuses(&copy).await,
        [("t-000001".to_owned(), "closed".to_owned())]
    );
}

#[tokio::test]
async fn a_task_of_another_project_stays_that() {
    let copy = Copy::new().await;
    copy.import(TASK).await;
    let store = &copy.world.store;
    let other = store.project(&crate::ids::RandomIds, "/other", 1);
    let other = other.await.unwrap();
    let tracker = Tracker {
        project: &other,
        ..copy.tracker()
    };
    let file = format!(
        "{}\n{}",
        edited("\"one\"", "\"mine\""),
        edited("t-000001", "t-000002")
    );
    let import = Import {
        input: &mut file.as_bytes(),
        from: None,
        told_ms: 1,
        at_terminal: true,
        dry_run: false,
        progress: &mut |_, _| {},
    };
    let report = tracker.import(import).await.unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 1]);
    let problem = &report.problems[0];
    assert_eq!(problem.line, 1);
    assert_eq!(
        problem.problem,
        "t-000001 is the id of a task of another project here"
    );
    assert!(copy.export().await.contains("\"title\":\"one\""));
}

#[tokio::test]
async fn who_may_not_and_what_is_nothing_is_refused_as_a_whole() {
    let copy = Copy::new().await;
    let refused = |text: &'static str, actor: Actor| {
        let copy = &copy;
        async move {
            let import = Import {
                input: &mut text.as_bytes(),
                from: None,
                told_ms: 1,
                at_terminal: true,
                dry_run: false,
                progress: &mut |_, _| {},
            };
            copy.world.tracker(actor).import(import).await.unwrap_err()
        }
    };
    let session = Actor::Session {
        id: "s".to_owned(),
        dies_with: None,
    };
    assert_eq!(
        refused(TASK, session).await.to_string(),
        "only a person can import tasks"
    );
    let newer = refused("{\"ostler_tasks\":2}\n{\"new\":1}", Actor::Person).await;
    assert!(matches!(newer, TransferError::Newer { found: 2, known: 1 }));
    let unknown = refused("a,b,c\n1,2,3\n", Actor::Person).await;
    assert!(matches!(unknown, TransferError::Unknown { .. }));
    let broken = refused("[{\"number\":1},", Actor::Person).await;
    assert!(matches!(broken, TransferError::Unknown { .. }));
}

#[tokio::test]
async fn what_somebody_changes_between_two_pages_counts_for_the_second() {
    // Each waits for the other, the first for the later reason; the last is on another page.
    let waits = |id: &str, other: &str, second: u8| {
        named(id).replace(
            "\"writes\"",
            &format!(
                r#""edges":[{{"kind":"blocked_by","task":"{other}","at":"1970-01-01T00:16:{second}Z"}}],"writes""#
            ),
        )
    };
    let (first, between, last) = ("t-000001", "t-000002", "t-zzzzzz");
    let mut file = format!("{}\n{}\n", waits(first, last, 50), waits(last, between, 45));
    for number in 100_000..100_600 {
        file += &format!("{}\n", named(&format!("t-{number}")));
    }
    for cuts in [true, false] {
        let copy = Copy::new().await;
        copy.import(format!("{}\n{}", named(first), waits(between, first, 40)))
            .await;
        copy.world.clock.advance(1_000_000);
        let other = |change: Changes| {
            let (home, project) = (copy.world.store.home().to_owned(), &copy.world.project);
            // As another process does it, while the import waits.
            std::thread::scope(|scope| {
                let work = scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        let store = crate::store::Store::open(&home).await.unwrap();
                        let tracker = Tracker {
                            store: &store,
                            project,
                            ..copy.tracker()
                        };
                        tracker.update(between, &change, None).await.unwrap();
                    });
                });
                work.join().unwrap();
            });
        };
        let mut pages = 0;
        let import = Import {
            input: &mut file.as_bytes(),
            from: None,
            told_ms: 1,
            at_terminal: true,
            dry_run: false,
            progress: &mut |_, _| {
                pages += 1;
                if pages == 1 && !cuts {
                    other(Changes {
                        remove_edges: vec![format!("blocked_by:{first}")],
                        ..Changes::default()
                    });
                }
            },
        };
        copy.tracker().import(import).await.unwrap();
        assert!(pages > 1);
        assert_eq!(copy.world.differences().await, []);
        let out = copy.export().await;
        let line = out
            .lines()
            .find(|line| line.contains(&format!("\"id\":\"{first}\"")));
        let task: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
        let edge = &task["edges"][0];
        assert_eq!(
            (edge["task"].as_str(), edge["gone"] == true),
            (Some(last), cuts)
        );
    }
}
