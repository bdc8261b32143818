//! `ostler memory edit`: a page of memories in the person's own editor, and what has become of it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::{agreed, kind, scope, trust};
use crate::cli::output::err;
use crate::cli::paint::Paint;
use crate::edge::{Failure, Kind as FailureKind};
use crate::memory::{self, Kind, Listing, Memories, Memory, NewMemory, Scope, Trust};
use crate::text::{counted, lines, one_line};

/// What is started where no editor is named.
const EDITOR: &str = "vi";
/// Longest page that is read, in bytes.
const LONGEST: u64 = 64 << 20;
/// Characters of a text that is told of.
const SHOWN: usize = 160;
const UNCHANGED: &str = "nothing was changed\n";

const AFTER: &str = "\
The page opens in $VISUAL, else $EDITOR, else vi. When the editor ends, what you have changed is shown and
done, all of it or nothing: a changed text takes the place of the old one, which stays on record; a bullet
that is gone is forgotten; a new one is remembered. Nothing is done if the editor fails, if something cannot
be kept, or if you have changed what somebody else has changed meanwhile; what others have changed and you
have not is left alone. Your page is then kept and named: --from takes it up again, and leaves it there.";

#[derive(Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Edit {
    /// Only what these words find
    query: Option<String>,
    /// Only of this kind: fact, decision, preference, convention, mistake, how_to or context
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Only with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only of project, user or agent:<definition>
    #[arg(long, value_parser = scope)]
    scope: Option<Scope>,
    /// Only what is confirmed, or quarantined
    #[arg(long, value_parser = trust)]
    trust: Option<Trust>,
    /// Do what this page asks for, without an editor
    #[arg(long, value_name = "FILE", conflicts_with_all = ["query", "kind", "tag", "scope", "trust"])]
    from: Option<PathBuf>,
    /// Do not ask when more than half of the page would be forgotten
    #[arg(long)]
    yes: bool,
}

impl Edit {
    pub(super) async fn told(
        self,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        if let Some(path) = &self.from {
            let applied = self.apply(memories, &read(path)?, paint).await?;
            return Ok(applied.unwrap_or_else(|| UNCHANGED.to_owned()));
        }
        let listing = Listing {
            kinds: self.kind.into_iter().collect(),
            tag: self.tag.clone(),
            scope: self.scope.clone(),
            trust: self.trust,
            ..Listing::default()
        };
        let text = memories.page_of(&listing, self.query.as_deref()).await?;
        let page = Page::written(text)?;
        let outcome = match edited(&page.path) {
            Ok(()) => self.taken(memories, &page, paint).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(told) => Ok(told),
            Err(failure) => Err(page.kept_unless_untouched(failure)),
        }
    }

    /// Does what the page asks for that the editor has left. The page goes when nothing on it is left
    /// that was not done.
    async fn taken(
        &self,
        memories: &Memories<'_>,
        page: &Page,
        paint: Paint,
    ) -> Result<String, Failure> {
        let text = read(&page.path)?;
        match self.apply(memories, &text, paint).await? {
            Some(done) => {
                page.remove(&text);
                Ok(done)
            }
            None if without_blanks(&text) == without_blanks(&page.text) => {
                page.remove(&text);
                Ok(UNCHANGED.to_owned())
            }
            None => {
                let path = page.path.display();
                Ok(format!(
                    "{UNCHANGED}what you have written asks for nothing; your page is kept: {path}\n"
                ))
            }
        }
    }

    /// What was done; `None` where nothing is asked for.
    async fn apply(
        &self,
        memories: &Memories<'_>,
        page: &str,
        paint: Paint,
    ) -> Result<Option<String>, Failure> {
        let edit = memories.edit(page).await?;
        if edit.is_empty() {
            return Ok(None);
        }
        let difference = difference(&edit, paint);
        if edit.forgets_most() && !self.yes {
            err(&difference);
            let (gone, of) = (edit.forgotten.len(), edit.of);
            if !agreed(&format!("forget {gone} of {of} memories?")) {
                let message = format!("{gone} of {of} memories would be forgotten");
                return Err(Failure::new(FailureKind::Refused, message)
                    .hint("nothing was changed; --yes says that they should"));
            }
        }
        let done = memories.apply(&edit).await?;
        let parts = [
            (done.superseded, "superseded"),
            (done.adjusted, "adjusted"),
            (done.forgotten, "forgotten"),
            (done.remembered, "remembered"),
            (done.redacted, "without values of secret variables"),
        ];
        let told: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        Ok(Some(format!("{difference}{}\n", told.join(", "))))
    }
}

/// A page in a file for the editor. It stays whatever becomes of this process, until what was written
/// on it is done.
struct Page {
    path: PathBuf,
    /// As it was written for the editor.
    text: String,
}

