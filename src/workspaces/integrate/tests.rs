use std::fs;

use super::*;
use crate::ids::SequentialIds;
use crate::workspaces::scratch::repository;

/// A repository with the branch `main`, and a home for what ostler makes.
struct World {
    dir: tempfile::TempDir,
    ids: SequentialIds,
    base: String,
}

const FIRST: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        repository(&dir.path().join("top"));
        let mut world = Self {
            dir,
            ids: SequentialIds::default(),
            base: String::new(),
        };
        world.write("file", FIRST);
        world.base = world.commit().await;
        world
    }

    fn top(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("top")
    }

    fn home(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("home")
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.top().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn git(&self, args: &[&str]) -> String {
        let git = Git::at(self.top()).set("user.name=t").set("user.email=t@t");
        git.run(args).await.unwrap()
    }

    async fn commit(&self) -> String {
        self.git(&["add", "-A"]).await;
        self.git(&["commit", "-q", "-m", "work"]).await;
        self.git(&["rev-parse", "HEAD"]).await
    }

    /// A branch from `from` with what `work` does to the files.
    async fn branch(&self, name: &str, from: &str, work: impl FnOnce(&Self)) -> Side {
        self.git(&["checkout", "-q", "-b", name, from]).await;
        work(self);
        let commit = self.commit().await;
        self.git(&["checkout", "-q", "main"]).await;
        Side {
            agent: AgentId::new(&self.ids),
            branch: name.to_owned(),
            commit,
            above: "/".to_owned(),
        }
    }

    async fn begin(&self, name: &str) -> Integration {
        let base = self.git(&["rev-parse", "main"]).await;
        let repository = self.top().join(".git");
        let tree = MergeTree::make(&self.home(), &repository, name, &base)
            .await
            .unwrap();
        Integration::begin(tree, &base, None).await.unwrap()
    }

    /// Merges `sides` until one is in conflict; the branch `merged` keeps what went well.
    async fn integrate(&self, sides: &[&Side]) -> Option<Conflict> {
        let mut integration = self.begin("merged").await;
        let mut conflict = None;
        for side in sides {
            match integration.merge(side).await.unwrap() {
                Outcome::Merged(_) => integration.keep().await.unwrap(),
                Outcome::Conflict(found) => {
                    conflict = Some(found);
                    break;
                }
            }
        }
        integration.finish("merged").await.unwrap();
        assert_eq!(self.git(&["worktree", "list"]).await.lines().count(), 1);
        conflict
    }

    async fn merged_file(&self, name: &str) -> String {
        self.git(&["show", &format!("merged:{name}")]).await
    }
}

fn changed(from: &str, to: &str) -> String {
    FIRST.replace(from, to)
}

/// The one file of a conflict: with whom, what was done before, what the agent did.
fn only(conflict: &Conflict) -> (Vec<&str>, &str, &str) {
    let [file] = conflict.files.as_slice() else {
        panic!("{conflict:#?}");
    };
    let with = file.with.iter().map(String::as_str).collect();
    (with, &file.ours, &file.theirs)
}

#[tokio::test]
async fn clean_branches_come_together_and_the_users_tree_and_index_stay() {
    let world = World::new().await;
    let one = world
        .branch("one", "main", |w| w.write("file", changed("one", "ONE")))
        .await;
    let two = world
        .branch("two", "main", |w| {
            w.write("file", changed("seven", "SEVEN"))
        })
        .await;
    let three = world
        .branch("three", "main", |w| w.write("new", "new\n"))
        .await;
    world.write("file", "not committed\n");
    world.write("staged", "staged\n");
    world.git(&["add", "staged"]).await;
    let index = fs::read(world.top().join(".git/index")).unwrap();
    assert_eq!(world.integrate(&[&one, &two, &three]).await, None);
    assert_eq!(fs::read(world.top().join(".git/index")).unwrap(), index);
    assert_eq!(
        fs::read_to_string(world.top().join("file")).unwrap(),
        "not committed\n"
    );
    assert_eq!(world.git(&["rev-parse", "main"]).await, world.base);
    let both = changed("one", "ONE").replace("seven", "SEVEN");
    assert_eq!(world.merged_file("file").await, both.trim_end());
    assert_eq!(world.merged_file("new").await, "new");
    let merges = ["rev-list", "--count", "--merges", "merged"];
    assert_eq!(world.git(&merges).await, "3");
    world.git(&["fsck", "--strict"]).await;
}

