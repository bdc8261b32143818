//! Working trees from their making to their end, on real repositories.

mod guard;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::plan::plan;
use super::scratch::{Scratch, git, write};
use super::*;
use crate::clock::ManualClock;
use crate::config;
use crate::ids::{AgentId, ProjectId, SequentialIds};
use crate::store::Store;

struct World {
    home: tempfile::TempDir,
    store: Store,
    clock: ManualClock,
    settings: config::Workspaces,
    project: ProjectId,
    agent: AgentId,
    user: Scratch,
}

impl World {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let ids = SequentialIds::default();
        let user = Scratch::with_a_commit();
        Self {
            project: store.project(&ids, "/p", 1).await.unwrap(),
            agent: AgentId::new(&ids),
            clock: ManualClock::at(1_000),
            settings: config::Workspaces::default(),
            home,
            store,
            user,
        }
    }

    fn trees(&self) -> Workspaces<'_> {
        Workspaces {
            store: &self.store,
            clock: &self.clock,
            settings: &self.settings,
        }
    }

    async fn plan(&self) -> WorkspacePlan {
        let (home, top) = (self.home.path(), self.user.top());
        let planned = plan(home, &self.project, &self.agent, "Do it", &top, false).await;
        planned.unwrap()
    }

    /// Makes the agent's tree; its top.
    async fn made(&self) -> PathBuf {
        let plan = self.plan().await;
        let made = self.trees().make(&self.agent, &self.project, &plan).await;
        made.unwrap().path
    }

    async fn settled(&self) -> Option<Harvest> {
        self.trees().settle(&self.agent, "Do it").await.unwrap()
    }

    async fn row(&self) -> Tree {
        rows::of_agent(&self.store, &self.agent)
            .await
            .unwrap()
            .unwrap()
    }

    async fn reaped(&self, pruning: Pruning) -> Verdict {
        self.trees().reap(&self.row().await, pruning).await.unwrap()
    }

    fn branches(&self) -> String {
        self.user
            .git(&["branch", "--list", "ostler/*", "--format=%(refname:short)"])
    }

    /// The tree, its branch and what git knows of it are gone, and nothing else is.
    async fn assert_gone(&self) {
        let row = self.row().await;
        assert_eq!(row.state, TreeState::Removed, "{row:?}");
        assert_eq!(self.branches(), "");
        assert_eq!(self.user.git(&["worktree", "list"]).lines().count(), 1);
        let left: Vec<_> = row.path.parent().unwrap().read_dir().unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        self.user.git(&["fsck", "--strict"]);
    }
}

fn hook(world: &World, name: &str, body: &str) {
    let path = world.user.top().join(".git/hooks").join(name);
    write(&path, format!("#!/bin/sh\n{body}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn kept(harvest: Option<Harvest>) -> Harvest {
    let harvest = harvest.expect("there is a tree");
    assert!(harvest.path.is_some(), "{harvest:?}");
    harvest
}

#[tokio::test]
async fn a_tree_starts_from_the_commit_that_was_asked_for() {
    let world = World::new().await;
    let first = world.user.git(&["rev-parse", "HEAD"]);
    world.user.write("file", "two\n");
    world.user.commit("two");
    for (base, text) in [(Some(first), "one\n"), (None, "two\n")] {
        let plan = WorkspacePlan {
            base,
            // What is uncommitted goes with what is checked out, and with nothing else.
            with_changes: true,
            ..world.plan().await
        };
        let trees = world.trees();
        let made = trees.make(&world.agent, &world.project, &plan).await;
        let path = made.unwrap().path;
        assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), text);
        assert_eq!(world.settled().await.and_then(|tree| tree.path), None);
    }
    let plan = WorkspacePlan {
        base: Some("0".repeat(40)),
        ..world.plan().await
    };
    let made = world
        .trees()
        .make(&world.agent, &world.project, &plan)
        .await;
    assert!(matches!(made, Err(WorkspaceError::Git(_))), "{made:?}");
}

