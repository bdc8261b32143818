//! Lines of a file that nobody vouches for: bounded, numbered, and not all of them text.

use std::io::{self, BufRead};

/// Longest line, in bytes.
const LONGEST: usize = 16 * 1024 * 1024;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    /// Text, without its end.
    Text(String),
    /// Something else, with what is wrong with it.
    Bad(String),
}

/// The next line of `input`; `None` at its end. Of a line that is too long no more is kept than may
/// be. `read` counts the bytes.
pub(crate) fn next(input: &mut dyn BufRead, read: &mut u64) -> io::Result<Option<Raw>> {
    let mut line = Vec::new();
    let mut length = 0usize;
    loop {
        let part = match input.fill_buf() {
            Ok(part) => part,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if part.is_empty() {
            if length == 0 {
                return Ok(None);
            }
            break;
        }
        let end = part.iter().position(|byte| *byte == b'\n');
        let (text, _) = part.split_at(end.unwrap_or(part.len()));
        length += text.len();
        let room = LONGEST.saturating_sub(line.len());
        line.extend(text.iter().take(room));
        let used = text.len() + usize::from(end.is_some());
        input.consume(used);
        *read += used as u64;
        if end.is_some() {
            break;
        }
    }
    if length > LONGEST {
        let problem = format!("it has {length} bytes; at most {LONGEST} are read");
        return Ok(Some(Raw::Bad(problem)));
    }
    Ok(Some(match String::from_utf8(line) {
        Ok(mut text) => {
            if text.ends_with('\r') {
                text.pop();
            }
            Raw::Text(text)
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to() + 1;
            Raw::Bad(format!("it is no UTF-8 text (byte {at})"))
        }
    }))
}

/// Whether a line is one of those that git leaves where two branches have changed the same.
pub(crate) fn is_conflict_marker(text: &str) -> bool {
    let marks = ["<<<<<<<", "=======", ">>>>>>>", "|||||||"];
    marks.iter().any(|mark| text.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Raw> {
        let mut input = io::BufReader::with_capacity(7, bytes);
        let mut read = 0;
        let mut lines = Vec::new();
        while let Some(line) = next(&mut input, &mut read).unwrap() {
            lines.push(line);
        }
        assert_eq!(read, bytes.len() as u64);
        lines
    }

    #[test]
    fn lines_are_told_apart_whatever_they_hold() {
        let text = |text: &str| Raw::Text(text.to_owned());
        assert_eq!(all(b""), []);
        assert_eq!(
            all(b"one\r\n\nthree is longer than a buffer\nlast"),
            [
                text("one"),
                text(""),
                text("three is longer than a buffer"),
                text("last")
            ]
        );
        assert_eq!(
            all(b"ab\xffc\nnext\n"),
            [
                Raw::Bad("it is no UTF-8 text (byte 3)".to_owned()),
                text("next")
            ]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_by() {
        let mut bytes = vec![b'x'; LONGEST + 5];
        bytes.extend(b"\nnext");
        let lines = all(&bytes);
        assert_eq!(lines.len(), 2);
        assert!(matches!(&lines[0], Raw::Bad(problem) if problem.contains("16777221 bytes")));
        assert_eq!(lines[1], Raw::Text("next".to_owned()));
    }
}
