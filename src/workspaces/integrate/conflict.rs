//! What a merge ran into, told so that somebody can go there: files, lines of both sides, and who
//! made the lines on the side that was there before.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{BASE, Side};
use crate::ids::AgentId;
use crate::workspaces::{Git, GitError};

/// Files named with a conflict; more are counted.
const FILES: usize = 20;
/// Places named in a file.
const PLACES: usize = 8;
/// Commits looked at for who changed a file.
const COMMITS: &str = "--max-count=50";
const SUBMODULE: &str = "160000";

/// A merge that needs somebody to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Whose branch could not be merged.
    pub agent: AgentId,
    /// Its branch.
    pub branch: String,
    /// Who had changed the same before: agents merged earlier, and `base` for what was there already.
    pub with: Vec<String>,
    /// Where.
    pub files: Vec<ConflictFile>,
    /// Further files.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_files: usize,
}

/// A file that both sides have changed in ways that exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictFile {
    /// Relative to the top of the working tree.
    pub path: String,
    /// Who had changed it before; nobody where only the other side knows a file of that name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// What was done to it before; lines are counted in the file as merged so far.
    pub ours: String,
    /// What the agent has done to it; lines are counted in the file on its branch.
    pub theirs: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The two sides of a merge that has just failed.
pub(super) struct Stand<'a> {
    pub(super) git: &'a Git,
    pub(super) ours: &'a str,
    pub(super) theirs: &'a str,
    pub(super) makers: &'a HashMap<String, AgentId>,
}

/// One version of a file in the index: mode and object.
#[derive(Debug, Clone)]
struct Version {
    mode: String,
    object: String,
}

/// What the index holds of a file in conflict.
#[derive(Debug, Default)]
struct Versions {
    base: Option<Version>,
    ours: Option<Version>,
    theirs: Option<Version>,
}

/// A stretch of lines, from 1; `count` 0: between line `first` and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lines {
    first: usize,
    count: usize,
}

/// One place in which a file was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk {
    old: Lines,
    new: Lines,
    text: Vec<String>,
}

