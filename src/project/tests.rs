use std::process::Command;

use tempfile::TempDir;

use super::*;

struct Place {
    // Keeps the files until the test ends.
    _dir: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        Self { _dir: dir, path }
    }

    fn with_repository() -> Self {
        let place = Self::new();
        place.repository("repo");
        place
    }

    fn repository(&self, name: &str) {
        git(&self.path, &["init", "-q", name]);
        let repo = self.path.join(name);
        git(&repo, &["commit", "-q", "--allow-empty", "-m", "start"]);
    }

    fn dir(&self, name: &str) -> PathBuf {
        let dir = self.path.join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim_end_matches('\n').to_owned()
}

/// Asserts that we see `dir` as git does.
#[track_caller]
fn agrees_with_git(dir: &Path) -> Project {
    let project = Project::discover(dir).unwrap();
    let common = git(
        dir,
        &["rev-parse", "--path-format=absolute", "--git-common-dir"],
    );
    assert_eq!(project.key, Path::new(&common).canonicalize().unwrap());
    let is_bare = git(dir, &["rev-parse", "--is-inside-work-tree"]) == "false";
    if !is_bare {
        let top = git(dir, &["rev-parse", "--show-toplevel"]);
        assert_eq!(project.root, Path::new(&top));
    }
    project
}

#[test]
fn a_repository_and_its_folders() {
    let place = Place::with_repository();
    let top = agrees_with_git(&place.path.join("repo"));
    assert_eq!(top.key, place.path.join("repo/.git"));
    assert_eq!(agrees_with_git(&place.dir("repo/a/b")), top);
}

#[test]
fn worktrees_share_the_key_and_not_the_root() {
    let place = Place::with_repository();
    let repo = place.path.join("repo");
    git(&repo, &["worktree", "add", "-q", "../side"]);
    git(&repo, &["worktree", "add", "-q", "../relative"]);
    // As git 2.48 writes it with worktree.useRelativePaths.
    let link = place.path.join("relative/.git");
    fs::write(link, "gitdir: ../repo/.git/worktrees/relative\n").unwrap();
    for name in ["side", "relative"] {
        let worktree = agrees_with_git(&place.dir(&format!("{name}/deep")));
        assert_eq!(worktree.root, place.path.join(name));
        assert_eq!(worktree.key, repo.join(".git"));
    }
}

#[test]
fn a_submodule_is_a_project_of_its_own() {
    let place = Place::with_repository();
    place.repository("library");
    let repo = place.path.join("repo");
    git(&repo, &["submodule", "--quiet", "add", "../library", "lib"]);
    let submodule = agrees_with_git(&repo.join("lib"));
    assert_eq!(submodule.key, repo.join(".git/modules/lib"));
    assert_eq!(submodule.root, repo.join("lib"));

    git(
        &repo.join("lib"),
        &["worktree", "add", "-q", "../../lib-side"],
    );
    let worktree = agrees_with_git(&place.path.join("lib-side"));
    assert_eq!(worktree.key, submodule.key);
}

#[test]
fn a_bare_repository_and_its_worktrees() {
    let place = Place::with_repository();
    git(&place.path, &["clone", "-q", "--bare", "repo", "bare.git"]);
    let bare = place.path.join("bare.git");
    assert_eq!(agrees_with_git(&bare).root, bare);
    assert_eq!(agrees_with_git(&bare.join("refs")).root, bare.join("refs"));

    git(&bare, &["worktree", "add", "-q", "../side"]);
    assert_eq!(agrees_with_git(&place.path.join("side")).key, bare);
    agrees_with_git(&place.path.join("repo/.git/objects"));
}

#[test]
fn a_separate_git_directory() {
    let place = Place::new();
    git(
        &place.path,
        &["init", "-q", "--separate-git-dir", "elsewhere", "repo"],
    );
    let project = agrees_with_git(&place.path.join("repo"));
    assert_eq!(project.key, place.path.join("elsewhere"));
}

#[test]
fn no_commit_is_needed() {
    let place = Place::new();
    git(&place.path, &["init", "-q", "repo"]);
    agrees_with_git(&place.path.join("repo"));
}

#[test]
fn links_lead_to_the_same_project() {
    use std::os::unix::fs::symlink;
    let place = Place::with_repository();
    place.dir("repo/a");
    symlink(place.path.join("repo"), place.path.join("link")).unwrap();
    symlink(place.path.join("repo/a"), place.path.join("inner")).unwrap();
    let project = agrees_with_git(&place.path.join("repo"));
    assert_eq!(agrees_with_git(&place.path.join("link/a")), project);
    assert_eq!(agrees_with_git(&place.path.join("inner")), project);

    // A `.git` that is itself a link.
    let other = place.dir("other");
    symlink("../repo/.git", other.join(".git")).unwrap();
    assert_eq!(agrees_with_git(&other).key, project.key);
}

#[test]
fn paths_need_not_be_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with_repository();
    let odd = place.path.join(OsStr::from_bytes(b"odd\xff"));
    fs::rename(place.path.join("repo"), &odd).unwrap();
    git(&odd, &["worktree", "add", "-q", "../side"]);
    let project = Project::discover(&place.path.join("side")).unwrap();
    assert_eq!(project.key, odd.join(".git"));
}

#[test]
fn a_plain_folder_is_its_own_project() {
    let place = Place::new();
    let dir = place.dir("plain/deep");
    let project = Project::discover(&dir.join("..").join("deep")).unwrap();
    assert_eq!((&project.root, &project.key), (&dir, &dir));
}

#[test]
fn a_git_file_that_leads_nowhere_ends_the_walk() {
    let place = Place::with_repository();
    for content in [
        "gitdir: ../gone\n",
        "gitdir: \n",
        "gitdir:",
        "",
        "nonsense",
        "\n",
    ] {
        let lost = place.dir("repo/lost");
        fs::write(lost.join(".git"), content).unwrap();
        let project = Project::discover(&place.dir("repo/lost/deep")).unwrap();
        assert_eq!((&project.root, &project.key), (&lost, &lost), "{content:?}");
    }
}

#[test]
fn a_pruned_worktree_is_no_longer_of_its_repository() {
    let place = Place::with_repository();
    git(&place.path.join("repo"), &["worktree", "add", "-q", "side"]);
    fs::remove_dir_all(place.path.join("repo/.git/worktrees")).unwrap();
    let side = place.path.join("repo/side");
    assert_eq!(Project::discover(&side).unwrap().key, side);
}

#[test]
fn a_git_directory_that_is_no_repository_is_passed_by() {
    let place = Place::with_repository();
    place.dir("repo/sub/.git");
    let project = agrees_with_git(&place.path.join("repo/sub"));
    assert_eq!(project.key, place.path.join("repo/.git"));
}

#[test]
fn what_is_no_directory_has_no_project() {
    let place = Place::new();
    let file = place.path.join("file");
    fs::write(&file, "").unwrap();
    assert!(
        matches!(Project::discover(&file), Err(ProjectError::NotADirectory { dir }) if dir == file)
    );
    let gone = place.path.join("gone");
    assert!(
        matches!(Project::discover(&gone), Err(ProjectError::Unreachable { dir, .. }) if dir == gone)
    );
}