#[tokio::test]
async fn a_conflict_is_named_with_both_sides_and_their_lines() {
    let world = World::new().await;
    let one = world
        .branch("one", "main", |w| {
            w.write("file", changed("one\n", "one\nmore\nand more\n"));
        })
        .await;
    let two = world
        .branch("two", "main", |w| {
            w.write("file", changed("five", "FIVE by two"))
        })
        .await;
    let three = world
        .branch("three", "main", |w| {
            w.write("file", changed("five\nsix", "5 by three\n6 by three"));
        })
        .await;
    let conflict = world.integrate(&[&one, &two, &three]).await.unwrap();
    assert_eq!(
        (&conflict.agent, conflict.branch.as_str()),
        (&three.agent, "three")
    );
    // Two lines further down since the first one was merged.
    assert_eq!(
        only(&conflict),
        (vec![two.agent.as_str()], "line 7", "lines 5-6")
    );
    assert_eq!(conflict.with, [two.agent.to_string()]);
    assert!(world.merged_file("file").await.contains("FIVE by two"));
}

#[tokio::test]
async fn who_runs_into_what_was_there_before_is_told_so() {
    let world = World::new().await;
    let one = world
        .branch("one", "main", |w| {
            w.write("file", changed("three", "THREE"))
        })
        .await;
    world.write("file", changed("three", "3"));
    world.commit().await;
    let conflict = world.integrate(&[&one]).await.unwrap();
    assert_eq!(only(&conflict), (vec!["base"], "line 3", "line 3"));
    let branches = world.git(&["branch", "--list", "merged"]).await;
    assert_eq!(branches, "", "nothing was merged");
}

#[tokio::test]
async fn the_same_change_on_both_sides_is_no_conflict() {
    let world = World::new().await;
    let same = |w: &World| w.write("file", changed("three", "THREE"));
    let one = world.branch("one", "main", same).await;
    let two = world.branch("two", "main", same).await;
    assert_eq!(world.integrate(&[&one, &two]).await, None);
}

#[tokio::test]
async fn deleted_lines_are_traced_to_who_deleted_them() {
    let world = World::new().await;
    let one = world
        .branch("one", "main", |w| w.write("file", changed("three\n", "")))
        .await;
    let two = world
        .branch("two", "main", |w| {
            w.write("file", changed("three", "THREE"))
        })
        .await;
    let conflict = world.integrate(&[&one, &two]).await.unwrap();
    assert_eq!(
        only(&conflict),
        (vec![one.agent.as_str()], "deleted lines after 2", "line 3")
    );
}

#[tokio::test]
async fn a_file_that_one_deleted_and_another_changed() {
    let world = World::new().await;
    let delete = |w: &World| fs::remove_file(w.top().join("file")).unwrap();
    let one = world.branch("one", "main", delete).await;
    let two = world
        .branch("two", "main", |w| w.write("file", changed("two", "2")))
        .await;
    let conflict = world.integrate(&[&one, &two]).await.unwrap();
    let (with, ours, theirs) = only(&conflict);
    assert_eq!(
        (with, ours),
        (vec![one.agent.as_str()], "deleted or renamed it")
    );
    assert!(
        theirs.starts_with("line 2 (git: (modify/delete)"),
        "{theirs}"
    );
}

