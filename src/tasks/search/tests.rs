//! Searching, on a real file.

use crate::tasks::list::Listing;
use crate::tasks::model::View;
use crate::tasks::tests::World;
use crate::tasks::{NewTask, TaskError, Tracker};

fn task(title: &str, description: &str) -> NewTask {
    NewTask {
        title: title.to_owned(),
        description: description.to_owned(),
        ..NewTask::default()
    }
}

fn asking(text: &str) -> Listing {
    Listing {
        query: Some(text.to_owned()),
        ..Listing::of(View::All)
    }
}

async fn found(tracker: &Tracker<'_>, text: &str) -> Vec<String> {
    let page = tracker.list(&asking(text)).await.unwrap();
    page.items.into_iter().map(|line| line.title).collect()
}

#[tokio::test]
async fn words_are_found_the_title_first() {
    let world = World::new().await;
    let tracker = world.session("s");
    let accepted = NewTask {
        acceptance: "the parser keeps comments".into(),
        ..task("rework", "")
    };
    tracker
        .create(&[
            task("notes", "a word about the parser"),
            accepted,
            task("Parsers fail on cafés", ""),
            task("write the changelog", "nothing else"),
        ])
        .await
        .unwrap();
    assert_eq!(
        found(&tracker, "parser").await,
        ["Parsers fail on cafés", "rework", "notes"]
    );
    assert_eq!(found(&tracker, "PARSER comment").await[0], "rework");
    assert_eq!(found(&tracker, "cafe").await, ["Parsers fail on cafés"]);
    assert_eq!(found(&tracker, "chang").await, ["write the changelog"]);
    assert_eq!(found(&tracker, "nowhere").await, Vec::<String>::new());
}

#[tokio::test]
async fn any_word_is_enough_only_where_too_few_have_all() {
    let world = World::new().await;
    let tracker = world.session("s");
    tracker
        .create(&[
            task("red green", ""),
            task("red blue", ""),
            task("green", ""),
            task("yellow", ""),
        ])
        .await
        .unwrap();
    let few = found(&tracker, "red green").await;
    assert_eq!(few.len(), 3, "{few:?}");
    assert_eq!(few[0], "red green");
    tracker
        .create(&[task("green and red", ""), task("so red, so green", "")])
        .await
        .unwrap();
    assert_eq!(found(&tracker, "red green").await.len(), 3);
    assert!(
        !found(&tracker, "red green")
            .await
            .contains(&"green".to_owned())
    );
}

#[tokio::test]
async fn an_id_and_a_name_elsewhere_find_their_task() {
    let world = World::new().await;
    let tracker = world.session("s");
    let created = tracker
        .create(&[
            NewTask {
                external_ref: "gh-12".into(),
                ..task("from elsewhere", "")
            },
            task("speaks of gh-12", ""),
        ])
        .await
        .unwrap();
    let id = created[0].id.to_string();
    assert_eq!(found(&tracker, &id).await, ["from elsewhere"]);
    assert_eq!(
        found(&tracker, &id.to_uppercase()).await,
        ["from elsewhere"]
    );
    assert_eq!(
        found(&tracker, " gh-12 ").await,
        ["from elsewhere", "speaks of gh-12"]
    );
}

#[tokio::test]
async fn no_query_is_syntax() {
    let world = World::new().await;
    let tracker = world.session("s");
    tracker
        .create(&[task("near and not or", "title: x")])
        .await
        .unwrap();
    for text in [
        "\"",
        "near\"",
        "NEAR(a b)",
        "not",
        "a OR",
        "AND",
        "title:x",
        "-x",
        "x*",
        "^near",
        "(",
        "{a b}",
        "'; DROP TABLE task; --",
        "near + and",
        "a\0b",
        "\u{903}",
        "\u{1f980} near",
    ] {
        match tracker.list(&asking(text)).await {
            Ok(_) => {}
            Err(TaskError::BadValue { field: "query", .. }) => {}
            Err(error) => panic!("{text:?}: {error}"),
        }
    }
    assert_eq!(found(&tracker, "not AND \"near\"").await.len(), 1);
    let refused = tracker.list(&asking(" -- ")).await.unwrap_err();
    assert_eq!(refused.to_string(), "`query` holds no word to look for");
}

#[tokio::test]
async fn hits_are_paged_each_once() {
    let world = World::new().await;
    let tracker = world.session("s");
    let reference = |title: &str| NewTask {
        external_ref: "alpha beta".into(),
        ..task(title, "")
    };
    let mut tasks: Vec<NewTask> = (0..7).map(|at| task(&format!("alpha {at}"), "")).collect();
    tasks.extend([
        task("beta alpha", ""),
        task("alpha of beta", ""),
        task("beta", ""),
    ]);
    tracker.create(&tasks).await.unwrap();
    for named in [0, 2] {
        if named > 0 {
            tracker
                .create(&[reference("one"), reference("two alpha beta")])
                .await
                .unwrap();
        }
        let whole = found(&tracker, "alpha beta").await;
        for limit in [1, 3, 4] {
            let mut listing = Listing {
                limit,
                ..asking("alpha beta")
            };
            let mut paged = Vec::new();
            loop {
                let page = tracker.list(&listing).await.unwrap();
                paged.extend(page.items.into_iter().map(|line| line.title));
                match page.next_cursor {
                    Some(cursor) => listing.cursor = Some(cursor),
                    None => break,
                }
            }
            assert_eq!(paged, whole, "{limit} a page");
        }
        let expected = if named == 0 { 10 } else { 4 };
        assert_eq!(whole.len(), expected, "{whole:?}");
    }
}

#[tokio::test]
async fn a_view_is_searched_in_itself() {
    let world = World::new().await;
    let tracker = world.session("s");
    let created = tracker
        .create(&[task("alpha one", ""), task("alpha two", "")])
        .await
        .unwrap();
    tracker.claim(created[0].id.as_str(), None).await.unwrap();
    for (view, expected) in [
        (View::Ready, vec!["alpha two"]),
        (View::Mine, vec!["alpha one"]),
        (View::Blocked, vec![]),
        (View::Closed, vec![]),
    ] {
        let listing = Listing {
            view,
            ..asking("alpha")
        };
        let page = tracker.list(&listing).await.unwrap();
        let titles: Vec<String> = page.items.into_iter().map(|line| line.title).collect();
        assert_eq!(titles, expected, "{view}");
    }
}

#[tokio::test]
async fn among_open_tasks_none_that_is_closed_is_looked_at() {
    let world = World::new().await;
    let views = [
        (super::READY, "task_ready"),
        (super::BLOCKED, "task_held"),
        (super::MINE, "task_holder"),
        (super::OPEN, "task_open"),
    ];
    for (sql, index) in views {
        let plan = world.plan(sql).await;
        let collected = format!("SEARCH task USING INDEX {index} ");
        assert!(
            plan.iter().any(|step| step.starts_with(&collected)),
            "{index}: {plan:#?}"
        );
        assert!(
            !plan.iter().any(|step| step.contains("task_all")),
            "{index}: {plan:#?}"
        );
    }
}
