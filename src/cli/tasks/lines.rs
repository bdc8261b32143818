//! Lines about tasks, as a table.

use crate::cli::output::headed_table;
use crate::cli::paint::Paint;
use crate::tasks::{Named, TaskLine};
use crate::text::one_line;

/// Characters of a title in a table.
const TITLE: usize = 200;
/// Characters of whoever holds a task.
const HOLDER: usize = 24;

const HEAD: [&str; 8] = [
    "ID",
    "STATUS",
    "P",
    "KIND",
    "DONE",
    "HOLDER",
    "WAITS FOR",
    "TITLE",
];
const STATUS: usize = 1;

/// A table with the columns that hold something.
pub(super) fn table(lines: &[TaskLine], paint: Paint) -> String {
    if lines.is_empty() {
        return "no tasks\n".to_owned();
    }
    headed_table(
        HEAD,
        lines.iter().map(row),
        paint,
        |column, cell| match column {
            STATUS => paint.status(cell),
            _ => cell.to_owned(),
        },
    )
}

fn row(line: &TaskLine) -> Vec<String> {
    let waits_for: Vec<&str> = line.waits_for.iter().map(|id| id.as_str()).collect();
    vec![
        line.id.to_string(),
        line.status.to_owned(),
        line.priority.map(|it| it.to_string()).unwrap_or_default(),
        line.kind.map(|it| it.to_string()).unwrap_or_default(),
        line.children.clone().unwrap_or_default(),
        one_line(line.holder.as_deref().unwrap_or_default(), HOLDER),
        waits_for.join(" "),
        titled(line),
    ]
}

/// The title, and the labels behind it.
pub(super) fn titled(line: &TaskLine) -> String {
    let mut text = one_line(&line.title, TITLE);
    for label in &line.labels {
        text += &format!(" #{}", one_line(label, 40));
    }
    text
}

/// Tasks by their names, a line each.
pub(super) fn names(lead: &str, tasks: &[Named]) -> String {
    tasks
        .iter()
        .map(|task| format!("{lead}{}  {}\n", task.id, one_line(&task.title, TITLE)))
        .collect()
}
