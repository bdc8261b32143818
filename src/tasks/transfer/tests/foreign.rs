//! Files of other trackers, in the shapes in which they are found.

use serde_json::Value;

use super::{Copy, counts};
use crate::tasks::{Changes, Close, Format, Proof, Reason, Report};

const BEADS: &str = include_str!("../../../../tests/fixtures/transfer/beads.jsonl");
const GOBBY: &str = include_str!("../../../../tests/fixtures/transfer/gobby.jsonl");
const TASKMASTER: &str = include_str!("../../../../tests/fixtures/transfer/taskmaster.json");
const OLD_TASKMASTER: &str =
    include_str!("../../../../tests/fixtures/transfer/taskmaster-old.json");
const GITHUB: &str = include_str!("../../../../tests/fixtures/transfer/github.json");
/// After all that is in the files: 2026-06-01.
const NOW_MS: i64 = 1_780_272_000_000;

struct Imported {
    copy: Copy,
    report: Report,
    tasks: Vec<Value>,
}

impl Imported {
    async fn of(text: &str) -> Self {
        let copy = Copy::new().await;
        copy.world.clock.advance(NOW_MS);
        let report = copy.import(text).await;
        let out = copy.export().await;
        let tasks = out
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).unwrap());
        let tasks = tasks.collect();
        // Nothing is doubled by another import, and nothing is new in it.
        let again = copy.import(text).await;
        assert_eq!((again.created, again.updated), (0, 0), "{again:#?}");
        assert_eq!(copy.export().await, out);
        Self {
            copy,
            report,
            tasks,
        }
    }

    fn task(&self, reference: &str) -> &Value {
        let found = self
            .tasks
            .iter()
            .find(|task| task["external_ref"] == reference);
        found.unwrap_or_else(|| panic!("no {reference} in {:#?}", self.tasks))
    }

    fn id(&self, reference: &str) -> &str {
        self.task(reference)["id"].as_str().unwrap()
    }

    /// Edges as `kind reference`.
    fn edges(&self, reference: &str) -> Vec<String> {
        let edges = self.task(reference)["edges"].as_array().cloned();
        let told = |edge: &Value| {
            let other = self
                .tasks
                .iter()
                .find(|task| task["id"] == edge["task"])
                .unwrap();
            format!("{} {}", text(&edge["kind"]), text(&other["external_ref"]))
        };
        edges.unwrap_or_default().iter().map(told).collect()
    }

    fn notes(&self, reference: &str) -> Vec<String> {
        let notes = self.task(reference)["notes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        notes
            .iter()
            .map(|note| format!("{}: {}", text(&note["by"]), text(&note["text"])))
            .collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn labels(task: &Value) -> Vec<&str> {
    let labels = task["labels"].as_array();
    labels
        .into_iter()
        .flatten()
        .map(|label| text(&label["label"]))
        .collect()
}

#[tokio::test]
async fn beads_come_with_edges_comments_and_what_has_no_place() {
    let it = Imported::of(BEADS).await;
    assert_eq!(it.report.format, Format::Beads);
    assert_eq!(counts(&it.report), [5, 0, 0, 0, 2]);
    let problems: Vec<(u64, &str)> = it
        .report
        .problems
        .iter()
        .map(|it| (it.line, it.problem.as_str()))
        .collect();
    assert_eq!(problems[0], (6, "it is a memory, not a task"));
    assert_eq!(problems[1], (8, "`priority` is 9; from 0 to 4 are taken"));
    let epic = it.task("beads:lamp-1");
    assert_eq!(
        epic["description"],
        "From 0 to 100.\n\n## Design\n\nOne value a lamp."
    );
    assert_eq!(epic["acceptance"], "`lampctl dim 40` dims");
    assert_eq!(
        (&epic["kind"], &epic["priority"]),
        (&"epic".into(), &1.into())
    );
    assert_eq!(epic["estimate_min"], 240);
    assert_eq!(epic["created"], "2026-01-02T18:00:00.123Z");
    assert_eq!(
        (text(&epic["created_by"]), text(&epic["updated"])),
        ("beads:ada", "2026-01-05T09:30:00Z")
    );
    assert_eq!(labels(epic), ["light-fixtures", "p1"]);
    let notes = it.notes("beads:lamp-1");
    assert_eq!(notes[0], "beads:crew/bo: Mind the old lamps.");
    assert!(
        notes.contains(&"person: asked for twice".to_owned()),
        "{notes:?}"
    );
    assert!(
        notes.contains(
            &"person: beads:lamp-1 also says\nassignee: crew/ada\nowner: ada@example.org\nexternal_ref: gh-9"
                .to_owned()
        ),
        "{notes:?}"
    );
    let stored = it.task("beads:lamp-1.1");
    assert_eq!(
        (&stored["status"], &stored["reason"]),
        (&"closed".into(), &"done".into())
    );
    assert_eq!(
        (text(&stored["why"]), text(&stored["closed"])),
        ("Stored in the state file", "2026-01-04T12:00:00Z")
    );
    assert_eq!(text(&stored["parent"]), it.id("beads:lamp-1"));
    // The parent among what it waits for would be a circle.
    assert_eq!(it.edges("beads:lamp-1.2"), ["blocked_by beads:lamp-1.1"]);
    assert_eq!(it.task("beads:lamp-1.2")["status"], "open");
    let flicker = it.task("beads:lamp-2");
    assert_eq!(
        (text(&flicker["kind"]), text(&flicker["defer_until"])),
        ("question", "9999-01-01T00:00:00Z")
    );
    assert_eq!(
        it.edges("beads:lamp-2"),
        ["related beads:lamp-1", "discovered_from beads:lamp-1.2"]
    );
    assert_eq!(
        it.edges("beads:lamp-4"),
        ["on_failure beads:lamp-1.1", "waits_children beads:lamp-1"]
    );
    let remarks: Vec<&str> = it
        .report
        .remarks
        .iter()
        .map(|it| it.remark.as_str())
        .collect();
    assert_eq!(
        remarks,
        ["goes without blocked_by:beads:lamp-wisp-x, which is not there"]
    );
    let aside: Vec<(&str, u64)> = it
        .report
        .aside
        .iter()
        .map(|(name, of)| (name.as_str(), *of))
        .collect();
    assert!(
        aside.contains(&("assignee", 1)) && aside.contains(&("status", 3)),
        "{aside:?}"
    );
}

#[tokio::test]
async fn gobby_comes_in_both_of_its_forms() {
    let it = Imported::of(GOBBY).await;
    assert_eq!(it.report.format, Format::Gobby);
    assert_eq!(counts(&it.report), [4, 0, 0, 0, 0]);
    let bread = it.id("gobby:gt-00a1b2").to_owned();
    let seeds = it.task("gobby:gt-00a1b3");
    assert_eq!(
        (text(&seeds["parent"]), text(&seeds["reason"])),
        (bread.as_str(), "done")
    );
    assert_eq!(seeds["closed"], "2025-12-18T00:00:00Z");
    assert_eq!(it.edges("gobby:gt-00a1b3"), Vec::<String>::new());
    let knead = it.task("gobby:0a7d2c44-6a0e-4d7c-9a51-2f1f5d1e0001");
    assert_eq!(
        (&knead["priority"], text(&knead["kind"])),
        (&0.into(), "feature")
    );
    assert_eq!(
        (text(&knead["reason"]), text(&knead["why"])),
        ("done", "already_implemented")
    );
    assert_eq!(knead["acceptance"], "The dough does not tear");
    assert_eq!(labels(knead), ["by-hand", "dough"]);
    let links: Vec<&str> = knead["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["target"]))
        .collect();
    assert_eq!(links, ["13ac876e", "13ac876e0", "aaa9c4560"]);
    let bake = "gobby:0a7d2c44-6a0e-4d7c-9a51-2f1f5d1e0002";
    assert_eq!(it.task(bake)["status"], "open");
    assert_eq!(
        it.edges(bake),
        ["blocked_by gobby:0a7d2c44-6a0e-4d7c-9a51-2f1f5d1e0001"]
    );
    let notes = it.notes(bake).join("\n");
    assert!(
        notes.contains("status: escalated") && notes.contains("escalation_reason: no oven"),
        "{notes}"
    );
}

#[tokio::test]
async fn task_master_comes_with_tags_subtasks_and_both_kinds_of_ids() {
    let it = Imported::of(TASKMASTER).await;
    assert_eq!(it.report.format, Format::Taskmaster);
    assert_eq!(counts(&it.report), [8, 0, 0, 0, 1]);
    let problem = &it.report.problems[0];
    assert_eq!(
        (problem.line, problem.problem.as_str()),
        (42, "`dependencies` is an object, not a list")
    );
    let keel = it.task("taskmaster:master/1");
    assert_eq!(
        keel["description"],
        "Oak, in one piece.\n\n## Details\n\nSeason it for a year."
    );
    assert_eq!(keel["acceptance"], "It does not bend under ten men.");
    assert_eq!(
        (&keel["priority"], text(&keel["closed"])),
        (&1.into(), "2026-03-01T12:00:00Z")
    );
    assert_eq!(
        it.edges("taskmaster:master/2"),
        ["blocked_by taskmaster:master/1"]
    );
    assert_eq!(
        it.task("taskmaster:master/2")["updated"],
        "2026-03-02T10:00:00Z"
    );
    let frames = it.id("taskmaster:master/2");
    for subtask in ["2.1", "2.2", "2.2~2"] {
        let subtask = it.task(&format!("taskmaster:master/{subtask}"));
        assert_eq!(text(&subtask["parent"]), frames);
    }
    assert_eq!(
        it.task("taskmaster:master/2.1")["acceptance"],
        "Twelve pairs"
    );
    assert_eq!(it.task("taskmaster:master/2.2~2")["title"], "Fair them");
    assert_eq!(
        it.edges("taskmaster:master/2.2"),
        ["blocked_by taskmaster:master/2.1"]
    );
    let green = it.task("taskmaster:master/3");
    assert_eq!(
        (text(&green["reason"]), text(&green["why"])),
        ("wont_do", "cancelled")
    );
    assert_eq!(
        it.task("taskmaster:master/4")["defer_until"],
        "9999-01-01T00:00:00Z"
    );
    assert_eq!(labels(it.task("taskmaster:rigging/1")), ["rigging"]);
    assert_eq!(it.task("taskmaster:rigging/1")["priority"], 0);
    assert!(
        it.notes("taskmaster:master/2")
            .join("")
            .contains("complexity: 7")
    );

    let old = Imported::of(OLD_TASKMASTER).await;
    assert_eq!(counts(&old.report), [3, 0, 0, 0, 0]);
    // It tells no time at all: that of the file counts.
    assert_eq!(
        old.task("taskmaster:master/1")["created"],
        "1970-01-01T00:15:00Z"
    );
    assert_eq!(
        old.edges("taskmaster:master/2"),
        ["blocked_by taskmaster:master/1"]
    );
}

#[tokio::test]
async fn issues_of_github_come_under_their_repository() {
    let it = Imported::of(GITHUB).await;
    assert_eq!(it.report.format, Format::Github);
    assert_eq!(counts(&it.report), [4, 0, 0, 0, 1]);
    assert_eq!(it.report.problems[0].line, 69);
    let late = it.task("github:acme/vane#12");
    assert_eq!((text(&late["kind"]), &late["priority"]), ("bug", &1.into()));
    assert_eq!(labels(late), ["P1", "bug", "good-first-issue"]);
    assert_eq!(text(&late["parent"]), it.id("github:acme/vane#10"));
    assert_eq!(text(&late["created_by"]), "github:bo");
    let notes = it.notes("github:acme/vane#12").join("\n");
    for told in [
        "github:ada: I see it too.",
        "milestone: 1.3",
        "assignees: ada",
    ] {
        assert!(notes.contains(told), "{told}\n{notes}");
    }
    let moon = it.task("github:acme/vane#11");
    assert_eq!(
        (text(&moon["reason"]), text(&moon["why"])),
        ("wont_do", "not planned")
    );
    assert_eq!(
        it.edges("github:acme/vane#11"),
        ["blocked_by github:acme/vane#12"]
    );
    assert_eq!(it.task("github:acme/vane#9")["reason"], "done");
}

#[tokio::test]
async fn a_later_file_changes_what_it_made_and_what_was_done_since_stays() {
    let it = Imported::of(GITHUB).await;
    let id = it.id("github:acme/vane#12");
    let change = Changes {
        title: Some("Late".to_owned()),
        add_labels: vec!["ours".to_owned()],
        note: Some("seen".to_owned()),
        ..Changes::default()
    };
    it.copy.tracker().update(id, &change, None).await.unwrap();
    let later = GITHUB
        .replace(
            "\"state\": \"OPEN\",\n    \"stateReason\": \"\"",
            "\"state\": \"CLOSED\",\n    \"stateReason\": \"COMPLETED\"",
        )
        .replace(
            "\"updatedAt\": \"2026-04-02T10:00:00Z\"",
            "\"updatedAt\": \"2026-05-01T00:00:00Z\"",
        )
        .replace(
            "\"closedAt\": null",
            "\"closedAt\": \"2026-05-01T00:00:00Z\"",
        );
    let report = it.copy.import(later).await;
    assert_eq!(counts(&report), [0, 1, 0, 3, 1]);
    let out = it.copy.export().await;
    let line = out.lines().find(|line| line.contains("vane#12")).unwrap();
    let task: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (text(&task["title"]), text(&task["reason"])),
        ("Late", "done")
    );
    assert_eq!(labels(&task), ["P1", "bug", "good-first-issue", "ours"]);
}

#[tokio::test]
async fn what_is_too_long_for_a_field_goes_on_in_notes() {
    let long = "é".repeat(40_000);
    let line = serde_json::json!({
        "id": "x-1", "title": "t".repeat(300), "description": long, "status": "open",
        "priority": 2, "issue_type": "task",
        "created_at": "0001-01-01T00:00:00Z", "updated_at": "2090-01-01T00:00:00Z",
    });
    let it = Imported::of(&line.to_string()).await;
    let task = it.task("beads:x-1");
    let kept: usize = text(&task["description"]).chars().count();
    let notes: String = task["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["text"]))
        .collect();
    assert_eq!(kept + notes.matches('é').count(), 40_000);
    assert_eq!(text(&task["title"]).len(), 200);
    assert!(notes.contains(&"t".repeat(300)));
    assert!(
        text(&task["updated"]).starts_with("2026-"),
        "the future has not come: {task}"
    );
}

#[tokio::test]
async fn the_time_of_a_file_is_that_of_no_field() {
    let copy = Copy::new().await;
    let file = OLD_TASKMASTER
        .replace("\"status\": \"pending\"", "\"status\": \"in-progress\"")
        .replace("\"high\"", "\"highest\"");
    copy.import_of(&file, 900_000).await;
    let task = |out: &str, reference: &str| -> Value {
        let line = out.lines().find(|line| line.contains(reference)).unwrap();
        serde_json::from_str(line).unwrap()
    };
    let out = copy.export().await;
    let water = task(&out, "master/2\"");
    let close = Close {
        reason: Reason::WontDo,
        why: "it rains".to_owned(),
        proof: Proof::default(),
        fence: None,
    };
    let can = task(&out, "master/2.1");
    for id in [&can["id"], &water["id"]] {
        copy.tracker().close(text(id), &close).await.unwrap();
    }
    let sow = task(&out, "master/1");
    let id = text(&sow["id"]);
    copy.tracker().reopen(id, "birds").await.unwrap();
    let edge = format!("blocked_by:{id}");
    let change = Changes {
        remove_edges: vec![edge],
        ..Changes::default()
    };
    let id = text(&can["id"]);
    copy.tracker().update(id, &change, None).await.unwrap();
    // The file is touched, and it comes from somewhere without a time.
    let before = copy.export().await;
    copy.world.clock.advance(5_000_000);
    for told_ms in [800_000, 2_000_000, 5_000_000] {
        let report = copy.import_of(&file, told_ms).await;
        assert_eq!(counts(&report), [0, 0, 0, 3, 0]);
        assert_eq!(copy.export().await, before);
    }
    // What was never set here still follows the file.
    let later = file
        .replace("In rows.", "In rows, by hand.")
        .replace("Water", "Rain");
    let report = copy.import_of(&later, 5_500_000).await;
    assert_eq!(counts(&report), [0, 2, 0, 1, 0]);
    let out = copy.export().await;
    let (sow, water) = (task(&out, "master/1"), task(&out, "master/2\""));
    assert_eq!(sow["description"], "In rows, by hand.");
    assert_eq!(
        (&sow["status"], text(&water["title"])),
        (&"open".into(), "Rain")
    );
    assert_eq!(
        (text(&water["reason"]), text(&water["why"])),
        ("wont_do", "it rains")
    );
}

#[tokio::test]
async fn a_later_time_of_an_entry_says_nothing_anew_in_notes() {
    let copy = Copy::new().await;
    copy.world.clock.advance(NOW_MS);
    let entry = |updated: &str| {
        let long = "d".repeat(70_000);
        serde_json::json!({
            "id": "x-1", "title": "one", "description": long, "notes": "asked for twice",
            "comments": ["mind the step"], "assignee": "ada", "status": "open", "priority": 2,
            "issue_type": "task", "created_at": "2026-01-01T00:00:00Z", "updated_at": updated,
        })
        .to_string()
    };
    let notes = async || {
        let out = copy.export().await;
        let task: Value = serde_json::from_str(out.lines().nth(1).unwrap()).unwrap();
        task["notes"].clone()
    };
    copy.import(entry("2026-01-02T00:00:00Z")).await;
    let before = notes().await;
    assert_eq!(before.as_array().map(Vec::len), Some(4), "{before:#}");
    copy.import(entry("2026-01-03T00:00:00Z")).await;
    assert_eq!(notes().await, before);
}

#[tokio::test]
async fn secrets_are_out_of_what_is_compared_too() {
    const SECRET: &str = "gh-0123456789";
    let mut copy = Copy::new().await;
    let hidden = [("MY_API_TOKEN".to_owned(), SECRET.to_owned())];
    copy.world.store = copy.world.store.hiding(hidden);
    copy.world.clock.advance(NOW_MS);
    let foreign = serde_json::json!({
        "id": format!("x-{SECRET}"), "title": format!("use {SECRET}"), "description": SECRET,
        "acceptance_criteria": SECRET, "notes": SECRET, "assignee": SECRET, "status": "closed",
        "close_reason": SECRET, "priority": 2, "issue_type": "task", "labels": [SECRET],
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
    })
    .to_string();
    let own = format!(
        r#"{{"id":"t-000001","title":"{SECRET}","kind":"task","priority":2,"status":"open","description":"{SECRET}","writes":true,"created":"2026-01-01T00:00:00Z","created_by":"person","updated":"2026-01-01T00:00:00Z","notes":[{{"id":"n-000001","at":"2026-01-01T00:00:00Z","kind":"note","by":"person","text":"{SECRET}"}}]}}"#
    );
    for text in [foreign, own] {
        let report = copy.import(&text).await;
        assert_eq!(counts(&report), [1, 0, 0, 0, 0], "{report:#?}");
        let out = copy.export().await;
        assert!(!out.contains(SECRET), "{out}");
        let again = copy.import(&text).await;
        assert_eq!(counts(&again), [0, 0, 0, 1, 0], "{again:#?}");
        assert_eq!(copy.export().await, out);
    }
}