impl Stand<'_> {
    /// The conflict; `None` when the merge failed for another reason.
    pub(super) async fn conflict(
        &self,
        side: &Side,
        said: &str,
    ) -> Result<Option<Conflict>, GitError> {
        let unmerged = self.unmerged().await?;
        if unmerged.is_empty() {
            return Ok(None);
        }
        let mut files = Vec::new();
        for (path, versions) in unmerged.iter().take(FILES) {
            files.push(self.file(path, versions, said).await?);
        }
        let mut with: Vec<String> = Vec::new();
        for other in files.iter().flat_map(|file| &file.with) {
            if !with.contains(other) {
                with.push(other.clone());
            }
        }
        if with.is_empty() {
            with.push(BASE.to_owned());
        }
        Ok(Some(Conflict {
            agent: side.agent.clone(),
            branch: side.branch.clone(),
            with,
            more_files: unmerged.len() - files.len(),
            files,
        }))
    }

    async fn unmerged(&self) -> Result<BTreeMap<String, Versions>, GitError> {
        let listed = self.git.bytes(&["ls-files", "--unmerged", "-z"]).await?;
        let mut files: BTreeMap<String, Versions> = BTreeMap::new();
        for entry in listed.split(|byte| *byte == 0) {
            let entry = String::from_utf8_lossy(entry);
            let Some((head, path)) = entry.split_once('\t') else {
                continue;
            };
            let mut words = head.split(' ').map(str::to_owned);
            let (Some(mode), Some(object), Some(stage)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let file = files.entry(path.to_owned()).or_default();
            let place = match stage.as_str() {
                "1" => &mut file.base,
                "2" => &mut file.ours,
                _ => &mut file.theirs,
            };
            *place = Some(Version { mode, object });
        }
        Ok(files)
    }

    async fn file(
        &self,
        path: &str,
        versions: &Versions,
        said: &str,
    ) -> Result<ConflictFile, GitError> {
        let Versions { base, ours, theirs } = versions;
        let mut lines = Vec::new();
        let (ours_did, theirs_did) = match (base, ours, theirs) {
            (Some(base), Some(ours), Some(theirs)) => {
                match self.places(base, ours, theirs).await? {
                    Some((ours, theirs)) => {
                        lines = ours;
                        (told(&lines), told(&theirs))
                    }
                    None => (whole(ours), whole(theirs)),
                }
            }
            (None, Some(ours), Some(theirs)) => {
                let hunks = self.hunks(&ours.object, &theirs.object).await?;
                match hunks {
                    Some(hunks) => {
                        let olds: Vec<Lines> = hunks.iter().map(|hunk| hunk.old).collect();
                        let news: Vec<Lines> = hunks.iter().map(|hunk| hunk.new).collect();
                        let both = [told(&olds), told(&news)];
                        lines = olds;
                        let [ours, theirs] = both.map(|told| format!("added it; {told}"));
                        (ours, theirs)
                    }
                    None => (
                        "added it (binary)".to_owned(),
                        "added it (binary)".to_owned(),
                    ),
                }
            }
            (Some(base), Some(ours), None) => {
                lines = self.changed(base, ours).await?.unwrap_or_default();
                (
                    self.did(base, ours).await?,
                    "deleted or renamed it".to_owned(),
                )
            }
            (Some(base), None, Some(theirs)) => (
                "deleted or renamed it".to_owned(),
                self.did(base, theirs).await?,
            ),
            (Some(_), None, None) => {
                let renamed = "renamed or deleted it".to_owned();
                (renamed.clone(), renamed)
            }
            (None, Some(_), None) => ("put it there".to_owned(), "is at odds".to_owned()),
            (None, None, _) => ("is at odds".to_owned(), "put it there".to_owned()),
        };
        // git's own words where the index alone does not tell what has happened.
        let whole = !(base.is_some() && ours.is_some() && theirs.is_some());
        let theirs_did = match remark(said, path).filter(|_| whole) {
            Some(remark) => format!("{theirs_did} (git: {remark})"),
            None => theirs_did,
        };
        Ok(ConflictFile {
            path: path.to_owned(),
            with: self.who(path, ours.as_ref(), &lines).await?,
            ours: ours_did,
            theirs: theirs_did,
        })
    }

    /// The lines of both sides in which they exclude each other; `None` where there are no lines.
    async fn places(
        &self,
        base: &Version,
        ours: &Version,
        theirs: &Version,
    ) -> Result<Option<(Vec<Lines>, Vec<Lines>)>, GitError> {
        if [base, ours, theirs]
            .iter()
            .any(|version| version.mode == SUBMODULE)
        {
            return Ok(None);
        }
        let ours = self.hunks(&base.object, &ours.object).await?;
        let theirs = self.hunks(&base.object, &theirs.object).await?;
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return Ok(None);
        };
        let clash = |one: &Hunk, other: &Hunk| one.old.touches(other.old) && one.new_differs(other);
        let of = |hunks: &[Hunk], others: &[Hunk]| -> Vec<Lines> {
            hunks
                .iter()
                .filter(|hunk| others.iter().any(|other| clash(hunk, other)))
                .map(|hunk| hunk.new)
                .collect()
        };
        Ok(Some((of(&ours, &theirs), of(&theirs, &ours))))
    }

    async fn changed(&self, from: &Version, to: &Version) -> Result<Option<Vec<Lines>>, GitError> {
        if from.mode == SUBMODULE || to.mode == SUBMODULE {
            return Ok(None);
        }
        let hunks = self.hunks(&from.object, &to.object).await?;
        Ok(hunks.map(|hunks| hunks.iter().map(|hunk| hunk.new).collect()))
    }

    async fn did(&self, from: &Version, to: &Version) -> Result<String, GitError> {
        Ok(match self.changed(from, to).await? {
            Some(lines) if lines.is_empty() => "kept it".to_owned(),
            Some(lines) => told(&lines),
            None => whole(to),
        })
    }

    /// How one object becomes another; `None` for what has no lines.
    async fn hunks(&self, from: &str, to: &str) -> Result<Option<Vec<Hunk>>, GitError> {
        let diff = [
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--diff-algorithm=histogram",
            "--unified=0",
            from,
            to,
        ];
        let diff = self.git.bytes(&diff).await?;
        Ok(hunks(&String::from_utf8_lossy(&diff)))
    }

    /// Who made these lines of our side, or else changed the file there.
    async fn who(
        &self,
        path: &str,
        ours: Option<&Version>,
        lines: &[Lines],
    ) -> Result<Vec<String>, GitError> {
        let path = self.path_before(path, ours).await?;
        let mut commits = String::new();
        if lines.iter().any(|lines| lines.count > 0) {
            let mut blame = vec!["blame".to_owned(), "--porcelain".to_owned()];
            for lines in lines.iter().filter(|lines| lines.count > 0).take(PLACES) {
                blame.push(format!("-L{},+{}", lines.first, lines.count));
            }
            blame.extend([self.ours.to_owned(), "--".to_owned(), path.clone()]);
            let blamed = self.git.attempt(&blame).await?.stdout;
            commits = String::from_utf8_lossy(&blamed).into_owned();
        }
        let mut who = self.makers_of(commits.lines());
        // Of deleted lines nothing is left that could be traced.
        if lines.iter().all(|lines| lines.count == 0) || who.is_empty() {
            let log = [
                "log",
                "--no-merges",
                "--format=%H",
                COMMITS,
                self.ours,
                "--not",
                self.theirs,
                "--",
                &path,
            ];
            who = self.makers_of(self.git.run(&log).await?.lines());
        }
        Ok(who)
    }

    /// The makers of the commits that lines begin with.
    fn makers_of<'l>(&self, lines: impl Iterator<Item = &'l str>) -> Vec<String> {
        let mut who: Vec<String> = Vec::new();
        for line in lines {
            let word = line.split(' ').next().unwrap_or_default();
            // In a blame the lines of the file follow behind a tab, and headers begin with words.
            if word.len() < 40 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            let maker = match self.makers.get(word) {
                Some(agent) => agent.to_string(),
                None => BASE.to_owned(),
            };
            if !who.contains(&maker) {
                who.push(maker);
            }
        }
        who
    }

    /// What the file is called on our side, when theirs has renamed it.
    async fn path_before(&self, path: &str, ours: Option<&Version>) -> Result<String, GitError> {
        let Some(ours) = ours else {
            return Ok(path.to_owned());
        };
        let listed = self
            .git
            .bytes(&["ls-tree", "-r", "-z", "--full-tree", self.ours])
            .await?;
        let mut same_object = None;
        for entry in listed.split(|byte| *byte == 0) {
            let entry = String::from_utf8_lossy(entry);
            let Some((head, there)) = entry.split_once('\t') else {
                continue;
            };
            if there == path {
                return Ok(path.to_owned());
            }
            if head.ends_with(&ours.object) {
                same_object.get_or_insert_with(|| there.to_owned());
            }
        }
        Ok(same_object.unwrap_or_else(|| path.to_owned()))
    }
}