#[tokio::test]
async fn an_untouched_tree_goes_with_its_branch() {
    let world = World::new().await;
    let tree = world.made().await;
    assert_eq!(std::fs::read_to_string(tree.join("file")).unwrap(), "one\n");
    let harvest = world.settled().await.unwrap();
    assert_eq!((harvest.path, harvest.commits), (None, 0));
    assert_eq!(
        harvest.note,
        "nothing was changed; tree and branch are gone"
    );
    world.assert_gone().await;
}

#[tokio::test]
async fn everything_uncommitted_is_committed_and_accounted_for() {
    let world = World::new().await;
    let tree = world.made().await;
    write(&tree.join("file"), "two\n");
    write(&tree.join("new/one"), "1\n");
    write(&tree.join("made.log"), "noise");
    let harvest = kept(world.settled().await);
    assert_eq!(harvest.commits, 1);
    assert_eq!(harvest.files, ["M file", "A new/one"]);
    assert_eq!(
        harvest.diff_stat,
        "2 files changed, 2 insertions(+), 1 deletion(-)"
    );
    assert_eq!(
        harvest.note,
        "files that git ignores are only in the tree: made.log"
    );
    let message = git(&tree, &["log", "-1", "--format=%an <%ae>%n%B"]);
    let expected = format!(
        "Tester <tester@localhost>\nDo it\n\nCommitted by ostler when agent {} ended.",
        world.agent
    );
    assert_eq!(message, expected);
    assert_eq!(git(&tree, &["branch", "--show-current"]), harvest.branch);
    assert_eq!(world.row().await.state, TreeState::Kept);
}

#[tokio::test]
async fn a_commit_has_the_configured_author_and_never_lacks_one() {
    let mut world = World::new().await;
    // Above the user's own settings and those of the machine that the test runs on.
    world.user.git(&["config", "user.name", ""]);
    world.user.git(&["config", "user.email", ""]);
    let tree = world.made().await;
    write(&tree.join("file"), "two\n");
    kept(world.settled().await);
    let people = ["log", "-1", "--format=%an <%ae>, %cn <%ce>"];
    let nobody = "ostler <ostler@localhost>";
    assert_eq!(git(&tree, &people), format!("{nobody}, {nobody}"));

    world.made().await;
    let author = r#"author = "Ada <ada@localhost>""#;
    world.settings = toml::from_str(author).unwrap();
    world.user.git(&["config", "user.name", "Tester"]);
    world
        .user
        .git(&["config", "user.email", "tester@localhost"]);
    write(&tree.join("file"), "three\n");
    kept(world.settled().await);
    assert_eq!(
        git(&tree, &people),
        "Ada <ada@localhost>, Tester <tester@localhost>"
    );
}

#[tokio::test]
async fn a_failing_hook_leaves_the_work_uncommitted_and_is_quoted() {
    let mut world = World::new().await;
    hook(&world, "pre-commit", "echo 'no tabs please' >&2; exit 1");
    let tree = world.made().await;
    write(&tree.join("new"), "1\n");
    let harvest = kept(world.settled().await);
    assert!(
        harvest
            .note
            .starts_with("not committed, it is all in the tree: "),
        "{harvest:?}"
    );
    assert!(harvest.note.contains("no tabs please"), "{harvest:?}");
    assert_eq!(
        (harvest.commits, &harvest.files[..]),
        (0, &["A new".to_owned()][..])
    );
    assert_eq!(std::fs::read_to_string(tree.join("new")).unwrap(), "1\n");
    assert_eq!(
        world.reaped(Pruning::default()).await,
        Verdict::Kept("uncommitted: new".to_owned())
    );

    world.made().await;
    world.settings.hooks = false;
    assert_eq!(kept(world.settled().await).commits, 1);
}

