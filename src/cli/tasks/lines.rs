//! Lines about tasks, as a table.

use crate::cli::output::painted_table;
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
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(row));
    let is_used = |at: usize| {
        let mut cells = rows.iter().skip(1).filter_map(|row| row.get(at));
        cells.any(|cell| !cell.is_empty())
    };
    let used: Vec<usize> = (0..HEAD.len()).filter(|at| is_used(*at)).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| used.iter().filter_map(|at| row.get(*at).cloned()).collect())
        .collect();
    painted_table(&rows, |row, column, cell| match (row, used.get(column)) {
        (0, _) => paint.bold(cell),
        (_, Some(&STATUS)) => paint.status(cell),
        _ => cell.to_owned(),
    })
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
