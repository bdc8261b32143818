//! The folders that definitions lie in, and the way through them. A repository may hold pipes, links
//! to devices, loops and heaps of files: none of it hangs us, fills the memory or leads outside.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::catalogue::Entry;
use super::frontmatter::Flaw;
use super::origin::Origin;

const MAX_FILE_BYTES: u64 = 128 * 1024;
/// Files and folders looked at in one place.
const MAX_ENTRIES: usize = 2_000;
const MAX_DEPTH: usize = 8;

/// The folders that count for a session, nearest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    folders: Vec<Folder>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    origin: Origin,
    path: PathBuf,
    /// What its files must lie in, links resolved.
    within: Option<PathBuf>,
}

impl Places {
    /// The places of a session in `cwd` of the project at `root`, with the user's configuration folder
    /// and the user's folder of Claude Code, where they are known.
    pub fn new(cwd: &Path, root: &Path, user: Option<&Path>, claude: Option<&Path>) -> Self {
        let user = user.map(|folder| folder.join("agents"));
        let claude = claude.map(|folder| folder.join("agents"));
        let users: Vec<PathBuf> = [&user, &claude]
            .into_iter()
            .flatten()
            .filter_map(|folder| folder.canonicalize().ok())
            .collect();
        let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
        let mut directories: Vec<&Path> = cwd
            .ancestors()
            .take_while(|directory| directory.starts_with(root))
            .collect();
        if directories.is_empty() {
            directories.push(root);
        }
        let mut folders = Vec::new();
        for directory in directories {
            for (origin, name) in [
                (Origin::Project, ".ostler/agents"),
                (Origin::ProjectClaude, ".claude/agents"),
            ] {
                let path = directory.join(name);
                // A home directory may be a project as well: what is the user's stays the user's.
                let real = path.canonicalize().unwrap_or_else(|_| path.clone());
                if !users.contains(&real) {
                    let within = Some(root.to_owned());
                    folders.push(Folder {
                        origin,
                        path,
                        within,
                    });
                }
            }
        }
        let users = [(Origin::User, user), (Origin::UserClaude, claude)];
        folders.extend(users.into_iter().filter_map(|(origin, path)| {
            let path = path?;
            let within = None;
            Some(Folder {
                origin,
                path,
                within,
            })
        }));
        Self { folders }
    }

    /// The folder that new definitions are written to: the user's, or the project's own.
    pub(super) fn writable(&self, root: &Path, user: bool) -> Option<PathBuf> {
        if !user {
            return Some(root.join(".ostler/agents"));
        }
        let own = |folder: &&Folder| folder.origin == Origin::User;
        self.folders
            .iter()
            .find(own)
            .map(|folder| folder.path.clone())
    }

    /// Every definition of every folder, nearest first, broken ones included.
    pub(super) fn read(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for folder in &self.folders {
            folder.read(&mut entries);
        }
        entries
    }
}

impl Folder {
    fn read(&self, into: &mut Vec<Entry>) {
        if self.leads_outside(&self.path) {
            let flaw = Flaw::new(None, "leads out of the project");
            into.push(Entry::broken(self.origin, &self.path, flaw));
            return;
        }
        let mut walk = Walk {
            files: Vec::new(),
            closed: Vec::new(),
            left: MAX_ENTRIES,
        };
        walk.through(&self.path, 0);
        for (folder, error) in walk.closed {
            let flaw = Flaw::new(None, format!("cannot be read: {error}"));
            into.push(Entry::broken(self.origin, &folder, flaw));
        }
        if walk.left == 0 {
            let reason = format!("holds more than {MAX_ENTRIES} files; not all were looked at");
            into.push(Entry::broken(
                self.origin,
                &self.path,
                Flaw::new(None, reason),
            ));
        }
        for file in walk.files {
            let entry = match self.text_of(&file) {
                Ok(text) => Entry::read(self.origin, &file, &text),
                Err(flaw) => Some(Entry::broken(self.origin, &file, flaw)),
            };
            into.extend(entry);
        }
    }

    fn leads_outside(&self, path: &Path) -> bool {
        match (&self.within, path.canonicalize()) {
            (Some(within), Ok(real)) => !real.starts_with(within),
            _ => false,
        }
    }

    fn text_of(&self, path: &Path) -> Result<String, Flaw> {
        let unreadable = |error: io::Error| Flaw::new(None, format!("cannot be read: {error}"));
        if self.leads_outside(path) {
            return Err(Flaw::new(None, "leads out of the project"));
        }
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Flaw::new(None, "is not a regular file"));
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        let mut file = file.take(MAX_FILE_BYTES + 1);
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let reason = format!("is larger than {} KiB", MAX_FILE_BYTES / 1024);
            return Err(Flaw::new(None, reason));
        }
        String::from_utf8(bytes).map_err(|_| Flaw::new(None, "is not UTF-8"))
    }
}

/// A walk through one folder, folders within it included.
struct Walk {
    files: Vec<PathBuf>,
    /// Folders that cannot be read.
    closed: Vec<(PathBuf, io::Error)>,
    left: usize,
}

impl Walk {
    fn through(&mut self, folder: &Path, depth: usize) {
        let found = match self.listed(folder) {
            Ok(found) => found,
            Err(error) => {
                self.closed.push((folder.to_owned(), error));
                return;
            }
        };
        for (path, is_folder) in found {
            if is_folder && depth < MAX_DEPTH {
                self.through(&path, depth + 1);
            } else if !is_folder && path.extension().is_some_and(|ending| ending == "md") {
                self.files.push(path);
            }
        }
    }