#[tokio::test]
async fn hooks_that_the_agent_has_changed_are_not_run_by_our_commit() {
    let mut world = World::new().await;
    let hook = |tree: &Path, name: &str, mark: &str| {
        let path = tree.join(".hooks").join(name);
        write(&path, format!("#!/bin/sh\ntouch \"$GIT_DIR\"/{mark}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    hook(&world.user.top(), "pre-commit", "theirs");
    world.user.git(&["add", "-A"]);
    world.user.git(&["commit", "-qm", "hooks"]);
    world.user.git(&["config", "core.hooksPath", ".hooks"]);
    let ran = |tree: &Path, mark: &str| {
        let dir = git(tree, &["rev-parse", "--absolute-git-dir"]);
        Path::new(&dir).join(mark).exists()
    };

    let tree = world.made().await;
    write(&tree.join("new"), "1\n");
    assert_eq!(kept(world.settled().await).commits, 1);
    assert!(ran(&tree, "theirs"));

    // Another hook beside it, one that is committed, and one behind a link.
    let ways: [&dyn Fn(&Path); 3] = [
        &|tree| hook(tree, "commit-msg", "its"),
        &|tree| {
            hook(tree, "pre-commit", "its");
            git(tree, &["add", "-A"]);
            git(
                tree,
                &["-c", "core.hooksPath=/dev/null", "commit", "-qm", "x"],
            );
            write(&tree.join("more"), "1\n");
        },
        &|tree| {
            std::fs::rename(tree.join(".hooks"), tree.join("elsewhere")).unwrap();
            hook(tree, "pre-commit", "its");
            std::fs::rename(tree.join(".hooks"), tree.join("mine")).unwrap();
            std::os::unix::fs::symlink("mine", tree.join(".hooks")).unwrap();
        },
    ];
    let ids = SequentialIds::default();
    for (at, way) in ways.iter().enumerate() {
        world.agent = std::iter::repeat_with(|| AgentId::new(&ids))
            .nth(at + 5)
            .unwrap();
        let tree = world.made().await;
        way(&tree);
        let harvest = kept(world.settled().await);
        assert!(
            harvest.note.contains("changed `.hooks`"),
            "{at}: {harvest:?}"
        );
        assert!(!ran(&tree, "its"), "{at}");
    }
}

#[tokio::test]
async fn a_hook_that_leaves_a_process_behind_does_not_hold_up_the_end() {
    let world = World::new().await;
    hook(
        &world,
        "pre-commit",
        "sleep 600 & echo $! > \"$(git rev-parse --git-common-dir)/left\"",
    );
    let tree = world.made().await;
    write(&tree.join("new"), "1\n");
    assert_eq!(kept(world.settled().await).commits, 1);
    let left = std::fs::read_to_string(world.user.top().join(".git/left")).unwrap();
    let left = nix::unistd::Pid::from_raw(left.trim().parse().unwrap());
    nix::sys::signal::kill(left, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_signature_that_cannot_be_had_leaves_the_work_uncommitted() {
    let world = World::new().await;
    let tree = world.made().await;
    world.user.git(&["config", "commit.gpgSign", "true"]);
    world.user.git(&["config", "gpg.program", "false"]);
    write(&tree.join("new"), "1\n");
    let harvest = kept(world.settled().await);
    assert_eq!(harvest.commits, 0);
    assert!(harvest.note.contains("failed to sign"), "{harvest:?}");
}

#[tokio::test]
async fn the_agents_own_commits_count_and_its_detached_ones_come_onto_the_branch() {
    let world = World::new().await;
    let tree = world.made().await;
    write(&tree.join("a"), "1\n");
    git(&tree, &["add", "-A"]);
    git(&tree, &["commit", "-qm", "its own"]);
    git(&tree, &["checkout", "-q", "--detach"]);
    write(&tree.join("b"), "1\n");
    git(&tree, &["add", "-A"]);
    git(&tree, &["commit", "-qm", "detached"]);
    write(&tree.join("c"), "1\n");
    let harvest = kept(world.settled().await);
    assert_eq!(harvest.commits, 3, "{harvest:?}");
    let own = format!("main..{}", harvest.branch);
    let subjects = world.user.git(&["log", "--format=%s", &own]);
    assert_eq!(subjects, "Do it\ndetached\nits own");
}

#[tokio::test]
async fn a_tree_on_a_foreign_branch_or_in_the_middle_of_a_merge_is_kept_as_it_is() {
    let world = World::new().await;
    let tree = world.made().await;
    world.user.git(&["branch", "theirs"]);
    git(&tree, &["checkout", "-q", "theirs"]);
    write(&tree.join("new"), "1\n");
    let harvest = kept(world.settled().await);
    assert!(
        harvest.note.contains("switched to the branch `theirs`"),
        "{harvest:?}"
    );
    assert_eq!(world.user.git(&["log", "--format=%s", "theirs"]), "one");
    assert!(tree.join("new").exists());

    world.made().await;
    std::fs::remove_file(tree.join("new")).unwrap();
    git(&tree, &["checkout", "-q", &harvest.branch]);
    write(&tree.join("file"), "mine\n");
    git(&tree, &["commit", "-qam", "mine"]);
    world.user.write("file", "yours\n");
    world.user.commit("yours");
    let merge = std::process::Command::new("git")
        .args(["merge", "-q", "main"])
        .current_dir(&tree)
        .output();
    assert!(!merge.unwrap().status.success());
    let harvest = kept(world.settled().await);
    assert!(harvest.note.contains("a merge is under way"), "{harvest:?}");
    assert_eq!(git(&tree, &["log", "-1", "--format=%s"]), "mine");
}

#[tokio::test]
async fn what_git_does_not_see_keeps_a_tree_without_commits() {
    type Leave = fn(&Path);
    let table: [(Leave, &str); 4] = [
        (
            |tree| write(&tree.join("secret.log"), "x"),
            "holds files that git ignores: secret.log",
        ),
        (
            |tree| {
                git(tree, &["update-index", "--assume-unchanged", "file"]);
                write(&tree.join("file"), "changed");
            },
            "git was told not to look at file",
        ),
        (
            |tree| {
                git(tree, &["update-index", "--skip-worktree", "file"]);
                write(&tree.join("file"), "changed");
            },
            "git was told not to look at file",
        ),
        (
            |tree| {
                git(tree, &["init", "-q", "own"]);
                write(&tree.join("own/x"), "1");
            },
            "uncommitted: own/",
        ),
    ];
    for (leave, why) in table {
        let world = World::new().await;
        let tree = world.made().await;
        leave(&tree);
        kept(world.settled().await);
        assert_eq!(
            world.reaped(Pruning::default()).await,
            Verdict::Kept(why.to_owned())
        );
        assert!(tree.is_dir());
    }
}

#[tokio::test]
async fn a_merged_tree_goes_and_one_that_only_another_agent_has_stays() {
    let world = World::new().await;
    let tree = world.made().await;
    write(&tree.join("new"), "1\n");
    let branch = kept(world.settled().await).branch;
    let alone = Verdict::Kept("has commits that no other branch has".to_owned());
    assert_eq!(world.reaped(Pruning::default()).await, alone);
    // Another agent's tree was made from it.
    world.user.git(&["branch", "ostler/other", &branch]);
    assert_eq!(world.reaped(Pruning::default()).await, alone);
    world.user.git(&["branch", "-D", "ostler/other"]);
    world.user.git(&["merge", "-q", &branch]);
    let dry_run = Pruning {
        dry_run: true,
        ..Pruning::default()
    };
    assert!(matches!(world.reaped(dry_run).await, Verdict::Removed(_)));
    assert!(tree.is_dir());
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Removed(_)
    ));
    world.assert_gone().await;
}

#[tokio::test]
async fn ignored_files_go_only_when_told_so() {
    let world = World::new().await;
    let tree = world.made().await;
    write(&tree.join("target.log"), "x");
    kept(world.settled().await);
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Kept(_)
    ));
    let ignored = Pruning {
        ignored: true,
        ..Pruning::default()
    };
    assert!(matches!(world.reaped(ignored).await, Verdict::Removed(_)));
    world.assert_gone().await;
}

#[tokio::test]
async fn a_kept_tree_is_used_again_and_a_removed_one_made_again() {
    let world = World::new().await;
    let tree = world.made().await;
    write(&tree.join("new"), "1\n");
    let first = kept(world.settled().await);
    assert_eq!(world.made().await, tree);
    write(&tree.join("more"), "1\n");
    let second = kept(world.settled().await);
    assert_eq!((second.commits, &second.base), (2, &first.base));

    // Its folder is deleted by hand: the branch has it all.
    std::fs::remove_dir_all(&tree).unwrap();
    assert_eq!(world.made().await, tree);
    assert!(tree.join("more").exists());
    assert_eq!(kept(world.settled().await).commits, 2);

    // It is merged and goes; then it starts anew.
    world.user.git(&["merge", "-q", &first.branch]);
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Removed(_)
    ));
    world.made().await;
    let row = world.row().await;
    assert_eq!(row.base, world.user.git(&["rev-parse", "HEAD"]));
    world.settled().await;
    world.assert_gone().await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_not_touched() {
    let world = World::new().await;
    let plan = world.plan().await;
    write(&plan.path.join("precious"), "x");
    let refused = world
        .trees()
        .make(&world.agent, &world.project, &plan)
        .await;
    assert!(
        matches!(refused, Err(WorkspaceError::InTheWay { .. })),
        "{refused:?}"
    );
    assert_eq!(world.settled().await, None);
    assert_eq!(world.trees().unknown(&[]), std::slice::from_ref(&plan.path));
    assert!(plan.path.join("precious").exists());
}

