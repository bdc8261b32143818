//! The repository's hooks, as far as they lie in the tree that an agent has worked in: what it wrote
//! there must not be run by our commit, with rights that the agent never had.

use std::path::{Component, Path};

use super::rows::Tree;
use super::{Git, GitError};

/// The top folder of the tree's own hooks if anything in it is not as it was when the agent began;
/// `None` where the hooks lie elsewhere. A link on the way to them counts as something in it.
pub(super) async fn changed(git: &Git, tree: &Tree) -> Result<Option<String>, GitError> {
    // Only with hooks does git say where they are.
    let asked = ["rev-parse", "--git-path", "hooks"];
    let hooks = git.clone().with_hooks().run(&asked).await?;
    let hooks = tree.path.join(hooks);
    let Ok(inside) = hooks.strip_prefix(&tree.path) else {
        return Ok(None);
    };
    let Some(top) = top_folder(inside) else {
        return Ok(None);
    };
    let folder = format!(":(top,literal){top}");
    let looks: [&[&str]; 2] = [
        &[
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--ignored",
            "--",
            &folder,
        ],
        &["diff", "--name-only", &tree.base, "HEAD", "--", &folder],
    ];
    for look in looks {
        if !git.bytes(look).await?.is_empty() {
            return Ok(Some(top));
        }
    }
    Ok(None)
}

fn top_folder(inside: &Path) -> Option<String> {
    let mut parts = inside.components();
    match parts.next()? {
        Component::Normal(top) => top.to_str().map(str::to_owned),
        _ => None,
    }
}
