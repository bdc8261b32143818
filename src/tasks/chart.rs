//! Pictures of tasks: a tree, and a graph in the languages of Mermaid and Graphviz or as text. A title
//! is text in all of them, whatever it holds.

use std::collections::{HashMap, HashSet};

use super::brief::TaskLine;
use super::model::EdgeKind;
use super::network::{Link, Network};
use crate::ids::TaskId;
use crate::text::one_line;

/// Characters of a title within a picture.
const TITLE: usize = 60;

/// One line of a tree: what leads to it, and the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch<'a> {
    /// Lines that lead to it: `│  ├─ `.
    pub lead: String,
    /// The task.
    pub task: &'a TaskLine,
}

impl Network {
    /// The tasks under their parents; one whose parent is not here stands at the left.
    pub fn tree(&self) -> Vec<Branch<'_>> {
        let here: HashSet<&TaskId> = self.tasks.iter().map(|task| &task.id).collect();
        let mut children: HashMap<&TaskId, Vec<&TaskLine>> = HashMap::new();
        let mut roots = Vec::new();
        for task in &self.tasks {
            match task.parent.as_ref().filter(|parent| here.contains(parent)) {
                Some(parent) => children.entry(parent).or_default().push(task),
                None => roots.push(task),
            }
        }
        let mut tree = Vec::with_capacity(self.tasks.len());
        // What is to be drawn next lies on top: with what leads to it, and to its children.
        let mut open: Vec<(String, String, &TaskLine)> = Vec::new();
        open.extend(
            roots
                .into_iter()
                .rev()
                .map(|task| (String::new(), String::new(), task)),
        );
        while let Some((lead, below, task)) = open.pop() {
            tree.push(Branch { lead, task });
            let parts = children.remove(&task.id).unwrap_or_default();
            for (at, part) in parts.into_iter().rev().enumerate() {
                let (here, further) = match at {
                    0 => ("└─ ", "   "),
                    _ => ("├─ ", "│  "),
                };
                open.push((format!("{below}{here}"), format!("{below}{further}"), part));
            }
        }
        tree
    }

    /// The graph for Mermaid, which GitHub and many editors draw.
    pub fn mermaid(&self) -> String {
        let mut text = "flowchart TD\n".to_owned();
        for task in self.all() {
            let label = mermaid_text(&label(task));
            let class = class(task);
            text += &format!("  {}[\"{label}\"]:::{class}\n", node(&task.id));
        }
        for (parent, child) in self.families() {
            text += &format!("  {} -.- {}\n", node(parent), node(child));
        }
        for edge in &self.edges {
            let (from, to) = (node(&edge.other), node(&edge.task));
            text += &match edge.kind {
                EdgeKind::BlockedBy => format!("  {from} --> {to}\n"),
                kind if kind.blocks() => format!("  {from} -->|{kind}| {to}\n"),
                kind => format!("  {to} -.->|{kind}| {from}\n"),
            };
        }
        for (class, colour, _) in CLASSES {
            text += &format!("  classDef {class} fill:{colour},stroke:#555,color:#000\n");
        }
        text + &self.remark("%% ")
    }

    /// The graph for Graphviz.
    pub fn dot(&self) -> String {
        let mut text =
            "digraph tasks {\n  rankdir=TB;\n  node [shape=box, style=filled];\n".to_owned();
        for task in self.all() {
            let label = dot_text(&label(task));
            let class = class(task);
            let colour = CLASSES.iter().find(|(name, ..)| *name == class);
            let colour = colour.map_or("#ffffff", |(_, colour, _)| *colour);
            text += &format!(
                "  {} [label=\"{label}\", fillcolor=\"{colour}\"];\n",
                node(&task.id)
            );
        }
        for (parent, child) in self.families() {
            text += &format!(
                "  {} -> {} [style=dotted, arrowhead=none];\n",
                node(parent),
                node(child)
            );
        }
        for edge in &self.edges {
            let (from, to) = (node(&edge.other), node(&edge.task));
            text += &match edge.kind {
                EdgeKind::BlockedBy => format!("  {from} -> {to};\n"),
                kind if kind.blocks() => format!("  {from} -> {to} [label=\"{kind}\"];\n"),
                kind => {
                    format!(
                        "  {to} -> {from} [label=\"{kind}\", style=dashed, constraint=false];\n"
                    )
                }
            };
        }
        text + "}\n" + &self.remark("// ")
    }

    /// The graph as lines: each task behind what holds it, with its edges below it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for task in self.in_order() {
            text += &format!("{} {}  {}\n", task.id, task.status, title(task));
            if let Some(parent) = &task.parent {
                text += &format!("  part of {parent}\n");
            }
            for edge in self.edges.iter().filter(|edge| edge.task == task.id) {
                let holds = if edge.holds { "" } else { " (does not hold)" };
                let holds = if edge.kind.blocks() { holds } else { "" };
                text += &format!("  {} {}{holds}\n", edge.kind, edge.other);
            }
        }
        text + &self.remark("")
    }

    fn all(&self) -> impl Iterator<Item = &TaskLine> {
        self.tasks.iter().chain(&self.outside)
    }

    /// Parents and children that are both here.
    fn families(&self) -> Vec<(&TaskId, &TaskId)> {
        let here: HashSet<&TaskId> = self.all().map(|task| &task.id).collect();
        let pair = |task: &'_ TaskLine| here.get(task.parent.as_ref()?).copied();
        self.all()
            .filter_map(|task| Some((pair(task)?, &task.id)))
            .collect()
    }

    /// All tasks, none before those that hold it.
    fn in_order(&self) -> Vec<&TaskLine> {
        let by_id: HashMap<&TaskId, &TaskLine> = self.all().map(|task| (&task.id, task)).collect();
        let blocks = |edge: &&Link| edge.kind.blocks();
        let mut waits_for: HashMap<&TaskId, Vec<&TaskId>> = HashMap::new();
        for edge in self.edges.iter().filter(blocks).rev() {
            waits_for.entry(&edge.task).or_default().push(&edge.other);
        }
        let mut done: HashSet<&TaskId> = HashSet::new();
        let mut order = Vec::new();
        for task in self.all() {
            let mut open = vec![&task.id];
            while let Some(id) = open.last().copied() {
                // Looked at once: what it waits for is drawn by then.
                let before = waits_for.remove(id).unwrap_or_default();
                let left = before.into_iter().filter(|other| !done.contains(other));
                let known = open.len();
                open.extend(left);
                if open.len() > known {
                    continue;
                }
                open.pop();
                if done.insert(id) {
                    order.extend(by_id.get(id).copied());
                }
            }
        }
        order
    }

    /// What has to be said when there is more than is drawn.
    fn remark(&self, lead: &str) -> String {
        match self.cut {
            true => format!("{lead}only the first {} tasks are here\n", self.tasks.len()),
            false => String::new(),
        }
    }
}