impl Lines {
    /// Whether there is no unchanged line between the two. Half-open, an insertion has no length.
    fn touches(self, other: Lines) -> bool {
        let (start, end) = self.span();
        let (other_start, other_end) = other.span();
        start <= other_end && other_start <= end
    }

    fn span(self) -> (usize, usize) {
        let start = match self.count {
            0 => self.first + 1,
            _ => self.first,
        };
        (start, start + self.count)
    }

    fn told(self) -> String {
        match self.count {
            0 => format!("after {}", self.first),
            1 => self.first.to_string(),
            count => format!("{}-{}", self.first, self.first + count - 1),
        }
    }
}

impl Hunk {
    /// The same change on both sides is no conflict.
    fn new_differs(&self, other: &Hunk) -> bool {
        self.old != other.old || self.text != other.text
    }
}

fn whole(version: &Version) -> String {
    match version.mode.as_str() {
        SUBMODULE => "moved the submodule".to_owned(),
        "120000" => "changed the link".to_owned(),
        _ => "changed it (binary)".to_owned(),
    }
}

/// `lines 3-5, 9`; of lines that were taken out, where they had been.
fn told(lines: &[Lines]) -> String {
    let shown: Vec<String> = lines
        .iter()
        .take(PLACES)
        .map(|lines| lines.told())
        .collect();
    let more = match lines.len().saturating_sub(PLACES) {
        0 => String::new(),
        more => format!(" and {more} more places"),
    };
    match lines {
        [] => "changed it".to_owned(),
        [one] if one.count == 1 => format!("line {}", one.first),
        lines if lines.iter().all(|lines| lines.count == 0) => {
            format!("deleted lines {}{more}", shown.join(", "))
        }
        _ => format!("lines {}{more}", shown.join(", ")),
    }
}

