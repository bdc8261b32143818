//! Files of the project. Where a path leads is found out first; then it is walked from the top of
//! the project without following a link, so that nothing put there meanwhile leads outside, and what
//! was opened is looked at before it is read.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use super::error::Problem;
use super::{ENTRY_LIMIT, MARGIN};

/// Where files may lie, and where their paths start from.
#[derive(Debug, Clone)]
pub(in crate::agents) struct Roots {
    /// Tops of working trees of the project, canonical.
    pub(in crate::agents) inside: Vec<PathBuf>,
    /// Directories that a relative path may be meant from, the likeliest first.
    pub(in crate::agents) from: Vec<PathBuf>,
}

/// The beginning of a file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::agents) struct Beginning {
    pub(in crate::agents) text: String,
    /// Bytes behind it.
    pub(in crate::agents) unread: u64,
}

/// Reads the beginning of the file at `path`. Blocks, but never on a pipe or a device.
///
/// # Errors
/// What keeps it from being a text of the project.
pub(in crate::agents) fn read(roots: &Roots, path: &str) -> Result<Beginning, Problem> {
    beginning(found(roots, path)?.open()?)
}

/// The first bytes of an opened file as text.
pub(super) fn beginning(mut file: File) -> Result<Beginning, Problem> {
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    let limit = (ENTRY_LIMIT + MARGIN) as u64;
    file.by_ref().take(limit).read_to_end(&mut bytes)?;
    let unread = length.saturating_sub(bytes.len() as u64);
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    if bytes.contains(&0) {
        return Err(Problem::NotText);
    }
    let whole = match std::str::from_utf8(&bytes) {
        Ok(_) => bytes.len(),
        // A character that was cut off, and not one that is wrong.
        Err(error) if error.error_len().is_none() && unread > 0 => error.valid_up_to(),
        Err(_) => return Err(Problem::NotText),
    };
    let unread = unread + (bytes.len() - whole) as u64;
    bytes.truncate(whole);
    let text = String::from_utf8(bytes).map_err(|_| Problem::NotText)?;
    Ok(Beginning { text, unread })
}

/// A place in the project, without links on the way to it when it was found.
struct Found {
    root: PathBuf,
    below: PathBuf,
}

fn found(roots: &Roots, path: &str) -> Result<Found, Problem> {
    let mut is_elsewhere = false;
    let mut may_be_inside = false;
    for from in &roots.from {
        let real = match from.join(path).canonicalize() {
            Ok(real) => real,
            Err(error) if is_nothing(&error) => {
                may_be_inside |= roots.hold(&without_dots(&from.join(path)));
                continue;
            }
            Err(error) => return Err(Problem::Unreadable(error)),
        };
        let inside = roots.inside.iter().find_map(|root| {
            let below = real.strip_prefix(root).ok()?.to_owned();
            let root = root.clone();
            Some(Found { root, below })
        });
        match inside {
            Some(found) => return Ok(found),
            None => is_elsewhere = true,
        }
    }
    match may_be_inside && !is_elsewhere {
        true => Err(Problem::Missing),
        false => Err(Problem::Outside),
    }
}

fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Where a path that leads nowhere was meant to lead.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

impl Roots {
    fn hold(&self, path: &Path) -> bool {
        self.inside.iter().any(|root| path.starts_with(root))
    }
}

impl Found {
    /// Opens what is there now, if nobody has put a link on the way and it is a file.
    fn open(&self) -> Result<File, Problem> {
        let directory = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut here = open(&self.root, directory, Mode::empty()).map_err(refused)?;
        let mut parts = self.below.components().map(Component::as_os_str).peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return file_in(&here, part);
            }
            here = openat(&here, part, directory, Mode::empty()).map_err(refused)?;
        }
        Err(Problem::NotAFile("a directory"))
    }
}

/// Opens the file `name` in `directory`.
fn file_in(directory: &OwnedFd, name: &OsStr) -> Result<File, Problem> {
    // A pipe that nobody writes to would hold us up for ever, and a terminal would become ours.
    let flags = OFlag::O_RDONLY
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let opened = openat(directory, name, flags, Mode::empty()).map_err(refused)?;
    regular(File::from(opened))
}

/// Opens the file at `path`, which is not taken for a link.
pub(super) fn open_plain(path: &Path) -> Result<File, Problem> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Problem::Missing);
    };
    let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let directory = open(directory, flags, Mode::empty()).map_err(refused)?;
    file_in(&directory, name)
}

