//! Lists of tasks: views, filters, pages. Each view is read from an index of its own, in the order of
//! that index, from where the last page ended. Where a filter leaves few tasks, these are looked up
//! and sorted instead, so that a page never walks through all that was ever closed.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::brief::TaskLine;
use super::cursor::{Key, mark};
use super::error::TaskError;
use super::lines::{self, Line, line_columns};
use super::model::{Holder, Kind, View};
use super::tracker::Tracker;
use crate::ids::{Given, ProjectId};
use crate::page::Page;
use crate::store::{StoreError, statements};

/// Most lines of a page.
const PAGE: u32 = 100;
/// Up to how many tasks that a filter leaves are looked up one by one.
const FEW: i64 = 1000;

/// Tasks below $4, at any depth.
macro_rules! below {
    ($parent:literal) => {
        concat!(
            "(WITH RECURSIVE below(id) AS (SELECT id FROM task WHERE parent = ",
            $parent,
            " UNION ALL SELECT t.id FROM below JOIN task t ON t.parent = below.id) \
             SELECT id FROM below)"
        )
    };
}
pub(super) use below;

/// The tasks of project $1 with label $2, of kind $3; what is empty asks for nothing.
macro_rules! filtered {
    () => {
        "task.project_id = $1 AND ($2 = '' OR EXISTS (SELECT 1 FROM task_label l \
         WHERE l.task_id = task.id AND l.label = $2 AND l.gone = 0)) AND ($3 = '' OR task.kind = $3)"
    };
}
pub(super) use filtered;

/// The condition of a view. The literals let SQLite use the partial indexes.
macro_rules! view {
    (ready, $now:literal, $reads_only:literal) => {
        concat!(
            "task.status = 'open' AND task.held = 0 AND task.open_children = 0 \
             AND task.defer_until_ms <= ",
            $now,
            " AND (",
            $reads_only,
            " = 0 OR task.writes = 0)"
        )
    };
    (mine, $holder:literal) => {
        concat!("task.holder = ", $holder, " AND task.holder <> ''")
    };
    (blocked) => {
        "task.status = 'open' AND task.held > 0"
    };
    (open) => {
        "task.status <> 'closed'"
    };
    (closed) => {
        "task.status = 'closed'"
    };
    (all) => {
        "1 = 1"
    };
}
pub(super) use view;

/// A page of at most $5 of a view by its index, below $4 where that is not empty; and the same among
/// the tasks of the list of ids $4.
macro_rules! page {
    (index, $rest:expr) => {
        concat!(
            "SELECT ",
            line_columns!(),
            " FROM task WHERE ",
            filtered!(),
            " AND ($4 = '' OR task.id IN ",
            below!("$4"),
            ") AND ",
            $rest,
            " LIMIT $5"
        )
    };
    (few, $rest:expr) => {
        concat!(
            "SELECT ",
            line_columns!(),
            " FROM json_each($4) AS few
            CROSS JOIN task ON task.id = few.value WHERE ",
            filtered!(),
            " AND ",
            $rest,
            " LIMIT $5"
        )
    };
}

/// A view behind the entry with the number $6, the time $7 and whatever else orders it.
macro_rules! ready {
    () => {
        concat!(
            view!(ready, "$10", "$11"),
            " AND task.priority >= $8 AND (task.priority > $8
            OR task.unblocks < $9
            OR (task.unblocks = $9 AND (task.created_ms, task.n) > ($7, $6)))
            ORDER BY task.priority, task.unblocks DESC, task.created_ms, task.n"
        )
    };
}
macro_rules! blocked {
    () => {
        concat!(
            view!(blocked),
            " AND (task.priority, task.created_ms, task.n) > ($8, $7, $6)
            ORDER BY task.priority, task.created_ms, task.n"
        )
    };
}
macro_rules! open {
    () => {
        concat!(
            view!(open),
            " AND (task.priority, task.created_ms, task.n) > ($8, $7, $6)
            ORDER BY task.priority, task.created_ms, task.n"
        )
    };
}
macro_rules! mine {
    () => {
        concat!(
            view!(mine, "$8"),
            " AND (task.claimed_ms, task.n) > ($7, $6)
            ORDER BY task.claimed_ms, task.n"
        )
    };
}
macro_rules! closed {
    () => {
        concat!(
            view!(closed),
            " AND (task.closed_ms, task.n) < ($7, $6)
            ORDER BY task.closed_ms DESC, task.n DESC"
        )
    };
}
macro_rules! all {
    () => {
        concat!(
            view!(all),
            " AND (task.created_ms, task.n) < ($7, $6)
            ORDER BY task.created_ms DESC, task.n DESC"
        )
    };
}

