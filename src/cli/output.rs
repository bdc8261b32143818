//! Writing to a person: a reader who has seen enough is no failure, and a screen line holds no
//! control characters of a child.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use super::paint::Paint;
use crate::edge::{Failure, Kind};

/// Writes to standard output.
///
/// # Errors
/// Whatever keeps the text from its reader; see [`reader_has_left`].
pub(super) fn out(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints what a command has to say. A reader who has seen enough is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match out(text) {
        Err(error) if !reader_has_left(&error) => {
            let message = format!("standard output cannot be written: {error}");
            Err(Failure::new(Kind::Internal, message))
        }
        _ => Ok(()),
    }
}

/// What `--json` prints.
pub(super) fn as_json<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|error| Failure::new(Kind::Internal, error))
}

/// The value of an option that takes one of our words.
pub(super) fn one_of<T>(
    found: Option<T>,
    known: impl IntoIterator<Item = &'static str>,
) -> Result<T, String> {
    let known = || known.into_iter().collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("take one of {}", known()))
}

/// Whether `error` only says that the reader has closed the pipe, as `head` does.
pub(super) fn reader_has_left(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

/// Writes to standard error, where nobody needs to listen.
pub(super) fn err(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

/// Columns as wide as their widest entry, two spaces apart.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    painted_table(rows, |_, _, cell| cell.to_owned())
}

/// The same, each cell as `paint` has it, by its row, its column and its text.
pub(super) fn painted_table(
    rows: &[Vec<String>],
    paint: impl Fn(usize, usize, &str) -> String,
) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|c| c.chars().count())
                .max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        // Spaces that nothing follows are not written.
        let mut gap = 0;
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if !cell.is_empty() {
                text.push_str(&" ".repeat(gap));
                text.push_str(&paint(at, column, cell));
                gap = 0;
            }
            gap += width - cell.chars().count() + 2;
        }
        text.push('\n');
    }
    text
}

/// A table below its head, with the columns that hold something. `paint` has a cell by the place of its
/// column in the head.
pub(super) fn headed_table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = Vec<String>>,
    paint: Paint,
    painted: impl Fn(usize, &str) -> String,
) -> String {
    let mut all = vec![head.map(str::to_owned).to_vec()];
    all.extend(rows);
    let is_used = |at: usize| {
        let mut cells = all.iter().skip(1).filter_map(|row| row.get(at));
        cells.any(|cell| !cell.is_empty())
    };
    let used: Vec<usize> = (0..COLUMNS).filter(|at| is_used(*at)).collect();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|row| used.iter().filter_map(|at| row.get(*at).cloned()).collect())
        .collect();
    painted_table(&rows, |row, column, cell| match (row, used.get(column)) {
        (0, _) => paint.bold(cell),
        (_, Some(column)) => painted(*column, cell),
        (_, None) => cell.to_owned(),
    })
}

/// Seconds as `1:05` or `2:00:01`.
pub(super) fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{rest:02}"),
        hours => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up() {
        let rows = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "a    bb\nccc  d\n");
    }

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(
            (duration(65).as_str(), duration(7201).as_str()),
            ("1:05", "2:00:01")
        );
    }
}
