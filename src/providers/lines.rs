//! Lines from a child that may send anything: bounded in memory, tolerant of invalid UTF-8.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// What was read up to a line end or the end of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line without its end; invalid UTF-8 is replaced.
    Whole(String),
    /// A line over the limit: its beginning and how long it was. The rest was thrown away.
    TooLong { beginning: String, bytes: u64 },
}

/// How much of an over-long line is kept to show what it was.
const BEGINNING: usize = 200;

pub(super) struct Lines<R> {
    reader: BufReader<R>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, reader),
            limit,
        }
    }

    /// The next line; `None` at the end of the stream. Not cancel-safe: a task of its own reads.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        let mut kept = Vec::new();
        let mut bytes = 0_u64;
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                return Ok((bytes > 0).then(|| self.line(kept, bytes)));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            let taken = part.len() + usize::from(end.is_some());
            bytes += part.len() as u64;
            if bytes <= self.limit as u64 {
                kept.extend_from_slice(part);
            } else if kept.len() > BEGINNING || kept.is_empty() {
                kept.extend_from_slice(part);
                kept.truncate(BEGINNING);
                kept.shrink_to_fit();
            }
            self.reader.consume(taken);
            if end.is_some() {
                return Ok(Some(self.line(kept, bytes)));
            }
        }
    }

    fn line(&self, mut kept: Vec<u8>, bytes: u64) -> Line {
        if bytes > self.limit as u64 {
            let beginning = String::from_utf8_lossy(&kept).into_owned();
            return Line::TooLong { beginning, bytes };
        }
        if kept.last() == Some(&b'\r') {
            kept.pop();
        }
        Line::Whole(match String::from_utf8(kept) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }
}

/// What a line of JSON-RPC that was cut off at its end would have been: the id, if it was a request
/// that has to be answered.
pub(super) fn cut_request(beginning: &str) -> Option<serde_json::Value> {
    let has_method = beginning.contains(r#""method":"#);
    let (_, behind) = beginning.split_once(r#""id":"#)?;
    let end = behind.find([',', '}'])?;
    let id: serde_json::Value = serde_json::from_str(behind.get(..end)?).ok()?;
    has_method.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(input: &[u8], limit: usize) -> Vec<Line> {
        let mut lines = Lines::new(input, limit);
        let mut got = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            got.push(line);
        }
        got
    }

    #[tokio::test]
    async fn lines_come_whole_without_their_ends() {
        let whole = |text: &str| Line::Whole(text.to_owned());
        assert_eq!(
            all(b"a\r\n\nb", 10).await,
            [whole("a"), whole(""), whole("b")]
        );
        assert_eq!(all(b"", 10).await, []);
        assert_eq!(all(b"\xff\n", 10).await, [whole("\u{fffd}")]);
    }

    #[tokio::test]
    async fn an_over_long_line_is_cut_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; 1_000_000];
        input.extend_from_slice(b"\nok\n");
        let got = all(&input, 1000).await;
        let beginning = "x".repeat(BEGINNING);
        assert_eq!(
            got,
            [
                Line::TooLong {
                    beginning,
                    bytes: 1_000_000
                },
                Line::Whole("ok".to_owned())
            ]
        );
    }
}