/// How tasks are coloured, by where they stand.
const CLASSES: [(&str, &str, &[&str]); 4] = [
    ("ready", "#b7e4c7", &["ready"]),
    ("working", "#ffe08a", &["in_progress"]),
    ("waiting", "#f4c7c3", &["blocked", "waits", "deferred"]),
    (
        "closed",
        "#dddddd",
        &["done", "wont_do", "duplicate", "superseded"],
    ),
];

fn class(task: &TaskLine) -> &'static str {
    let class = CLASSES.iter().find(|(.., of)| of.contains(&task.status));
    class.map_or("waiting", |(name, ..)| *name)
}

/// An identifier in both languages.
fn node(id: &TaskId) -> String {
    id.as_str().replace('-', "_")
}

fn title(task: &TaskLine) -> String {
    one_line(&task.title, TITLE)
}

fn label(task: &TaskLine) -> String {
    format!("{} {} ({})", task.id, title(task), task.status)
}

/// Text between the quotes of Mermaid: whatever is not plainly text is written as its number. (In
/// `%%{`, `style …:` or a backtick Mermaid sees more than text, quotes or not.)
fn mermaid_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " .,-_/()?!+=".contains(c) || !c.is_ascii() => safe.push(c),
            c => safe += &format!("#{};", u32::from(c)),
        }
    }
    safe
}

/// Text between the quotes of Graphviz.
fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests;
