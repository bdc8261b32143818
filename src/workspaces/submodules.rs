//! Submodules of a new working tree: those that the tree it was made from has, cloned from there and
//! not from the network.

use std::path::Path;

use super::{Git, GitError};

/// Submodules within submodules; deeper ones are left empty.
const DEPTH: u32 = 8;

/// Fills the submodules of the tree at `to` that are filled in the tree at `from`; what could not be
/// had, in one line, for a note.
pub(super) async fn fill(from: &Path, to: &Path) -> Option<String> {
    let mut missing = Vec::new();
    let mut open = vec![(from.to_owned(), to.to_owned(), 0)];
    while let Some((from, to, depth)) = open.pop() {
        if !to.join(".gitmodules").is_file() || depth == DEPTH {
            continue;
        }
        let submodules = match filled(&from).await {
            Ok(submodules) => submodules,
            Err(error) => {
                missing.push(error.to_string());
                continue;
            }
        };
        for submodule in submodules {
            match bring(&from, &to, &submodule).await {
                Ok(()) => {
                    let path = &submodule.path;
                    open.push((from.join(path), to.join(path), depth + 1));
                }
                Err(error) => missing.push(format!("{}: {error}", submodule.path)),
            }
        }
    }
    let list = missing.join("; ");
    (!missing.is_empty()).then(|| format!("submodules are missing: {list}"))
}

struct Submodule {
    name: String,
    path: String,
}

/// The submodules of the tree at `top` whose repository is there.
async fn filled(top: &Path) -> Result<Vec<Submodule>, GitError> {
    let git = Git::at(top);
    let asked = [
        "config",
        "--file",
        ".gitmodules",
        "-z",
        "--get-regexp",
        r"^submodule\..*\.path$",
    ];
    let told = git.attempt(&asked).await?.stdout;
    let told = String::from_utf8_lossy(&told);
    let submodules = told.split('\0').filter_map(|entry| {
        let (key, path) = entry.split_once('\n')?;
        let name = key.strip_prefix("submodule.")?.strip_suffix(".path")?;
        Some(Submodule {
            name: name.to_owned(),
            path: path.to_owned(),
        })
    });
    let is_filled = |submodule: &Submodule| top.join(&submodule.path).join(".git").exists();
    Ok(submodules.filter(is_filled).collect())
}

/// Clones one submodule from the tree at `from` into the tree at `to`, at the commit that belongs there.
async fn bring(from: &Path, to: &Path, submodule: &Submodule) -> Result<(), GitError> {
    let Submodule { name, path } = submodule;
    let theirs = Git::at(from.join(path));
    let folder = theirs
        .run(&["rev-parse", "--path-format=absolute", "--git-common-dir"])
        .await?;
    let git = Git::at(to);
    let key = format!("submodule.{name}.url");
    // Shared with the tree it came from where that is a worktree of the same repository.
    let known = Git::at(from).attempt(&["config", "--get", &key]).await?;
    let url = String::from_utf8_lossy(&known.stdout).trim().to_owned();
    if known.code == Some(0) && git.attempt(&["config", "--get", &key]).await?.code != Some(0) {
        git.run_patiently(&["config", &key, &url]).await?;
    }
    let local = format!("{key}={folder}");
    let update = [
        "-c",
        "protocol.allow=never",
        "-c",
        "protocol.file.allow=always",
        "-c",
        &local,
        "submodule",
        "--quiet",
        "update",
        "--init",
        "--",
        path,
    ];
    git.run_patiently(&update).await?;
    let ours = Git::at(to.join(path));
    let origin = theirs
        .attempt(&["config", "--get", "remote.origin.url"])
        .await?;
    let origin = String::from_utf8_lossy(&origin.stdout).trim().to_owned();
    if !origin.is_empty() {
        ours.run(&["remote", "set-url", "origin", &origin]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspaces::scratch::{Scratch, git};

    /// A repository with a submodule that has one itself, both filled; their sources are gone.
    fn with_submodules() -> (Scratch, [Scratch; 2]) {
        let add = [
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
        ];
        let (outer, middle, inner) = (Scratch::new(), Scratch::new(), Scratch::new());
        for (scratch, text) in [(&inner, "inner"), (&middle, "middle"), (&outer, "outer")] {
            scratch.write("file", text);
            scratch.commit("one");
        }
        for (above, below, path) in [(&middle, &inner, "deep"), (&outer, &middle, "libs/middle")] {
            let source = below.top();
            above.git(&[&add[..], &[source.to_str().unwrap(), path]].concat());
            above.commit("a submodule");
        }
        let update = [
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "update",
        ];
        outer.git(&[&update[..], &["--init", "--recursive"]].concat());
        for gone in [&inner, &middle] {
            std::fs::rename(gone.top(), gone.beside("gone")).unwrap();
        }
        (outer, [middle, inner])
    }

    #[tokio::test]
    async fn filled_submodules_come_from_the_local_clones_and_the_configuration_stays() {
        let (outer, _sources) = with_submodules();
        let tree = outer.beside("tree");
        outer.git(&["worktree", "add", "-q", tree.to_str().unwrap()]);
        let config = || std::fs::read_to_string(outer.top().join(".git/config")).unwrap();
        let before = config();
        assert_eq!(fill(&outer.top(), &tree).await, None);
        let text = |path: &str| std::fs::read_to_string(tree.join(path)).unwrap();
        assert_eq!(
            (text("libs/middle/file"), text("libs/middle/deep/file")),
            ("middle".into(), "inner".into())
        );
        assert_eq!(config(), before);
        assert_eq!(git(&tree, &["status", "--porcelain"]), "");
        let origin = |top: &Path| git(&top.join("libs/middle"), &["remote", "get-url", "origin"]);
        assert_eq!(origin(&tree), origin(&outer.top()));
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_told_and_the_rest_goes_on() {
        let (outer, _sources) = with_submodules();
        let tree = outer.beside("tree");
        outer.git(&["worktree", "add", "-q", tree.to_str().unwrap()]);
        let modules = outer.top().join(".git/modules/libs/middle");
        std::fs::remove_dir_all(modules.join("objects")).unwrap();
        let told = fill(&outer.top(), &tree).await.unwrap();
        assert!(
            told.starts_with("submodules are missing: libs/middle: "),
            "{told}"
        );
    }
}
