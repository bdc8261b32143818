//! Full text: tasks with words in their title, description or acceptance criteria, the best first;
//! before them the task whose id, or name elsewhere, the query is.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::cursor::Key;
use super::error::TaskError;
use super::lines::{Line, line_columns};
use super::list::{Filter, below, filtered, view};
use super::model::View;
use super::tracker::Tracker;
use crate::store::search::Terms;
use crate::store::{StoreError, statements};

/// Fewer hits than that for all of the words are filled up with hits for any of them.
const TOO_FEW: usize = 3;
/// Tasks found by their exact name, at most.
const NAMED: i64 = 20;

/// A page of at most $5 with the words $6 behind the entry with the score $7 and the number $8. Of a
/// word that nearly all have, the 2,000 newest of the view are ranked, which bounds the work. What is
/// open is little next to all that ever was: its numbers are collected first (`few`), so that no row
/// of a closed task is looked at; the `+` keeps SQLite from searching anew for each of them. Every
/// priority is at least 0: that leads SQLite to the index of the view and not to that of all tasks.
macro_rules! found {
    (few, $view:expr) => {
        found!(concat!(
            "SELECT task_fts.rowid, CAST(bm25(task_fts, 10.0, 1.0, 2.0) * 1000000 AS INTEGER)
              FROM task_fts WHERE task_fts MATCH $6 AND +task_fts.rowid IN (
                SELECT task.n FROM task WHERE ",
            filtered!(),
            "
                AND ($4 = '' OR task.id IN ",
            below!("$4"),
            ") AND task.priority >= 0 AND ",
            $view,
            ")"
        ))
    };
    (many, $view:expr) => {
        found!(concat!(
            "SELECT task.n, CAST(bm25(task_fts, 10.0, 1.0, 2.0) * 1000000 AS INTEGER)
              FROM task_fts CROSS JOIN task ON task.n = task_fts.rowid
              WHERE task_fts MATCH $6 AND ",
            filtered!(),
            "
                AND ($4 = '' OR task.id IN ",
            below!("$4"),
            ") AND ",
            $view
        ))
    };
    ($hits:expr) => {
        concat!(
            "WITH hit(n, score) AS (",
            $hits,
            " ORDER BY task_fts.rowid DESC LIMIT 2000)
            SELECT ",
            line_columns!(),
            ", hit.score FROM hit CROSS JOIN task ON task.n = hit.n
            WHERE hit.score > $7 OR (hit.score = $7 AND hit.n < $8)
            ORDER BY hit.score, hit.n DESC LIMIT $5"
        )
    };
}

statements! {
    NAMED_SO = "SELECT id FROM task WHERE id = $2 AND project_id = $1
        UNION SELECT id FROM task WHERE project_id = $1 AND external_ref = $3 AND external_ref <> ''
        LIMIT $4";
    READY = found!(few, view!(ready, "$9", "$10"));
    BLOCKED = found!(few, view!(blocked));
    MINE = found!(few, view!(mine, "$9"));
    OPEN = found!(few, view!(open));
    CLOSED = found!(many, view!(closed));
    ALL_TASKS = found!(many, view!(all));
}

/// Which hits a page goes on with; the first number of its key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Named,
    AllWords,
    AnyWord,
}

/// A hit with its place in the order.
struct Hit {
    line: Line,
    key: Key,
}

impl Tracker<'_> {
    /// Lines that the query finds behind `after`, up to one more than `limit`, and their keys.
    pub(super) async fn search_in(
        &self,
        connection: &mut AnyConnection,
        filter: &Filter<'_>,
        query: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<(Vec<Line>, Vec<Key>), TaskError> {
        let Some(terms) = Terms::of(query) else {
            return Err(TaskError::bad("query", "holds no word to look for"));
        };
        let wanted = limit + 1;
        let named = self.named_in(connection, filter, query).await?;
        let of = |stage: Stage| after.filter(|after| after.0[0] == stage as i64);
        let mut hits: Vec<Hit> = Vec::new();
        if of(Stage::AnyWord).is_none() {
            let room = wanted + named.len();
            let stage = Stage::AllWords;
            hits = self
                .matching(connection, filter, &terms, stage, of(stage), room)
                .await?;
            hits.retain(|hit| !contains(&named, &hit.line));
        }
        let mut widened = Vec::new();
        if hits.len() < wanted && named.is_empty() && !terms.is_one() {
            let stage = Stage::AllWords;
            let of_all = self
                .matching(connection, filter, &terms, stage, None, TOO_FEW)
                .await?;
            if of_all.len() < TOO_FEW {
                let room = wanted + TOO_FEW;
                let stage = Stage::AnyWord;
                widened = self
                    .matching(connection, filter, &terms, stage, of(stage), room)
                    .await?;
                widened.retain(|hit| of_all.iter().all(|known| known.line.n != hit.line.n));
            }
        }
        let mut found = named;
        match (after, of(Stage::Named)) {
            (None, _) => {}
            (_, Some(after)) => found.retain(|hit| hit.key > *after),
            (Some(_), None) => found.clear(),
        }
        found.extend(hits);
        found.extend(widened);
        found.truncate(wanted);
        Ok(found.into_iter().map(|hit| (hit.line, hit.key)).unzip())
    }

    /// The tasks whose id, or name elsewhere, the query is.
    async fn named_in(
        &self,
        connection: &mut AnyConnection,
        filter: &Filter<'_>,
        query: &str,
    ) -> Result<Vec<Hit>, TaskError> {
        let ids: Vec<String> = sqlx::query_scalar(NAMED_SO)
            .bind(filter.project)
            .bind(query.to_ascii_lowercase())
            .bind(query)
            .bind(NAMED)
            .fetch_all(&mut *connection)
            .await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = serde_json::json!(ids).to_string();
        let rows = self
            .page_in(connection, filter, Some(&ids), None, ids.len())
            .await?;
        let named = |line: Line| {
            let key = Key([Stage::Named as i64, 0, line.n, 0]);
            Hit { line, key }
        };
        let mut named: Vec<Hit> = self.lines(&rows)?.into_iter().map(named).collect();
        named.sort_by_key(|hit| hit.line.n);
        Ok(named)
    }

    async fn matching(
        &self,
        connection: &mut AnyConnection,
        filter: &Filter<'_>,
        terms: &Terms,
        stage: Stage,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Hit>, TaskError> {
        let sql = match filter.view {
            View::Ready => READY,
            View::Blocked => BLOCKED,
            View::Mine => MINE,
            View::Open => OPEN,
            View::Closed => CLOSED,
            View::All => ALL_TASKS,
        };
        let words = match stage {
            Stage::AnyWord => terms.any(),
            Stage::Named | Stage::AllWords => terms.all(),
        };
        let [_, score, n, _] = after.map_or([0, i64::MIN, i64::MAX, 0], |after| after.0);
        let page = sqlx::query(sql)
            .bind(filter.project)
            .bind(filter.label)
            .bind(filter.kind)
            .bind(&filter.parent)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(words)
            .bind(score)
            .bind(n);
        let page = match filter.view {
            View::Ready => page.bind(self.now_ms()).bind(i64::from(self.reads_only())),
            View::Mine => page.bind(self.held_by()),
            View::Blocked | View::Open | View::Closed | View::All => page,
        };
        let rows = page.fetch_all(connection).await?;
        let scores = rows.iter().map(score_of).collect::<Result<Vec<_>, _>>()?;
        let hit = |(line, score): (Line, i64)| {
            let key = Key([stage as i64, score, line.n, 0]);
            Hit { line, key }
        };
        Ok(self
            .lines(&rows)?
            .into_iter()
            .zip(scores)
            .map(hit)
            .collect())
    }
}

fn score_of(row: &AnyRow) -> Result<i64, StoreError> {
    Ok(row.try_get("score")?)
}

fn contains(hits: &[Hit], line: &Line) -> bool {
    hits.iter().any(|hit| hit.line.n == line.n)
}

#[cfg(test)]
mod tests;