#[tokio::test]
async fn a_renamed_file_takes_changes_along_and_clashes_where_it_must() {
    let world = World::new().await;
    let one = world
        .branch("one", "main", |w| {
            fs::remove_file(w.top().join("file")).unwrap();
            w.write("moved/file", changed("six", "SIX"));
        })
        .await;
    let two = world
        .branch("two", "main", |w| w.write("file", changed("one", "ONE")))
        .await;
    let three = world
        .branch("three", "main", |w| w.write("file", changed("six", "VI")))
        .await;
    let four = world
        .branch("four", "main", |w| {
            fs::remove_file(w.top().join("file")).unwrap();
            w.write("elsewhere", FIRST);
        })
        .await;
    let conflict = world.integrate(&[&one, &two, &three]).await.unwrap();
    assert!(world.merged_file("moved/file").await.starts_with("ONE"));
    assert_eq!(conflict.files.first().unwrap().path, "moved/file");
    assert_eq!(
        only(&conflict),
        (vec![one.agent.as_str()], "line 6", "line 6")
    );
    world.git(&["branch", "-D", "merged"]).await;

    // The side that renamed it comes second: on ours it has its old name still.
    let conflict = world.integrate(&[&three, &one]).await.unwrap();
    assert_eq!(
        only(&conflict),
        (vec![three.agent.as_str()], "line 6", "line 6")
    );
    world.git(&["branch", "-D", "merged"]).await;

    let conflict = world.integrate(&[&one, &four]).await.unwrap();
    let paths: Vec<&str> = conflict
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert!(
        paths.contains(&"elsewhere") && paths.contains(&"moved/file"),
        "{paths:?}"
    );
    assert_eq!(conflict.with, [one.agent.to_string()]);
}

#[tokio::test]
async fn binary_files_and_files_that_both_added() {
    let world = World::new().await;
    world.write("image", b"\0\x01\x02");
    world.commit().await;
    let one = world
        .branch("one", "main", |w| {
            w.write("image", b"\0one");
            w.write("added", "a\nb\nc\n");
        })
        .await;
    let two = world
        .branch("two", "main", |w| {
            w.write("image", b"\0two");
            w.write("added", "a\nB\nc\n");
        })
        .await;
    let conflict = world.integrate(&[&one, &two]).await.unwrap();
    let told: Vec<(&str, &str, &str)> = conflict
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.ours.as_str(), file.theirs.as_str()))
        .collect();
    let [added, image] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((added.0, added.1), ("added", "added it; line 2"));
    assert!(added.2.starts_with("added it; line 2"), "{added:?}");
    let binary = "changed it (binary)";
    assert_eq!(*image, ("image", binary, binary));
    assert_eq!(conflict.with, [one.agent.to_string()]);
}

#[tokio::test]
async fn nothing_that_is_configured_or_committed_resolves_a_conflict() {
    let world = World::new().await;
    let settings = [
        ("rerere.enabled", "true"),
        ("rerere.autoUpdate", "true"),
        ("merge.mine.driver", "true"),
        ("merge.default", "union"),
        ("merge.ff", "only"),
        ("merge.conflictStyle", "zdiff3"),
        ("pull.twohead", "ours"),
        ("commit.gpgSign", "true"),
    ];
    let one = world
        .branch("one", "main", |w| {
            w.write("file", changed("two", "one"));
            w.write(".gitattributes", "* merge=union\n");
        })
        .await;
    let two = world
        .branch("two", "main", |w| w.write("file", changed("two", "TWO")))
        .await;
    // git is told to remember how it was resolved, and shown it.
    world.git(&["config", "rerere.enabled", "true"]).await;
    world.git(&["checkout", "-q", "-b", "shown", "one"]).await;
    let git = Git::at(world.top())
        .set("user.name=t")
        .set("user.email=t@t");
    git.attempt(&["-c", "core.attributesFile=/dev/null", "merge", "two"])
        .await
        .unwrap();
    world.write("file", changed("two", "resolved"));
    world.commit().await;
    world.git(&["checkout", "-q", "main"]).await;
    for (name, value) in settings {
        world.git(&["config", name, value]).await;
    }
    fs::write(
        world.top().join(".git/info/attributes"),
        "file merge=mine\n",
    )
    .unwrap();
    let conflict = world.integrate(&[&one, &two]).await.unwrap();
    assert_eq!(
        only(&conflict),
        (vec![one.agent.as_str()], "line 2", "line 2")
    );
}

