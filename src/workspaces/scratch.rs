//! A repository for tests, with an identity of its own and nobody's settings.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// An empty repository on the branch `main`.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("r")).unwrap();
        let scratch = Self { dir };
        scratch.git(&["init", "-q", "-b", "main"]);
        for (key, value) in [("user.name", "Tester"), ("user.email", "tester@localhost")] {
            scratch.git(&["config", key, value]);
        }
        scratch
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
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
