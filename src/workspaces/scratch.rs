//! A repository for tests, with an identity of its own and nobody's settings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const CONFIG: &str = "[core]
\trepositoryformatversion = 0
\tbare = false
\tlogallrefupdates = true
[user]
\tname = Tester
\temail = tester@localhost
";

pub(crate) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// An empty repository on the branch `main`.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        repository(&dir.path().join("r"));
        Self { dir }
    }

    /// A copy of a repository with one commit, which is made once: starting git is what takes time.
    pub(super) fn with_a_commit() -> Self {
        static FILES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
            let scratch = Scratch::new();
            scratch.write("file", "one\n");
            scratch.write(".gitignore", "*.log\n");
            scratch.commit("one");
            files(&scratch.dir.path().join("r"), Path::new(""))
        });
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in FILES.iter() {
            write(&dir.path().join("r").join(name), bytes);
        }
        Self { dir }
    }

    /// Top of its working tree.
    pub(crate) fn top(&self) -> PathBuf {
        self.dir.path().join("r").canonicalize().unwrap()
    }

    /// A folder beside it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.top().join(name), text);
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// Runs git there; what it printed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.top(), args)
    }

    pub(crate) fn may_fail(&self, args: &[&str]) {
        let _ = Command::new("git")
            .args(args)
            .current_dir(self.top())
            .output();
    }
}

/// Runs git in `dir`; what it printed.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {said}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Writes a file, making its folders.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Makes an empty repository on the branch `main`, as `git init` does but for sample hooks.
pub(super) fn repository(top: &Path) {
    let folder = top.join(".git");
    for name in ["objects", "refs/heads", "hooks", "info"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    write(&folder.join("HEAD"), "ref: refs/heads/main\n");
    write(&folder.join("config"), CONFIG);
}

/// Every file in the folder `inside` of `top`.
fn files(top: &Path, inside: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = top.join(inside).read_dir().unwrap();
    let names = entries.map(|entry| inside.join(entry.unwrap().file_name()));
    names
        .flat_map(|name| match top.join(&name) {
            path if path.is_dir() => files(top, &name),
            path => vec![(name, std::fs::read(path).unwrap())],
        })
        .collect()
}