#[tokio::test]
async fn a_branch_that_contains_another_comes_after_it_and_a_nested_one_before_its_parent() {
    let world = World::new().await;
    let parent = world.branch("p", "main", |w| w.write("p", "p")).await;
    let mut nested = world.branch("n", "main", |w| w.write("n", "n")).await;
    nested.above = format!("/{}/", parent.agent);
    let before = world.branch("b", "main", |w| w.write("b", "b")).await;
    let after = world.branch("a", "b", |w| w.write("a", "a")).await;
    let git = Git::at(world.top());
    let given = vec![
        after.clone(),
        parent.clone(),
        nested.clone(),
        before.clone(),
    ];
    let order = in_order(&git, given).await.unwrap();
    assert_eq!(
        order,
        [
            nested.clone(),
            parent.clone(),
            before.clone(),
            after.clone()
        ]
    );

    // A nested agent that started from its parent's last commit has it in its history.
    let mut below = world.branch("d", "p", |w| w.write("d", "d")).await;
    below.above = format!("/{}/", parent.agent);
    let order = in_order(&git, vec![below.clone(), parent.clone()])
        .await
        .unwrap();
    assert_eq!(order, [parent, below]);
}

#[tokio::test]
async fn two_merges_at_once_do_not_meet() {
    let world = World::new().await;
    let one = world.branch("one", "main", |w| w.write("one", "1")).await;
    let two = world.branch("two", "main", |w| w.write("two", "2")).await;
    let (mut first, mut second) = tokio::join!(world.begin("x"), world.begin("y"));
    let merged = tokio::join!(first.merge(&one), second.merge(&two));
    assert!(matches!(
        merged,
        (Ok(Outcome::Merged(_)), Ok(Outcome::Merged(_)))
    ));
    assert_eq!(clear(&world.home()).await, 0, "both live");
    let kept = tokio::join!(first.keep(), second.keep());
    assert!(kept.0.is_ok() && kept.1.is_ok());
    let made = tokio::join!(first.finish("x"), second.finish("y"));
    assert!(matches!(made, (Ok(true), Ok(true))));
    let trees = ["ls-tree", "--name-only", "y"];
    assert_eq!(world.git(&trees).await, "file\ntwo");
}

#[tokio::test]
async fn what_a_dead_merge_has_left_is_cleared_away() {
    let world = World::new().await;
    let one = world.branch("one", "main", |w| w.write("one", "1")).await;
    let mut dead = world.begin("dead").await;
    dead.merge(&one).await.unwrap();
    // As a process that dies: the lock is let go, nothing else happens.
    drop(dead);
    let place = world.home().join("merges");
    assert!(place.join("dead/one").exists());
    // And one whose checkout was cut off before git knew of it.
    fs::create_dir(place.join("half")).unwrap();
    fs::write(
        place.join("half.of"),
        world.top().join(".git").to_str().unwrap(),
    )
    .unwrap();
    // Programs that other tests are starting may hold a copy of the lock for a moment.
    let mut cleared = 0;
    while cleared < 2 {
        cleared += clear(&world.home()).await;
        tokio::task::yield_now().await;
    }
    let left: Vec<_> = fs::read_dir(place)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(world.git(&["worktree", "list"]).await.lines().count(), 1);
}

#[tokio::test]
async fn a_check_that_deletes_the_git_file_does_no_harm_to_a_repository_around_the_state() {
    let world = World::new().await;
    let around = Git::at(world.dir.path())
        .set("user.name=t")
        .set("user.email=t@t");
    let dirty = world.dir.path().join("mine");
    fs::write(&dirty, "old").unwrap();
    for args in [
        &["init", "-q"][..],
        &["add", "mine"],
        &["commit", "-q", "-m", "mine"],
    ] {
        around.run(args).await.unwrap();
    }
    fs::write(&dirty, "not committed").unwrap();
    let side = world
        .branch("one", "main", |world| world.write("new", "1\n"))
        .await;
    let mut integration = world.begin("merged").await;
    assert!(matches!(
        integration.merge(&side).await.unwrap(),
        Outcome::Merged(_)
    ));
    fs::remove_file(integration.tree().join(".git")).unwrap();
    let kept = integration.keep().await;
    assert!(kept.is_err(), "{kept:?}");
    assert_eq!(fs::read_to_string(&dirty).unwrap(), "not committed");
    integration.abandon().await;
}