    /// What is in `folder`, in the order of names, and whether each is a folder itself.
    fn listed(&mut self, folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
        match fs::metadata(folder) {
            Ok(_) => {}
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let entry = entry?;
            // Links to folders are not followed: they may lead in circles.
            found.push((entry.path(), entry.file_type()?.is_dir()));
        }
        found.sort();
        Ok(found)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A project with a nested directory, a configuration folder and a folder of Claude Code.
    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = World(tempfile::tempdir().unwrap());
            for folder in ["repo/app/src", "config", "claude"] {
                fs::create_dir_all(world.at(folder)).unwrap();
            }
            world
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().canonicalize().unwrap().join(path)
        }

        fn write(&self, path: &str, text: impl AsRef<[u8]>) {
            let path = self.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn places(&self) -> Places {
            Places::new(
                &self.at("repo/app/src"),
                &self.at("repo"),
                Some(&self.at("config")),
                Some(&self.at("claude")),
            )
        }

        /// What is found: name, place, and what is wrong.
        fn found(&self) -> Vec<(String, Origin, String)> {
            let entries = self.places().read().into_iter();
            entries
                .map(|entry| {
                    let flaw = entry.outcome.err().map(|flaw| flaw.to_string());
                    (entry.name, entry.origin, flaw.unwrap_or_default())
                })
                .collect()
        }
    }

    const GOOD: &str = "---\ndescription: good\n---\nDo it.";

    fn good(name: &str, origin: Origin) -> (String, Origin, String) {
        (name.to_owned(), origin, String::new())
    }

    fn bad(name: &str, flaw: &str) -> (String, Origin, String) {
        (name.to_owned(), Origin::Project, flaw.to_owned())
    }

    #[test]
    fn the_nearest_folder_comes_first() {
        let world = World::new();
        for (path, name) in [
            ("claude/agents", "seven"),
            ("config/agents/deep/er", "six"),
            ("repo/.claude/agents", "five"),
            ("repo/.ostler/agents/b", "four"),
            ("repo/.ostler/agents", "a-three"),
            ("repo/app/.claude/agents", "two"),
            ("repo/app/src/.ostler/agents", "one"),
            ("repo/other/.ostler/agents", "elsewhere"),
        ] {
            world.write(&format!("{path}/{name}.md"), GOOD);
            world.write(&format!("{path}/notes.txt"), "no definition");
        }
        assert_eq!(
            world.found(),
            [
                good("one", Origin::Project),
                good("two", Origin::ProjectClaude),
                good("a-three", Origin::Project),
                good("four", Origin::Project),
                good("five", Origin::ProjectClaude),
                good("six", Origin::User),
                good("seven", Origin::UserClaude),
            ]
        );
    }

    #[test]
    fn a_home_that_is_a_project_stays_the_users() {
        let world = World::new();
        world.write("repo/.claude/agents/mine.md", GOOD);
        let home = world.at("repo");
        let places = Places::new(&home, &home, None, Some(&home.join(".claude")));
        let origins: Vec<Origin> = places.read().iter().map(|entry| entry.origin).collect();
        assert_eq!(origins, [Origin::UserClaude]);
    }

    #[test]
    fn what_a_repository_may_hold_does_no_harm() {
        let world = World::new();
        let agents = world.at("repo/.ostler/agents");
        fs::create_dir_all(agents.join("folder.md")).unwrap();
        world.write("secret.md", GOOD);
        symlink(world.at("secret.md"), agents.join("escape.md")).unwrap();
        symlink(&agents, agents.join("loop")).unwrap();
        symlink("/nowhere", agents.join("gone.md")).unwrap();
        symlink("/dev/zero", agents.join("zero.md")).unwrap();
        nix::unistd::mkfifo(&agents.join("pipe.md"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        world.write("repo/.ostler/agents/bytes.md", [0xff, 0xfe]);
        world.write("repo/.ostler/agents/huge.md", vec![b'-'; 200_000]);
        world.write("repo/.ostler/agents/inside.md", GOOD);
        symlink("inside.md", agents.join("link.md")).unwrap();
        assert_eq!(
            world.found(),
            [
                bad("bytes", "is not UTF-8"),
                bad("escape", "leads out of the project"),
                bad(
                    "gone",
                    "cannot be read: No such file or directory (os error 2)"
                ),
                bad("huge", "is larger than 128 KiB"),
                good("inside", Origin::Project),
                good("link", Origin::Project),
                bad("pipe", "is not a regular file"),
                bad("zero", "leads out of the project"),
            ]
        );
    }

    #[test]
    fn a_folder_that_leads_outside_is_not_entered() {
        let world = World::new();
        world.write("elsewhere/x.md", GOOD);
        fs::create_dir_all(world.at("repo/.ostler")).unwrap();
        symlink(world.at("elsewhere"), world.at("repo/.ostler/agents")).unwrap();
        assert_eq!(world.found(), [bad("agents", "leads out of the project")]);
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_told_and_one_above_it_is_not() {
        let world = World::new();
        world.write("repo/.claude", "a file");
        world.write("repo/.ostler/agents", "a file");
        let told = "cannot be read: Not a directory (os error 20)";
        assert_eq!(world.found(), [bad("agents", told)]);
    }

    #[test]
    fn a_heap_of_files_is_not_all_read() {
        let world = World::new();
        let agents = world.at("repo/.ostler/agents");
        fs::create_dir_all(&agents).unwrap();
        for number in 0..=MAX_ENTRIES {
            fs::write(agents.join(format!("{number}.md")), "").unwrap();
        }
        let found = world.found();
        assert_eq!(found.len(), MAX_ENTRIES + 1);
        assert!(found[0].2.starts_with("holds more than 2000 files"));
    }
}
