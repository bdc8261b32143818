//! What is read: lines one after the other, or a document as a whole.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use super::error::FileError;
use super::lines::{self, Raw};

/// Most bytes of a file of lines, and of a document, which has to be held as a whole.
const MOST_MB: u64 = 1024;
const DOCUMENT_MB: u64 = 256;
/// A sign at the beginning of some texts that says how they are encoded.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What is read, and how far it is.
pub(crate) struct Source<'a> {
    input: &'a mut dyn BufRead,
    read: u64,
    line: u64,
    ahead: VecDeque<(u64, Raw)>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(input: &'a mut dyn BufRead) -> Self {
        Self {
            input,
            read: 0,
            line: 0,
            ahead: VecDeque::new(),
        }
    }

    /// Whether what comes next begins like a JSON list.
    pub(crate) fn begins_a_list(&mut self) -> Result<bool, FileError> {
        let part = self.input.fill_buf().map_err(FileError::Unread)?;
        let part = part.strip_prefix("\u{feff}".as_bytes()).unwrap_or(part);
        let first = part.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(first == Some(&b'['))
    }

    /// The next line that is not empty, with its number; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Raw)>, FileError> {
        match self.ahead.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.fresh(),
        }
    }

    /// The first lines that are not empty, which stay to be read.
    pub(crate) fn look_ahead(&mut self, count: usize) -> Result<&VecDeque<(u64, Raw)>, FileError> {
        while self.ahead.len() < count {
            let Some(line) = self.fresh()? else { break };
            self.ahead.push_back(line);
        }
        Ok(&self.ahead)
    }

    fn fresh(&mut self) -> Result<Option<(u64, Raw)>, FileError> {
        loop {
            let next = lines::next(self.input, &mut self.read).map_err(FileError::Unread)?;
            if self.read > MOST_MB << 20 {
                return Err(FileError::TooLarge { most_mb: MOST_MB });
            }
            self.line += 1;
            match next {
                None => return Ok(None),
                Some(Raw::Text(text)) => {
                    let text = match self.line {
                        1 => text.trim_start_matches(BYTE_ORDER_MARK),
                        _ => &text,
                    };
                    if !text.trim().is_empty() {
                        return Ok(Some((self.line, Raw::Text(text.to_owned()))));
                    }
                }
                Some(bad) => return Ok(Some((self.line, bad))),
            }
        }
    }

    /// All that is left, as one text that has each line where it was.
    pub(crate) fn document(&mut self) -> Result<String, FileError> {
        let mut text = String::new();
        let mut at = 1;
        for (line, raw) in std::mem::take(&mut self.ahead) {
            let Raw::Text(part) = raw else {
                let problem = format!("line {line} of it is no text");
                return Err(FileError::NoText { problem });
            };
            while at < line {
                text.push('\n');
                at += 1;
            }
            text.push_str(&part);
        }
        if self.line > 0 {
            text.push('\n');
        }
        let most = DOCUMENT_MB << 20;
        let mut rest = Vec::new();
        self.input
            .take(most)
            .read_to_end(&mut rest)
            .map_err(FileError::Unread)?;
        if rest.len() as u64 + text.len() as u64 >= most {
            return Err(FileError::TooLarge {
                most_mb: DOCUMENT_MB,
            });
        }
        match String::from_utf8(rest) {
            Ok(rest) => {
                text.push_str(rest.trim_start_matches(BYTE_ORDER_MARK));
                Ok(text)
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to() + text.len() + 1;
                let problem = format!("byte {at} of it is no UTF-8 text");
                Err(FileError::NoText { problem })
            }
        }
    }
}
