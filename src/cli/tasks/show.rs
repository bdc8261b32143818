//! `ostler tasks show`.

use clap::Args;

use super::as_json;
use super::lines::{self, titled};
use crate::cli::paint::Paint;
use crate::edge::Failure;
use crate::tasks::{EdgeView, TaskView, Tracker};
use crate::text::{self, one_line};

/// Characters of one line of others' words.
const LINE: usize = 300;

#[derive(Args)]
pub(in crate::cli) struct Show {
    /// The task: its id, or the beginning of it
    id: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        let view = tracker.show(&self.id).await?;
        match self.json {
            true => as_json(&view),
            false => Ok(told(&view, paint)),
        }
    }
}

fn told(view: &TaskView, paint: Paint) -> String {
    let mut text = format!("{}  {}\n", view.line.id, paint.bold(&titled(&view.line)));
    for (name, value) in facts(view) {
        let value = match name {
            "status" => paint.status(&value),
            _ => one_line(&value, LINE),
        };
        text += &format!("{}  {value}\n", paint.dim(&format!("{name:10}")));
    }
    for (name, words) in [("", &view.description), ("Acceptance", &view.acceptance)] {
        if !words.is_empty() {
            text += &section(name, &format!("{}\n", text::lines(words)), paint);
        }
    }
    if let Some(proof) = &view.evidence {
        let seen = (!proof.seen.is_empty()).then(|| format!("seen: {}", proof.seen));
        let commits = proof.commits.iter().map(|it| format!("commit {it}"));
        let commands = proof.commands.iter().map(|it| format!("command {it}"));
        let agents = proof.agents.iter().map(|it| format!("agent {it}"));
        let all = commits.chain(commands).chain(agents).chain(seen);
        let all: String = all.map(|it| one_line(&it, LINE) + "\n").collect();
        text += &section("Evidence", &all, paint);
    }
    if !view.parts.is_empty() {
        text += &section("Children", &lines::table(&view.parts, paint), paint);
    }
    if !view.edges.is_empty() {
        let mut edges: String = view
            .edges
            .iter()
            .map(|edge| told_edge(edge, paint))
            .collect();
        edges += &more(view.more_edges, "edges");
        text += &section("Edges", &edges, paint);
    }
    if !view.links.is_empty() {
        let link =
            |it: &crate::tasks::LinkView| format!("{} {}\n", it.kind, one_line(&it.target, 100));
        text += &section(
            "Linked",
            &view.links.iter().map(link).collect::<String>(),
            paint,
        );
    }
    if !view.notes.is_empty() {
        let mut notes = more(view.more_notes, "older entries");
        for note in &view.notes {
            let head = format!("{} {} {}", note.at, note.kind, one_line(&note.by, 60));
            let words = text::lines(&note.text).replace('\n', "\n  ");
            notes += &format!("{}\n  {words}\n", paint.dim(&head));
        }
        text += &section("History", &notes, paint);
    }
    text
}

/// What is said in a word, with its name.
fn facts(view: &TaskView) -> Vec<(&'static str, String)> {
    let line = &view.line;
    let above = view
        .above
        .iter()
        .map(|it| format!("{} {}", it.id, it.title));
    let waits_for: Vec<&str> = line.waits_for.iter().map(|id| id.as_str()).collect();
    let claim = view.claim.as_ref().map(|claim| {
        let until = claim.until.as_ref().map(|until| format!(", until {until}"));
        let (holder, fence, since) = (&claim.holder, claim.fence, &claim.since);
        let until = until.unwrap_or_default();
        format!("{holder}, claim {fence}, since {since}{until}")
    });
    let closed = view
        .closed
        .as_ref()
        .map(|at| format!("{at} by {}", view.closed_by));
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let facts = [
        ("status", Some(line.status.to_owned())),
        ("why", known(&view.why)),
        ("priority", Some(line.priority.unwrap_or(2).to_string())),
        ("kind", line.kind.map(|it| it.to_string())),
        ("part of", known(&above.collect::<Vec<_>>().join(" < "))),
        (
            "children",
            line.children.as_ref().map(|it| format!("{it} closed")),
        ),
        ("claimed by", claim),
        ("waits for", known(&waits_for.join(" "))),
        ("not before", view.defer_until.clone()),
        ("estimate", view.estimate_min.map(|it| format!("{it} min"))),
        (
            "writes",
            view.writes
                .map(|it| if it { "yes" } else { "no" }.to_owned()),
        ),
        ("elsewhere", known(&view.external_ref)),
        (
            "created",
            Some(format!("{} by {}", view.created, view.created_by)),
        ),
        ("updated", Some(view.updated.clone())),
        ("closed", closed),
    ];
    let named = |(name, value): (&'static str, Option<String>)| Some((name, value?));
    facts.into_iter().filter_map(named).collect()
}

fn section(name: &str, body: &str, paint: Paint) -> String {
    match name {
        "" => format!("\n{body}"),
        name => format!("\n{}\n{body}", paint.bold(name)),
    }
}

fn told_edge(edge: &EdgeView, paint: Paint) -> String {
    let (arrow, holds) = (
        if edge.back { "<-" } else { "->" },
        if edge.holds { " (holds)" } else { "" },
    );
    let status = paint.status(edge.status);
    let title = one_line(&edge.title, LINE);
    format!(
        "{arrow} {}{holds} {} {status}  {title}\n",
        edge.kind, edge.task
    )
}

fn more(count: Option<u32>, what: &str) -> String {
    count.map_or_else(String::new, |count| format!("{count} more {what}\n"))
}