#[tokio::test]
async fn a_half_made_tree_is_taken_away_whatever_is_there_of_it() {
    for steps in 0..4 {
        let world = World::new().await;
        let plan = world.plan().await;
        assert!(
            rows::begin(&world.store, &world.agent, &world.project, &plan, 1)
                .await
                .unwrap()
        );
        let mut row = world.row().await;
        let head = world.user.git(&["rev-parse", "HEAD"]);
        std::fs::create_dir_all(plan.path.parent().unwrap()).unwrap();
        if steps > 0 {
            rows::set_base(&world.store, &mut row, &head).await.unwrap();
            world.user.git(&["branch", &plan.branch]);
        }
        let entry = plan.repository.join("worktrees").join(world.agent.as_str());
        if steps == 2 {
            // An entry that git has only begun to write.
            write(&entry.join("locked"), "initializing");
        }
        if steps == 3 {
            let path = plan.path.to_str().unwrap();
            world
                .user
                .git(&["worktree", "add", "-q", path, &plan.branch]);
            write(&entry.join("locked"), "initializing");
            std::fs::remove_file(plan.path.join("file")).unwrap();
        }
        assert!(
            matches!(world.reaped(Pruning::default()).await, Verdict::Removed(_)),
            "{steps}"
        );
        world.assert_gone().await;
        world.made().await;
    }
}

