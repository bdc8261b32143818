use std::path::PathBuf;
use std::process::Command;

use super::*;

struct Repository {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let repository = Self {
            _folder: folder,
            path,
        };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    fn with_a_commit() -> Self {
        let repository = Self::new();
        repository.write("a.txt", "one\n");
        repository.git(&["add", "."]);
        repository.git(&["commit", "-q", "-m", "The first\n\nWith a reason."]);
        repository
    }

    fn git(&self, args: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=Tester", "-c", "user.email=t@example.com"])
            .args(args)
            .current_dir(&self.path)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {done:?}");
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path.join(name), text).unwrap();
    }

    async fn diff(&self, revision: Option<&str>) -> Said {
        diff(&self.path, revision).await.unwrap()
    }

    async fn refusal(&self, revision: &str) -> String {
        diff(&self.path, Some(revision))
            .await
            .unwrap_err()
            .to_string()
    }
}

/// The copy of the index that is looked at must not be younger than the index.
#[tokio::test]
async fn a_change_of_the_same_second_and_size_is_seen() {
    let repository = Repository::new();
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let touch = |name: &str| {
        let file = std::fs::File::options()
            .write(true)
            .open(repository.path.join(name))
            .unwrap();
        file.set_modified(then).unwrap();
    };
    repository.git(&["config", "core.trustctime", "false"]);
    repository.write("a.txt", "old\n");
    touch("a.txt");
    repository.git(&["add", "."]);
    repository.git(&["commit", "-q", "-m", "one"]);
    repository.write("a.txt", "new\n");
    touch("a.txt");
    touch(".git/index");
    let said = repository.diff(None).await;
    assert!(said.text.contains("-old\n+new\n"), "{}", said.text);
}

#[tokio::test]
async fn what_is_not_committed_is_shown_staged_or_not() {
    let repository = Repository::with_a_commit();
    assert_eq!(repository.diff(None).await.text, "no uncommitted changes\n");
    repository.write("a.txt", "two\n");
    repository.write("b.txt", "staged\n");
    repository.git(&["add", "b.txt"]);
    repository.write("new.txt", "untracked\n");
    let Said {
        about,
        text,
        unread,
    } = repository.diff(None).await;
    assert_eq!(about, "what is not committed, against HEAD");
    assert!(
        text.starts_with("New and not in this diff: new.txt\n\n"),
        "{text}"
    );
    assert!(text.contains("\n-one\n+two\n"), "{text}");
    assert!(text.contains("\n+staged\n"), "{text}");
    assert_eq!(unread, 0);
    std::fs::create_dir(repository.path.join("below")).unwrap();
    let below = diff(&repository.path.join("below"), None).await.unwrap();
    assert!(below.text.contains("\n+two\n"), "{}", below.text);
}

#[tokio::test]
async fn a_file_that_was_only_touched_is_no_change_and_the_index_stays_as_it_is() {
    let repository = Repository::with_a_commit();
    let index = || std::fs::read(repository.path.join(".git/index")).unwrap();
    let before = index();
    let file = std::fs::File::options()
        .write(true)
        .open(repository.path.join("a.txt"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(repository.diff(None).await.text, "no uncommitted changes\n");
    assert_eq!(index(), before);
}

#[tokio::test]
async fn before_the_first_commit_everything_is_new() {
    let repository = Repository::new();
    repository.write("a.txt", "one\n");
    repository.git(&["add", "."]);
    let text = repository.diff(None).await.text;
    assert!(text.contains("\n+one\n"), "{text}");
    let told = log(&repository.path, 5).await.unwrap_err().to_string();
    assert_eq!(told, "git: there is no commit yet");
}

#[tokio::test]
async fn revisions_and_ranges_are_compared() {
    let repository = Repository::with_a_commit();
    repository.write("a.txt", "two\n");
    repository.git(&["commit", "-q", "-a", "-m", "The second"]);
    let text = repository.diff(Some("HEAD~1..HEAD")).await.text;
    assert!(text.contains("\n-one\n+two\n"), "{text}");
    let text = repository.diff(Some("HEAD~1")).await.text;
    assert!(text.contains("\n-one\n+two\n"), "{text}");
    assert_eq!(
        repository.diff(Some("HEAD")).await.text,
        "no changes in HEAD\n"
    );
    let told = repository.refusal("no-such").await;
    assert!(told.starts_with("git: bad revision 'no-such'"), "{told}");
    let told = repository.refusal("--output=x").await;
    assert!(told.starts_with("git: "), "{told}");
    assert!(!repository.path.join("x").exists());
}

#[tokio::test]
async fn the_last_commits_are_told() {
    let repository = Repository::with_a_commit();
    repository.write("a.txt", "two\n");
    repository.git(&["commit", "-q", "-a", "-m", "The second"]);
    let text = log(&repository.path, 1).await.unwrap().text;
    assert!(text.contains("\nAuthor: Tester\n"), "{text}");
    assert!(text.contains("\n    The second\n"), "{text}");
    assert!(!text.contains("The first"), "{text}");
    let text = log(&repository.path, 9).await.unwrap().text;
    assert!(
        text.contains(
            "
    The first
"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "
    With a reason.
"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn without_a_repository_git_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let told = diff(folder.path(), None).await.unwrap_err().to_string();
    assert!(told.starts_with("git: not a git repository"), "{told}");
}

#[tokio::test]
async fn of_a_large_diff_the_beginning_is_kept_and_the_rest_counted() {
    let repository = Repository::with_a_commit();
    repository.write("a.txt", &"a line of some length\n".repeat(10_000));
    let said = repository.diff(None).await;
    assert_eq!(said.text.len(), ENTRY_LIMIT + MARGIN);
    assert!(said.unread > 190_000, "{}", said.unread);
    assert!(said.text.starts_with("diff --git"), "{}", &said.text[..40]);
}

/// Everything by which a repository can have a program of its choice run when it is looked at.
#[tokio::test]
async fn nothing_that_the_repository_brings_is_run() {
    let repository = Repository::with_a_commit();
    let mark = repository.path.join(".git/was-run");
    let program = repository.path.join(".git/program");
    let script = format!("#!/bin/sh\ntouch {}\ncat\n", mark.display());
    std::fs::write(&program, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    let program = program.to_str().unwrap();
    repository.write(
        ".gitattributes",
        "*.txt filter=mine diff=mine\n*.bin filter=long diff=mine\n",
    );
    repository.write("x.bin", "x\n");
    repository.git(&["add", "."]);
    repository.git(&["commit", "-q", "-m", "Attributes"]);
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "diff.external",
        "diff.mine.command",
        "diff.mine.textconv",
        "filter.mine.clean",
        "filter.mine.smudge",
        "filter.long.process",
        "gpg.program",
        "pager.diff",
        "pager.log",
    ] {
        repository.git(&["config", key, program]);
    }
    for (key, value) in [
        ("filter.mine.required", "true"),
        ("filter.long.required", "true"),
        ("log.showSignature", "true"),
    ] {
        repository.git(&["config", key, value]);
    }
    repository.write("a.txt", "two\n");
    repository.write("x.bin", "y\n");
    let text = repository.diff(None).await.text;
    assert!(
        text.contains("\n+two\n") && text.contains("\n+y\n"),
        "{text}"
    );
    log(&repository.path, 5).await.unwrap();
    assert!(!mark.exists(), "a program of the repository was run");
    // That the trap works at all.
    let plain = Command::new("git")
        .args(["diff"])
        .current_dir(&repository.path)
        .output();
    plain.unwrap();
    assert!(mark.exists());
}