/// The line in which git says what is wrong with a file, without its beginning.
fn remark(said: &str, path: &str) -> Option<String> {
    /// More would drown the rest.
    const SHOWN: usize = 300;
    said.lines()
        .filter_map(|line| line.strip_prefix("CONFLICT "))
        .find(|line| line.contains(path))
        .map(|line| line.chars().take(SHOWN).collect())
}

/// Reads a diff without context.
fn hunks(diff: &str) -> Option<Vec<Hunk>> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for line in diff.lines() {
        if hunks.is_empty() && line.starts_with("Binary files ") {
            return None;
        }
        if let Some((old, new)) = header(line) {
            let text = Vec::new();
            hunks.push(Hunk { old, new, text });
        } else if let (Some(hunk), Some(added)) = (hunks.last_mut(), line.strip_prefix('+')) {
            hunk.text.push(added.to_owned());
        }
    }
    Some(hunks)
}

/// Reads `@@ -1,2 +3 @@ …`.
fn header(line: &str) -> Option<(Lines, Lines)> {
    let mut words = line.strip_prefix("@@ -")?.split(' ');
    let old = stretch(words.next()?)?;
    let new = stretch(words.next()?.strip_prefix('+')?)?;
    Some((old, new))
}

fn stretch(text: &str) -> Option<Lines> {
    let (first, count) = text.split_once(',').unwrap_or((text, "1"));
    Some(Lines {
        first: first.parse().ok()?,
        count: count.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_read_hunk_by_hunk() {
        let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -2,2 +2 @@ fn x\n-a\n-b\n+@@ -c\n\
                    @@ -9,0 +9,2 @@\n+d\n+e\n@@ -12 +12,0 @@\n-f\n";
        let read = hunks(diff).unwrap();
        let lines = |first, count| Lines { first, count };
        let spans: Vec<_> = read.iter().map(|hunk| (hunk.old, hunk.new)).collect();
        assert_eq!(
            spans,
            [
                (lines(2, 2), lines(2, 1)),
                (lines(9, 0), lines(9, 2)),
                (lines(12, 1), lines(12, 0)),
            ]
        );
        assert_eq!(read.first().unwrap().text, ["@@ -c"]);
        let news: Vec<Lines> = read.iter().map(|hunk| hunk.new).collect();
        assert_eq!(told(&news), "lines 2, 9-10, after 12");
        assert_eq!(told(news.get(2..).unwrap()), "deleted lines after 12");
        assert_eq!(hunks("Binary files a and b differ\n"), None);
    }

    #[test]
    fn changes_clash_when_no_line_lies_between_them() {
        let lines = |first, count| Lines { first, count };
        let table = [
            (lines(3, 2), lines(4, 1), true),
            (lines(3, 2), lines(5, 1), true),
            (lines(3, 2), lines(6, 1), false),
            // Inserted after line 4: behind 3-4, before 5.
            (lines(3, 2), lines(4, 0), true),
            (lines(3, 2), lines(5, 0), false),
            (lines(3, 2), lines(2, 0), true),
            (lines(3, 2), lines(1, 0), false),
            (lines(4, 0), lines(4, 0), true),
        ];
        for (one, other, expected) in table {
            assert_eq!(one.touches(other), expected, "{one:?} {other:?}");
            assert_eq!(other.touches(one), expected, "{other:?} {one:?}");
        }
    }
}