#[tokio::test]
async fn a_removal_that_was_broken_off_is_ended_unless_something_has_come_since() {
    let world = World::new().await;
    let tree = world.made().await;
    let mut row = world.row().await;
    rows::advance(&world.store, &mut row, TreeState::Removing, "", 1)
        .await
        .unwrap();
    write(&tree.join("late"), "1\n");
    assert_eq!(
        world.reaped(Pruning::default()).await,
        Verdict::Kept("uncommitted: late".to_owned())
    );
    assert_eq!(world.row().await.state, TreeState::Kept);
    std::fs::remove_file(tree.join("late")).unwrap();
    let mut row = world.row().await;
    rows::advance(&world.store, &mut row, TreeState::Removing, "", 1)
        .await
        .unwrap();
    std::fs::rename(&tree, worktree::beside(&tree, ".removing")).unwrap();
    assert!(matches!(
        world.reaped(Pruning::default()).await,
        Verdict::Removed(_)
    ));
    world.assert_gone().await;
}

#[tokio::test]
async fn a_tree_that_has_changed_since_it_was_listed_is_left_alone() {
    let world = World::new().await;
    world.made().await;
    let listed = world.row().await;
    // Its agent goes on.
    world.made().await;
    let verdict = world
        .trees()
        .reap(&listed, Pruning::default())
        .await
        .unwrap();
    assert!(matches!(verdict, Verdict::Kept(_)), "{verdict:?}");
    assert_eq!(world.row().await.state, TreeState::Live);
}

#[tokio::test]
async fn a_sparse_checkout_is_carried_over_and_what_lies_outside_of_it_is_committed_too() {
    let world = World::new().await;
    world.user.write("in/file", "1\n");
    world.user.write("out/file", "1\n");
    world.user.commit("folders");
    world.user.git(&["sparse-checkout", "set", "in"]);
    let tree = world.made().await;
    assert!(tree.join("in/file").exists() && !tree.join("out").exists());
    write(&tree.join("out/new"), "1\n");
    assert_eq!(kept(world.settled().await).files, ["A out/new"]);
}
