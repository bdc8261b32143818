//! Pictures of made-up tasks.

use super::*;
use crate::tasks::Kind;

fn task(id: &str, title: &str, parent: Option<&str>) -> TaskLine {
    TaskLine {
        id: TaskId::stored(id.to_owned()),
        title: title.to_owned(),
        status: "ready",
        priority: None,
        kind: Some(Kind::Epic),
        labels: Vec::new(),
        parent: parent.map(|id| TaskId::stored(id.to_owned())),
        children: None,
        holder: None,
        waits_for: Vec::new(),
    }
}

fn edge(task: &str, kind: EdgeKind, other: &str) -> Link {
    Link {
        task: TaskId::stored(task.to_owned()),
        kind,
        other: TaskId::stored(other.to_owned()),
        holds: kind.blocks(),
    }
}

fn network(tasks: Vec<TaskLine>, edges: Vec<Link>) -> Network {
    Network {
        tasks,
        edges,
        ..Network::default()
    }
}

#[test]
fn a_tree_hangs_children_below_their_parents() {
    let network = network(
        vec![
            task("t-1", "root", None),
            task("t-4", "leaf", Some("t-2")),
            task("t-2", "left", Some("t-1")),
            task("t-3", "right", Some("t-1")),
            task("t-5", "parent elsewhere", Some("t-9")),
            task("t-6", "last leaf", Some("t-3")),
        ],
        Vec::new(),
    );
    let tree: Vec<String> = network
        .tree()
        .iter()
        .map(|branch| format!("{}{}", branch.lead, branch.task.title))
        .collect();
    assert_eq!(
        tree,
        [
            "root",
            "├─ left",
            "│  └─ leaf",
            "└─ right",
            "   └─ last leaf",
            "parent elsewhere"
        ]
    );
}

#[test]
fn a_graph_is_drawn_in_three_languages() {
    let mut network = network(
        vec![
            task("t-3", "last", Some("t-1")),
            task("t-2", "middle", None),
            task("t-1", "first", None),
        ],
        vec![
            edge("t-3", EdgeKind::BlockedBy, "t-2"),
            edge("t-2", EdgeKind::OnFailure, "t-1"),
            edge("t-1", EdgeKind::Related, "t-3"),
        ],
    );
    assert_eq!(
        network.text(),
        "t-1 ready  first\n  related t-3\n\
         t-2 ready  middle\n  on_failure t-1\n\
         t-3 ready  last\n  part of t-1\n  blocked_by t-2\n"
    );
    let mermaid = network.mermaid();
    for line in [
        "flowchart TD",
        "  t_3[\"t-3 last (ready)\"]:::ready",
        "  t_1 -.- t_3",
        "  t_2 --> t_3",
        "  t_1 -->|on_failure| t_2",
        "  t_1 -.->|related| t_3",
    ] {
        assert!(mermaid.lines().any(|it| it == line), "{line}\n{mermaid}");
    }
    let dot = network.dot();
    for line in [
        "  t_3 [label=\"t-3 last (ready)\", fillcolor=\"#b7e4c7\"];",
        "  t_2 -> t_3;",
        "  t_1 -> t_2 [label=\"on_failure\"];",
        "  t_1 -> t_3 [label=\"related\", style=dashed, constraint=false];",
        "}",
    ] {
        assert!(dot.lines().any(|it| it == line), "{line}\n{dot}");
    }
    network.cut = true;
    assert!(
        network
            .mermaid()
            .ends_with("%% only the first 3 tasks are here\n")
    );
    assert!(
        network
            .dot()
            .ends_with("// only the first 3 tasks are here\n")
    );
    assert!(
        network
            .text()
            .ends_with("\nonly the first 3 tasks are here\n")
    );
}

#[test]
fn no_title_breaks_out() {
    let hostile = "x\"]; end\n t_2 --> t_3 %%{init: {}}%% `a` <b>&#35; \\\" style a:b#c;";
    let network = network(vec![task("t-1", hostile, None)], Vec::new());
    let mermaid = network.mermaid();
    let node = mermaid.lines().nth(1).unwrap();
    let text = node
        .strip_prefix("  t_1[\"")
        .and_then(|rest| rest.strip_suffix("\"]:::ready"))
        .unwrap();
    // What is left of the numbers is text.
    let mut plain = String::new();
    let mut parts = text.split('#');
    plain += parts.next().unwrap();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap();
        assert!(number.parse::<u32>().is_ok(), "{text}");
        plain += rest;
    }
    assert!(!plain.contains(['"', '[', ']', '{', '}', '`', '<', '>', '%', ':', ';', '\n']));

    let dot = network.dot();
    let node = dot.lines().nth(3).unwrap();
    let text = node.strip_prefix("  t_1 [label=\"").unwrap();
    let mut escaped = false;
    let end = text.chars().position(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let rest: String = text.chars().skip(end.unwrap()).collect();
    assert_eq!(rest, "\", fillcolor=\"#b7e4c7\"];");
    assert_eq!(network.text().lines().count(), 1);
}

#[test]
fn a_circle_from_elsewhere_is_drawn_all_the_same() {
    let network = network(
        vec![task("t-1", "one", None), task("t-2", "two", None)],
        vec![
            edge("t-1", EdgeKind::BlockedBy, "t-2"),
            edge("t-2", EdgeKind::BlockedBy, "t-1"),
        ],
    );
    assert_eq!(network.text().lines().count(), 4);
}