/// `file`, if it is one.
fn regular(file: File) -> Result<File, Problem> {
    let kind = file.metadata()?.file_type();
    let is = if kind.is_file() {
        return Ok(file);
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else {
        "a device"
    };
    Err(Problem::NotAFile(is))
}

fn refused(error: Errno) -> Problem {
    match error {
        // What was no link, and a directory, a moment ago.
        Errno::ELOOP | Errno::EMLINK | Errno::ENOTDIR => Problem::Replaced,
        Errno::ENOENT => Problem::Missing,
        // What a socket says, and a device without a driver.
        Errno::ENXIO | Errno::ENODEV => Problem::NotAFile("a device"),
        error => Problem::Unreadable(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    /// A folder with a project `p`, a folder `p/sub` in it, and a file `outside` beside it.
    struct World {
        _folder: tempfile::TempDir,
        outside: PathBuf,
        project: PathBuf,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let top = folder.path().canonicalize().unwrap();
            let (project, outside) = (top.join("p"), top.join("outside"));
            fs::create_dir_all(project.join("sub")).unwrap();
            fs::write(&outside, "secret").unwrap();
            Self {
                _folder: folder,
                outside,
                project,
            }
        }

        fn write(&self, name: &str, content: impl AsRef<[u8]>) {
            fs::write(self.project.join(name), content).unwrap();
        }

        fn roots(&self) -> Roots {
            Roots {
                inside: vec![self.project.clone()],
                from: vec![self.project.join("sub"), self.project.clone()],
            }
        }

        fn read(&self, path: &str) -> Result<String, String> {
            read(&self.roots(), path)
                .map(|it| it.text)
                .map_err(|problem| problem.to_string())
        }

        fn refusal(&self, path: &str) -> String {
            self.read(path).unwrap_err()
        }
    }

    #[test]
    fn a_path_starts_from_the_directory_or_from_the_top() {
        let world = World::new();
        world.write("a.txt", "top");
        world.write("b.txt", "only at the top");
        world.write("sub/a.txt", "below");
        assert_eq!(world.read("a.txt").unwrap(), "below");
        assert_eq!(world.read("b.txt").unwrap(), "only at the top");
        assert_eq!(world.read("../a.txt").unwrap(), "top");
        assert_eq!(world.read("sub/../a.txt").unwrap(), "top");
        let absolute = world.project.join("b.txt");
        let absolute = absolute.to_str().unwrap();
        assert_eq!(world.read(absolute).unwrap(), "only at the top");
        symlink("b.txt", world.project.join("link")).unwrap();
        assert_eq!(world.read("link").unwrap(), "only at the top");
    }

    #[test]
    fn nothing_outside_of_the_project_is_read() {
        let world = World::new();
        let outside = "lies outside of the project";
        symlink(&world.outside, world.project.join("link")).unwrap();
        let above = world.project.parent().unwrap();
        symlink(above, world.project.join("up")).unwrap();
        symlink("/dev/zero", world.project.join("zero")).unwrap();
        for path in [
            "../../outside",
            "sub/../../outside",
            world.outside.to_str().unwrap(),
            "/etc/passwd",
            "../../../../../../../../../etc/passwd",
            "link",
            "up/outside",
            "/dev/zero",
            "zero",
        ] {
            assert_eq!(world.refusal(path), outside, "{path}");
        }
        // A name that begins like the project is not in it.
        let near = above.join("pp");
        fs::create_dir(&near).unwrap();
        fs::write(near.join("x"), "x").unwrap();
        assert_eq!(world.refusal("../../pp/x"), outside);
    }

    #[test]
    fn only_files_with_text_in_them_are_read() {
        let world = World::new();
        world.write("empty", "");
        world.write("latin", b"caf\xe9 au lait");
        world.write("binary", b"a\0b");
        world.write("cut", b"caf\xc3");
        let pipe = world.project.join("pipe");
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        for (path, told) in [
            ("no-such", "there is no such file"),
            ("../no-such", "there is no such file"),
            ("../../no-such", "lies outside of the project"),
            ("/no-such", "lies outside of the project"),
            ("empty/x", "there is no such file"),
            ("empty", "is empty"),
            ("latin", "is no UTF-8 text"),
            ("binary", "is no UTF-8 text"),
            ("cut", "is no UTF-8 text"),
            ("sub", "is a directory, not a file"),
            (".", "is a directory, not a file"),
            ("pipe", "is a pipe, not a file"),
        ] {
            assert_eq!(world.refusal(path), told, "{path}");
        }
        let everything = Roots {
            inside: vec!["/".into()],
            from: vec!["/".into()],
        };
        let told = read(&everything, "/dev/zero").unwrap_err().to_string();
        assert_eq!(told, "is a device, not a file");
        let told = read(&everything, "/").unwrap_err().to_string();
        assert_eq!(told, "is a directory, not a file");
    }

    #[test]
    fn of_a_huge_file_only_the_beginning_is_read() {
        let world = World::new();
        let limit = ENTRY_LIMIT + MARGIN;
        // Two bytes a character, behind one of one byte: the limit is within a character.
        let beginning = format!("x{}", "é".repeat(limit));
        world.write("huge", &beginning);
        let length = 1 << 32;
        File::options()
            .write(true)
            .open(world.project.join("huge"))
            .unwrap()
            .set_len(length)
            .unwrap();
        let read = read(&world.roots(), "huge").unwrap();
        assert_eq!(read.text.len(), limit - 1);
        assert_eq!(read.unread, length - (limit as u64 - 1));
        assert!(read.text.ends_with('é'));
    }

    /// Between the check and the reading somebody puts a way out in place of what was checked.
    #[test]
    fn what_is_swapped_after_the_check_is_not_read() {
        let world = World::new();
        world.write("sub/outside", "harmless");
        world.write("file", "harmless");

        let in_folder = found(&world.roots(), "sub/outside").unwrap();
        let as_file = found(&world.roots(), "file").unwrap();
        let as_pipe = found(&world.roots(), "file").unwrap();
        fs::remove_dir_all(world.project.join("sub")).unwrap();
        symlink(world.project.parent().unwrap(), world.project.join("sub")).unwrap();
        let swapped = in_folder.open().unwrap_err().to_string();
        assert_eq!(swapped, "was replaced while it was read");

        let path = world.project.join("file");
        fs::remove_file(&path).unwrap();
        symlink(&world.outside, &path).unwrap();
        let swapped = as_file.open().unwrap_err().to_string();
        assert_eq!(swapped, "was replaced while it was read");

        fs::remove_file(&path).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let swapped = as_pipe.open().unwrap_err().to_string();
        assert_eq!(swapped, "is a pipe, not a file");
    }
}
