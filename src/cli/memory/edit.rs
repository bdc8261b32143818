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

const AFTER: &str = "\
The page opens in $VISUAL, else $EDITOR, else vi. When the editor ends, what you have changed is shown and
done, all of it or nothing: a changed text takes the place of the old one, which stays on record; a bullet
that is gone is forgotten; a new one is remembered. If somebody has changed one of these memories
meanwhile, or something cannot be kept, nothing is done and your page is kept: --from takes it up again.";

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
            return self.apply(memories, &read(path)?, paint).await;
        }
        let listing = Listing {
            kinds: self.kind.into_iter().collect(),
            tag: self.tag.clone(),
            scope: self.scope.clone(),
            trust: self.trust,
            ..Listing::default()
        };
        let page = memories.page_of(&listing, self.query.as_deref()).await?;
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
        file.write_all(page.as_bytes()).map_err(unwritten)?;
        let path = file.into_temp_path();
        edited(&path)?;
        let text = read(&path)?;
        if text == page {
            return Ok("nothing was changed\n".to_owned());
        }
        let outcome = self.apply(memories, &text, paint).await;
        outcome.map_err(|failure| match path.keep() {
            Ok(path) => kept(failure, &path),
            Err(_) => failure,
        })
    }

    async fn apply(
        &self,
        memories: &Memories<'_>,
        page: &str,
        paint: Paint,
    ) -> Result<String, Failure> {
        let edit = memories.edit(page).await?;
        if edit.is_empty() {
            return Ok("nothing was changed\n".to_owned());
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
        ];
        let told: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        Ok(format!("{difference}{}\n", told.join(", ")))
    }
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
    std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))
}

/// The same failure, with where the page is that was edited.
fn kept(failure: Failure, path: &Path) -> Failure {
    let path = path.display();
    failure.hint(format!(
        "nothing was changed; your page is kept: `ostler memory edit --from {path}` takes it up again"
    ))
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
        let (tags, before) = (it.tags.join(" "), it.before.tags.join(" "));
        text += &format!("{}\n", paint.bold(it.before.id.as_str()));
        text += &prefixed(
            "- ",
            &format!("tags {before}, importance {}", it.before.importance),
        );
        text += &prefixed("+ ", &format!("tags {tags}, importance {}", it.importance));
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
