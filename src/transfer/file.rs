//! A file that is written to. It is replaced as a whole or not at all: whoever reads it, or
//! pulls the plug, finds the old one or the new one.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::FileError;

/// What a new file may be to whom, before the umask; and one that is nobody else's business.
const NEW: u32 = 0o666;
const PRIVATE: u32 = 0o600;

/// A file that is being written beside the one that it is to replace.
pub struct Replacement {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Replacement {
    /// Begins one for `path`, which keeps its permissions if it is there.
    ///
    /// # Errors
    /// A directory, a device, a link; a folder that cannot be written to.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        Self::with(path, NEW)
    }

    /// The same; a new one is for the user's eyes only.
    ///
    /// # Errors
    /// As [`Replacement::of`].
    pub fn private(path: &Path) -> Result<Self, FileError> {
        Self::with(path, PRIVATE)
    }

    fn with(path: &Path, mode: u32) -> Result<Self, FileError> {
        let before = match std::fs::symlink_metadata(path) {
            Ok(found) => Some(ordinary(path, &found)?.permissions()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(bad(path, format!("cannot be written to: {error}"))),
        };
        let folder = folder(path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ostler-").suffix(".tmp");
        let file = builder
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(&folder)
            .map_err(|error| bad(path, format!("cannot be written to: {error}")))?;
        if let Some(before) = before {
            file.as_file()
                .set_permissions(before)
                .map_err(FileError::Unwritten)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    /// Puts it in the place of the old one, when it is on the disk.
    ///
    /// # Errors
    /// A disk that does not take it; the old one is then what it was.
    pub fn put(self) -> Result<(), FileError> {
        let file = self.file.into_inner();
        let file = file.map_err(|error| FileError::Unwritten(error.into_error()))?;
        file.as_file().sync_all().map_err(FileError::Unwritten)?;
        file.persist(&self.path)
            .map_err(|error| FileError::Unwritten(error.error))?;
        // The name is on the disk when its folder is.
        File::open(folder(&self.path))
            .and_then(|folder| folder.sync_all())
            .map_err(FileError::Unwritten)
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn ordinary<'a>(path: &Path, found: &'a Metadata) -> Result<&'a Metadata, FileError> {
    let kind = found.file_type();
    let problem = if kind.is_symlink() {
        "is a link; name the file that it leads to"
    } else if kind.is_dir() {
        "is a directory; name a file in it"
    } else if kind.is_file() {
        return Ok(found);
    } else {
        "is no ordinary file; leave it out to write to standard output"
    };
    Err(bad(path, problem.to_owned()))
}

fn bad(path: &Path, problem: String) -> FileError {
    FileError::BadPath {
        path: path.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.jsonl");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let mut new = Replacement::of(&path).unwrap();
        new.write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        new.put().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o640);
        drop(Replacement::of(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let mut own = Replacement::private(&folder.path().join("own")).unwrap();
        own.write_all(b"own").unwrap();
        own.put().unwrap();
        assert_eq!(mode(&folder.path().join("own")), 0o600);
        std::fs::remove_file(folder.path().join("own")).unwrap();
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "something is left behind");
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        for (path, problem) in [
            (link.as_path(), "is a link"),
            (folder.path(), "is a directory"),
            (Path::new("/dev/null"), "is no ordinary file"),
            (&folder.path().join("no/where"), "cannot be written to"),
        ] {
            let refused = Replacement::of(path).err().unwrap().to_string();
            assert!(refused.contains(problem), "{refused}");
        }
    }
}
