//! How SQLite goes about the statements that everything waits for.

use super::super::*;
use super::World;

fn named(all: &'static [(&'static str, &'static str)], name: &str) -> (&'static str, &'static str) {
    *all.iter().find(|(it, _)| *it == name).unwrap()
}

#[tokio::test]
async fn the_best_ready_task_is_the_first_of_an_index() {
    let world = World::new().await;
    let plan = world.plan(named(claim::ALL, "BEST").1).await;
    let reads = "SEARCH task USING INDEX task_ready (project_id=?)";
    assert_eq!(plan.first().map(String::as_str), Some(reads), "{plan:#?}");
    assert!(
        !plan.iter().any(|step| step.contains("ORDER BY")),
        "{plan:#?}"
    );
}

/// Changes of the graph look at what hangs on a task, and never at all that there is.
#[tokio::test]
async fn no_change_of_the_graph_walks_through_all_tasks() {
    let world = World::new().await;
    let all = [
        claim::ALL,
        close::ALL,
        create::ALL,
        update::ALL,
        remove::ALL,
        rows::ALL,
        graph::cycle::ALL,
        graph::edges::ALL,
        graph::family::ALL,
        graph::settle::ALL,
    ];
    for statement in all.concat() {
        let plan = world.plan(statement.1).await;
        let walks = |step: &String| {
            // All of a project is all there is, for most.
            if step.ends_with("(project_id=?)") && statement.0 != "BEST" {
                return true;
            }
            let mut words = step.split(' ');
            let scan = words.next() == Some("SCAN");
            scan && words.next().is_some_and(|table| {
                [
                    "task",
                    "t",
                    "e",
                    "b",
                    "p",
                    "c",
                    "l",
                    "task_edge",
                    "task_label",
                    "task_note",
                ]
                .contains(&table)
            })
        };
        assert!(!plan.iter().any(walks), "{}: {plan:#?}", statement.0);
    }
}