impl Page {
    fn written(text: String) -> Result<Self, Failure> {
        let unwritten = |error: std::io::Error| {
            let message = format!("the page cannot be written: {error}");
            Failure::new(FailureKind::Internal, message)
        };
        // For nobody else's eyes, which is how temporary files are made.
        let mut file = tempfile::Builder::new()
            .prefix("ostler-memory-")
            .suffix(".md")
            .tempfile()
            .map_err(unwritten)?;
        file.write_all(text.as_bytes()).map_err(unwritten)?;
        let (_, path) = file.keep().map_err(|kept| unwritten(kept.error))?;
        Ok(Self { path, text })
    }

    /// Removes the page if it still is `text`: an editor may have gone on writing.
    fn remove(&self, text: &str) {
        if std::fs::read(&self.path).is_ok_and(|left| left == text.as_bytes()) {
            // One that stays is in nobody's way.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// The same failure, with where the page is if there is anything on it that was not there before.
    fn kept_unless_untouched(&self, failure: Failure) -> Failure {
        self.remove(&self.text);
        if !self.path.exists() {
            return failure;
        }
        let path = self.path.display();
        Failure {
            message: format!(
                "{}\nyour page is kept: `ostler memory edit --from {path}` takes it up again",
                failure.message
            ),
            ..failure
        }
    }
}

/// A text without what editors change by themselves: ends of lines, empty lines, a mark in front.
fn without_blanks(text: &str) -> Vec<&str> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().map(str::trim_end);
    lines.filter(|line| !line.is_empty()).collect()
}

/// Opens the editor and waits for its end.
fn edited(path: &Path) -> Result<(), Failure> {
    let named = |name: &str| std::env::var(name).ok().filter(|it| !it.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR"));
    let editor = editor.unwrap_or_else(|| EDITOR.to_owned());
    // It may have arguments of its own, as in `code --wait`.
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(path)
        .status();
    let message = match status {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => format!("the editor `{editor}` ended with {status}"),
        Err(error) => format!("the editor `{editor}` cannot be started: {error}"),
    };
    Err(Failure::new(FailureKind::Invalid, message)
        .hint("nothing was changed; VISUAL or EDITOR names another one"))
}

fn read(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bad = |problem: String| {
        let message = format!("{shown} cannot be read: {problem}");
        Failure::new(FailureKind::Invalid, message).hint("nothing was changed")
    };
    let found = std::fs::metadata(path).map_err(|error| bad(error.to_string()))?;
    if !found.is_file() || found.len() > LONGEST {
        return Err(bad(format!("it is no file of at most {LONGEST} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        bad(format!("byte {at} of it is no UTF-8 text"))
    })
}

fn difference(edit: &memory::Edit, paint: Paint) -> String {
    let mut text = String::new();
    for it in &edit.replaced {
        text += &format!(
            "{} {}\n",
            paint.bold(it.old.id.as_str()),
            place(&it.old, &it.new)
        );
        text += &prefixed("- ", &it.old.text);
        text += &prefixed("+ ", &it.new.text);
    }
    for it in &edit.adjusted {
        text += &format!("{}\n", paint.bold(it.before.id.as_str()));
        text += &prefixed("- ", &marks(&it.before.tags, it.before.importance));
        text += &prefixed("+ ", &marks(&it.tags, it.importance));
    }
    for it in &edit.forgotten {
        text += &format!("{} forgotten\n", paint.bold(it.id.as_str()));
        text += &prefixed("- ", &one_line(&it.text, SHOWN));
    }
    if !edit.remembered.is_empty() {
        let new = counted(edit.remembered.len() as u64, "memory");
        text += &format!("{}\n", paint.bold(&format!("{new} new")));
        for (_, it) in &edit.remembered {
            text += &prefixed("+ ", &it.text);
        }
    }
    text
}

fn marks(tags: &[String], importance: f64) -> String {
    let tags = match tags {
        [] => "no tags".to_owned(),
        tags => format!("tags {}", tags.join(" ")),
    };
    format!("{tags}, importance {importance}")
}

/// Where it goes, if that is another place.
fn place(old: &Memory, new: &NewMemory) -> String {
    let (scope, kind) = (new.scope.as_ref(), new.kind);
    match (scope, kind) {
        (Some(scope), Some(kind)) if (scope, kind) != (&old.scope, old.kind) => {
            format!("superseded, now {kind} in {scope}")
        }
        _ => "superseded".to_owned(),
    }
}

fn prefixed(prefix: &str, text: &str) -> String {
    let text = lines(text);
    let lines = text.lines().map(|line| format!("  {prefix}{line}\n"));
    lines.collect()
}
