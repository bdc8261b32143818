//! What an agent, a user or a process left behind may do to a tree, and what must not come of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

/// The user's branch, commit, staged files and refs.
fn stand(user: &Scratch) -> [String; 3] {
    [
        user.git(&["rev-parse", "--symbolic-full-name", "HEAD"]),
        user.git(&["ls-files", "--stage"]),
        user.git(&["for-each-ref"]),
    ]
}

#[tokio::test]
async fn a_branch_that_the_user_has_checked_out_stays_when_its_tree_is_gone() {
    let world = World::new().await;
    let tree = world.made().await;
    write(&tree.join("new"), "1\n");
    let branch = kept(world.settled().await).branch;
    world.user.git(&["merge", "-q", &branch]);
    let remove = ["worktree", "remove", tree.to_str().unwrap()];
    world.user.git(&remove);
    world.user.git(&["checkout", "-q", &branch]);
    let before = stand(&world.user);
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Removed(_)
    ));
    assert_eq!(stand(&world.user), before);
    assert_eq!(world.user.git(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_tree_whose_git_file_leads_to_the_users_repository_is_left_alone_and_so_is_that() {
    let world = World::new().await;
    let tree = world.made().await;
    world.user.write("file", "two\n");
    world.user.commit("two");
    world.user.git(&["checkout", "-q", "--detach"]);
    write(&tree.join("new"), "1\n");
    let astray = format!("gitdir: {}\n", world.user.top().join(".git").display());
    write(&tree.join(".git"), &astray);
    // The user's own git is at work.
    let lock = world.user.top().join(".git/index.lock");
    write(&lock, "");
    let before = stand(&world.user);
    let harvest = kept(world.settled().await);
    assert!(
        harvest.note.contains("`.git` file of") && harvest.note.contains("leads elsewhere"),
        "{harvest:?}"
    );
    assert_eq!(stand(&world.user), before);
    assert!(lock.exists());
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Kept(_)
    ));
    assert!(tree.join("new").exists());
}

#[tokio::test]
async fn a_tree_without_a_git_file_is_not_taken_for_part_of_a_repository_around_it() {
    let world = World::new().await;
    let around = world.home.path();
    let tree = world.made().await;
    git(around, &["init", "-q"]);
    std::fs::remove_file(tree.join(".git")).unwrap();
    write(&tree.join("new"), "1\n");
    let harvest = kept(world.settled().await);
    assert!(harvest.note.contains("`.git` file of"), "{harvest:?}");
    assert_eq!(git(around, &["ls-files"]), "");
    assert!(tree.join("new").exists());
    // What it was is mended, and its agent goes on.
    world.user.git(&["worktree", "repair"]);
    assert_eq!(world.made().await, tree);
    assert_eq!(kept(world.settled().await).files, ["A new"]);
}

#[tokio::test]
async fn what_is_written_while_a_tree_leaves_its_place_brings_it_back() {
    let world = World::new().await;
    let tree = world.made().await;
    let trash = worktree::beside(&tree, worktree::TRASH);
    let leave = async || {
        let mut row = world.row().await;
        let removing = TreeState::Removing;
        assert!(
            rows::advance(&world.store, &mut row, removing, "", 1)
                .await
                .unwrap()
        );
        std::fs::rename(&tree, &trash).unwrap();
    };
    leave().await;
    write(&trash.join("late"), "1\n");
    assert_eq!(
        world.reaped(Pruning::default()).await,
        Verdict::Kept("uncommitted: late".to_owned())
    );
    assert_eq!(git(&tree, &["status", "--porcelain"]), "?? late");

    // A deletion that has begun is ended, whatever is left.
    std::fs::remove_file(tree.join("late")).unwrap();
    leave().await;
    let forget = ["worktree", "remove", "--force", tree.to_str().unwrap()];
    world.user.git(&forget);
    std::fs::remove_file(trash.join("file")).unwrap();
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Removed(_)
    ));
    world.assert_gone().await;
}

#[tokio::test]
async fn a_tree_that_was_locked_with_git_stays_until_it_is_unlocked() {
    let world = World::new().await;
    let tree = world.made().await;
    let tree = tree.to_str().unwrap();
    world.user.git(&["worktree", "lock", tree]);
    kept(world.settled().await);
    assert_eq!(
        world.reaped(Pruning::default()).await,
        Verdict::Kept("it was locked with `git worktree lock`".to_owned())
    );
    world.user.git(&["worktree", "unlock", tree]);
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Removed(_)
    ));
    world.assert_gone().await;
}

#[tokio::test]
async fn an_agent_that_deletes_its_branch_gets_no_history_without_a_beginning() {
    let world = World::new().await;
    let tree = world.made().await;
    let branch = git(&tree, &["symbolic-ref", "HEAD"]);
    git(&tree, &["update-ref", "-d", &branch]);
    write(&tree.join("new"), "1\n");
    let harvest = kept(world.settled().await);
    assert!(
        harvest.note.starts_with("its branch was deleted"),
        "{harvest:?}"
    );
    assert_eq!(world.branches(), "");
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Kept(_)
    ));
    assert!(tree.join("new").exists());
}

#[tokio::test]
async fn names_that_are_no_text_are_committed_and_repositories_of_such_names_left_out() {
    let world = World::new().await;
    let tree = world.made().await;
    let named = |name: &[u8]| tree.join(OsStr::from_bytes(name));
    std::fs::write(named(b"odd\xff\nname"), "1\n").unwrap();
    let own = named(b"own\xff");
    git(&tree, &["init", "-q", "own"]);
    std::fs::rename(tree.join("own"), &own).unwrap();
    write(&own.join("file"), "1\n");
    let harvest = kept(world.settled().await);
    assert_eq!(harvest.commits, 1, "{harvest:?}");
    assert_eq!(harvest.files, ["A odd\u{fffd}\nname"]);
    assert!(
        harvest
            .note
            .contains("repositories of their own: own\u{fffd}"),
        "{harvest:?}"
    );
}
