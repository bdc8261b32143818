//! Everything uncommitted becomes a commit: what is taken along, in whose name, and without anybody
//! being asked for a passphrase.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::{Git, GitError};
use crate::config::Author;

/// In whose name a commit is made where nobody has one.
const NOBODY: (&str, &str) = ("ostler", "ostler@localhost");
/// How long a signature may take: an agent that has the key unlocked gives it at once.
const SIGNING: Duration = Duration::from_secs(20);

/// Puts everything that git does not ignore into the index; which repositories of their own stand in
/// the tree and were left out, because a commit would hold no more of them than a number.
pub(super) async fn add_all(git: &Git) -> Result<Vec<String>, GitError> {
    let nested = nested(git).await?;
    let mut add: Vec<OsString> = ["add", "--all", "--sparse", "--", ":(top)"]
        .map(OsString::from)
        .into();
    add.extend(nested.iter().map(|path| {
        let mut pattern = OsString::from(":(top,exclude,literal)");
        pattern.push(path);
        pattern
    }));
    git.run_patiently(&add).await?;
    let names = nested.iter().map(|path| path.to_string_lossy());
    Ok(names.map(|name| name.into_owned()).collect())
}

/// Untracked repositories in the tree.
async fn nested(git: &Git) -> Result<Vec<OsString>, GitError> {
    let asked = [
        "ls-files",
        "--others",
        "--exclude-standard",
        "--full-name",
        "-z",
        ":(top)",
    ];
    let others = git.bytes(&asked).await?;
    let others = others.split(|byte| *byte == 0);
    let folders = others.filter_map(|path| path.strip_suffix(b"/"));
    Ok(folders
        .map(|path| OsString::from_vec(path.to_vec()))
        .collect())
}

/// git with names for author and committer: `author` if there is one, else those that the user has
/// configured, else a plain one of ours.
pub(super) async fn in_the_name_of(git: Git, author: Option<&Author>) -> Result<Git, GitError> {
    let mut named = git.clone();
    for role in ["AUTHOR", "COMMITTER"] {
        // Without this git makes up a name from that of the machine.
        let asked = [
            "-c",
            "user.useConfigOnly=true",
            "var",
            &format!("GIT_{role}_IDENT"),
        ];
        let known = git.attempt(&asked).await?.code == Some(0);
        let (name, mail) = match author {
            Some(author) if role == "AUTHOR" || !known => (author.name(), author.mail()),
            None if !known => NOBODY,
            _ => continue,
        };
        named = named
            .with(format!("GIT_{role}_NAME"), name)
            .with(format!("GIT_{role}_EMAIL"), mail);
    }
    Ok(named)
}

/// Commits what is in the index; with the hooks if `git` has them.
///
/// # Errors
/// The words of git, of a hook or of the program that signs.
pub(super) async fn commit(git: &Git, subject: &str, body: &str) -> Result<(), GitError> {
    let asked = ["config", "--type=bool", "--get", "commit.gpgSign"];
    if git.attempt(&asked).await?.stdout.starts_with(b"true") {
        // Hooks may take their time, a signature may not. This one is for nobody.
        let tree = git.run(&["write-tree"]).await?;
        let probe = ["commit-tree", "-S", "-m", "can it be signed?", &tree];
        git.clone().within(SIGNING).run(&probe).await?;
    }
    git.run_patiently(&["commit", "--quiet", "-m", subject, "-m", body])
        .await?;
    Ok(())
}
