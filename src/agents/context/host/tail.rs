//! The lines of a file from its end, in pieces: transcripts grow to hundreds of megabytes, and what
//! is asked of them is mostly at their end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Read at once.
const CHUNK: u64 = 256 * 1024;
/// A longer line is passed over; pictures and results of tools make such.
const LINE: usize = 8 * 1024 * 1024;

/// Whole lines, the last one first.
pub(super) struct Backwards<'a> {
    file: &'a File,
    /// Everything behind this is in `pending` or was handed out.
    at: u64,
    /// How far back we go.
    stop: u64,
    pending: Vec<u8>,
    /// Within a line that is too long.
    passing: bool,
}

impl<'a> Backwards<'a> {
    /// The lines of the first `end` bytes, as long as they begin within the last `most` of these.
    pub(super) fn new(file: &'a File, end: u64, most: u64) -> Self {
        Self {
            file,
            at: end,
            stop: end.saturating_sub(most),
            pending: Vec::new(),
            passing: false,
        }
    }

    /// Bytes in front of what was looked at.
    pub(super) fn before(&self) -> u64 {
        self.at
    }

    /// The next line towards the beginning, without its end; `None` when there is none, or when as
    /// much was read as may be.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        // Where in `pending` no line end was found yet.
        let mut looked_at = self.pending.len();
        loop {
            let unseen = self.pending.get(..looked_at).unwrap_or_default();
            if let Some(end) = unseen.iter().rposition(|byte| *byte == b'\n') {
                let line = self.pending.split_off(end + 1);
                self.pending.truncate(end);
                looked_at = self.pending.len();
                if std::mem::take(&mut self.passing) || line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.at <= self.stop {
                let line = std::mem::take(&mut self.pending);
                // Cut off at its beginning unless the file begins with it.
                let whole = self.at == 0 && !self.passing && !line.is_empty();
                return Ok(whole.then_some(line));
            }
            if self.passing || self.pending.len() > LINE {
                self.passing = true;
                self.pending.clear();
            }
            looked_at = self.read_on()?;
        }
    }

    /// Puts the chunk in front of what is pending; how long it is.
    fn read_on(&mut self) -> io::Result<usize> {
        let from = self.at.saturating_sub(CHUNK).max(self.stop);
        let mut chunk = vec![0; usize::try_from(self.at - from).unwrap_or_default()];
        self.file.read_exact_at(&mut chunk, from)?;
        self.at = from;
        let length = chunk.len();
        chunk.append(&mut self.pending);
        self.pending = chunk;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn lines(content: &[u8], most: u64) -> Vec<Vec<u8>> {
        let file = file(content);
        let mut backwards = Backwards::new(&file, content.len() as u64, most);
        std::iter::from_fn(|| backwards.next().unwrap()).collect()
    }

    #[test]
    fn lines_come_from_the_end() {
        assert_eq!(
            lines(b"one\ntwo\n\nthree\n", 99),
            [&b"three"[..], b"two", b"one"]
        );
        assert_eq!(lines(b"one\nno end", 99), [&b"no end"[..], b"one"]);
        assert!(lines(b"", 99).is_empty());
    }

    #[test]
    fn it_goes_back_no_further_than_it_may() {
        // The limit is within `two`, which is therefore not whole.
        assert_eq!(lines(b"one\ntwo\nthree\n", 8), [b"three"]);
    }

    #[test]
    fn what_is_too_long_is_passed_over() {
        let long = vec![b'x'; LINE + 2 * usize::try_from(CHUNK).unwrap()];
        let content = [b"one\n", long.as_slice(), b"\ntwo\n"].concat();
        assert_eq!(lines(&content, u64::MAX), [b"two", b"one"]);
        let content = [long.as_slice(), b"\ntwo\n"].concat();
        assert_eq!(lines(&content, u64::MAX), [b"two"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_lines_are_those_there_are(
            lengths in prop::collection::vec(0_usize..200_000, 0..12),
        ) {
            let mut expected: Vec<Vec<u8>> = Vec::new();
            for (number, length) in lengths.iter().enumerate() {
                expected.push(vec![b'a' + u8::try_from(number).unwrap(); *length]);
            }
            let content = expected.join(&b'\n');
            expected.retain(|line| !line.is_empty());
            expected.reverse();
            prop_assert_eq!(lines(&content, u64::MAX), expected);
        }
    }
}