statements! {
    /// Tasks among which a mistyped id is looked for.
    RECENT = "SELECT id, title FROM task WHERE project_id = $1
        ORDER BY created_ms DESC, n DESC LIMIT 1000";
    LABELLED = concat!("SELECT task_id FROM task_label WHERE label = $1 AND gone = 0
        AND ($2 = '' OR task_id IN ", below!("$2"), ") LIMIT $3");
    BELOW = concat!("SELECT id FROM ", below!("$1"), " AS some LIMIT $2");
    READY = page!(index, ready!());
    READY_OF_FEW = page!(few, ready!());
    BLOCKED = page!(index, blocked!());
    BLOCKED_OF_FEW = page!(few, blocked!());
    MINE = page!(index, mine!());
    MINE_OF_FEW = page!(few, mine!());
    OPEN = page!(index, open!());
    OPEN_OF_FEW = page!(few, open!());
    CLOSED = page!(index, closed!());
    CLOSED_OF_FEW = page!(few, closed!());
    ALL_TASKS = page!(index, all!());
    ALL_TASKS_OF_FEW = page!(few, all!());
}

/// Which tasks are asked for, and which page of them.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Which ones.
    pub view: View,
    /// Words to look for in titles, descriptions and acceptance criteria; or an id, or what a task is
    /// called elsewhere.
    pub query: Option<String>,
    /// With this label.
    pub label: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Below this task, at any depth.
    pub parent: Option<String>,
    /// How many at most, from 1 to 100.
    pub limit: u32,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

impl Listing {
    /// The first 20 of a view.
    pub fn of(view: View) -> Self {
        Self {
            view,
            query: None,
            label: None,
            kind: None,
            parent: None,
            limit: 20,
            cursor: None,
        }
    }
}

/// A listing whose names have been looked up.
#[derive(Hash)]
pub(super) struct Filter<'a> {
    pub(super) project: &'a str,
    pub(super) view: View,
    pub(super) label: &'a str,
    pub(super) kind: &'static str,
    /// An id, or empty.
    pub(super) parent: String,
}

