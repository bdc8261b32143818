//! Writing to a person: a reader who has seen enough is no failure, and a screen line holds no
//! control characters of a child.

use std::io::{self, ErrorKind, Write};

/// Writes to standard output.
///
/// # Errors
/// Whatever keeps the text from its reader; see [`reader_has_left`].
pub(super) fn out(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
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
