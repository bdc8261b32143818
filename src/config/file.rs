//! Reads one configuration file, which anybody may have written.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::{fs, io};

use toml::Table;

use super::error::{ConfigError, on_one_line};

const MAX_FILE_BYTES: u64 = 1 << 20;

/// The content of the file at `path`, or `None` if there is none.
pub(super) fn read_file(path: &Path) -> Result<Option<Table>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        file: path.to_owned(),
        source,
    };
    let Some(bytes) = read_bytes(path).map_err(unreadable)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| unreadable(io::Error::new(ErrorKind::InvalidData, "it is not UTF-8")))?;
    let table = text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        ConfigError::Syntax {
            file: path.to_owned(),
            line: 1 + text.bytes().take(start).filter(|b| *b == b'\n').count(),
            reason: on_one_line(error.message()),
        }
    })?;
    Ok(Some(table))
}

/// A repository may hold a pipe or a link to a device under this name: neither may hang us or fill
/// the memory.
fn read_bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if path == Path::new("/dev/null") {
        return Ok(None); // The usual way to say "no file".
    }
    if !metadata.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            "it is larger than 1 MiB",
        ));
    }
    Ok(Some(bytes))
}