impl Tracker<'_> {
    /// A page of tasks.
    ///
    /// # Errors
    /// An unknown parent, a query without a word, a cursor of another list, a limit out of range.
    pub async fn list(&self, listing: &Listing) -> Result<Page<TaskLine>, TaskError> {
        if !(1..=PAGE).contains(&listing.limit) {
            let problem = format!("is {}; from 1 to {PAGE} are taken", listing.limit);
            return Err(TaskError::bad("limit", problem));
        }
        self.expire().await?;
        let mut connection = self.store.read().acquire().await?;
        let parent = match &listing.parent {
            Some(parent) => self.find_in(&mut connection, parent).await?.to_string(),
            None => String::new(),
        };
        let filter = Filter {
            project: self.project.as_str(),
            view: listing.view,
            label: listing.label.as_deref().unwrap_or_default().trim(),
            kind: listing.kind.map_or("", Kind::as_str),
            parent,
        };
        let query = listing.query.as_deref().map(str::trim);
        let mark = mark(&(&filter, query));
        let cursor = listing.cursor.as_deref();
        let after = cursor.map(|cursor| Key::parse(cursor, mark)).transpose()?;
        let limit = listing.limit as usize;
        let (mut lines, keys): (Vec<Line>, Vec<Key>) = match query {
            Some(query) => {
                self.search_in(&mut connection, &filter, query, after.as_ref(), limit)
                    .await?
            }
            None => {
                let few = few(&mut connection, &filter).await?;
                let rows = self
                    .page_in(&mut connection, &filter, few.as_deref(), after, limit + 1)
                    .await?;
                let lines = self.lines(&rows)?;
                let keys = lines.iter().map(|line| key(filter.view, line)).collect();
                (lines, keys)
            }
        };
        let more = lines.len() > limit;
        lines.truncate(limit);
        let last = more.then(|| keys.get(limit - 1)).flatten();
        Ok(Page {
            items: lines::complete(&mut connection, lines).await?,
            next_cursor: last.map(|key| key.cursor(mark)),
        })
    }

    pub(super) fn lines(&self, rows: &[AnyRow]) -> Result<Vec<Line>, StoreError> {
        let now_ms = self.now_ms();
        rows.iter().map(|row| lines::line(row, now_ms)).collect()
    }

    /// Rows of a view behind `after`, among `few` where these are given as a JSON list of ids.
    pub(super) async fn page_in(
        &self,
        connection: &mut AnyConnection,
        filter: &Filter<'_>,
        few: Option<&str>,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let after = after.unwrap_or_else(|| start(filter.view));
        let [priority, unblocks, time, n] = after.0;
        let sql = match (filter.view, few.is_some()) {
            (View::Ready, false) => READY,
            (View::Ready, true) => READY_OF_FEW,
            (View::Blocked, false) => BLOCKED,
            (View::Blocked, true) => BLOCKED_OF_FEW,
            (View::Mine, false) => MINE,
            (View::Mine, true) => MINE_OF_FEW,
            (View::Open, false) => OPEN,
            (View::Open, true) => OPEN_OF_FEW,
            (View::Closed, false) => CLOSED,
            (View::Closed, true) => CLOSED_OF_FEW,
            (View::All, false) => ALL_TASKS,
            (View::All, true) => ALL_TASKS_OF_FEW,
        };
        let page = sqlx::query(sql)
            .bind(filter.project)
            .bind(filter.label)
            .bind(filter.kind)
            .bind(few.unwrap_or(&filter.parent))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(n)
            .bind(time);
        let page = match filter.view {
            View::Ready => page
                .bind(priority)
                .bind(unblocks)
                .bind(self.now_ms())
                .bind(i64::from(self.reads_only())),
            View::Blocked | View::Open => page.bind(priority),
            View::Mine => page.bind(self.held_by()),
            View::Closed | View::All => page,
        };
        Ok(page.fetch_all(connection).await?)
    }

    /// As whom this actor holds tasks; empty for a person, who holds none.
    pub(super) fn held_by(&self) -> String {
        self.as_holder()
            .as_ref()
            .map_or_else(String::new, Holder::told)
    }
}

/// What a view is ordered by; see its statement.
fn key(view: View, line: &Line) -> Key {
    let [priority, unblocks, time] = match view {
        View::Ready => [line.priority, line.unblocks, line.created_ms],
        View::Blocked | View::Open => [line.priority, 0, line.created_ms],
        View::Mine => [0, 0, line.claimed_ms],
        View::Closed => [0, 0, line.closed_ms],
        View::All => [0, 0, line.created_ms],
    };
    Key([priority, unblocks, time, line.n])
}

/// What comes before every entry of a view.
fn start(view: View) -> Key {
    let is_newest_first = matches!(view, View::Closed | View::All);
    match is_newest_first {
        true => Key([0, 0, i64::MAX, i64::MAX]),
        false => Key([-1, i64::MAX, -1, -1]),
    }
}

/// The ids of the tasks that parent and label leave, as a JSON list; `None` where these are many.
async fn few(
    connection: &mut AnyConnection,
    filter: &Filter<'_>,
) -> Result<Option<String>, StoreError> {
    let is_few = |found: &Vec<String>| i64::try_from(found.len()).is_ok_and(|len| len <= FEW);
    if !filter.parent.is_empty() {
        let found: Vec<String> = sqlx::query_scalar(BELOW)
            .bind(&filter.parent)
            .bind(FEW + 1)
            .fetch_all(&mut *connection)
            .await?;
        if is_few(&found) {
            return Ok(Some(serde_json::json!(found).to_string()));
        }
    }
    if !filter.label.is_empty() {
        let found: Vec<String> = sqlx::query_scalar(LABELLED)
            .bind(filter.label)
            .bind(&filter.parent)
            .bind(FEW + 1)
            .fetch_all(connection)
            .await?;
        if is_few(&found) {
            return Ok(Some(serde_json::json!(found).to_string()));
        }
    }
    Ok(None)
}

/// The newest tasks whose id looks like `given`, as `t-0a1b2c "title"`.
pub(super) async fn nearest(
    connection: &mut AnyConnection,
    project: &ProjectId,
    given: &Given,
) -> Result<Vec<String>, StoreError> {
    let recent: Vec<(String, String)> = sqlx::query_as(RECENT)
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    Ok(given.nearest(recent))
}

#[cfg(test)]
mod tests;
