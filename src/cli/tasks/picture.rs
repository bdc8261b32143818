//! `ostler tasks tree` and `graph`.

use clap::{Args, ValueEnum};

use super::as_json;
use super::lines::titled;
use crate::cli::output::err;
use crate::cli::paint::Paint;
use crate::edge::Failure;
use crate::tasks::{Network, TaskLine, Tracker};
use crate::text::one_line;

#[derive(Args)]
pub(in crate::cli) struct Tree {
    /// The task at the top; without one all that are open
    id: Option<String>,
    /// Closed ones too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Tree {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        let network = tracker.network(self.id.as_deref(), self.all).await?;
        if self.json {
            return as_json(&network);
        }
        let mut text = String::new();
        for branch in network.tree() {
            let lead = paint.dim(&branch.lead);
            text += &format!("{lead}{}\n", leaf(branch.task, paint));
        }
        Ok(or_nothing(text, &network))
    }
}

fn leaf(task: &TaskLine, paint: Paint) -> String {
    let mut notes = Vec::new();
    notes.extend(task.priority.map(|it| format!("P{it}")));
    notes.extend(task.kind.map(|it| it.to_string()));
    notes.extend(task.children.clone());
    notes.extend(task.holder.as_ref().map(|it| one_line(it, 24)));
    let notes = match notes.is_empty() {
        true => String::new(),
        false => paint.dim(&format!("  [{}]", notes.join(", "))),
    };
    let status = paint.status(task.status);
    format!("{} {status}  {}{notes}", task.id, titled(task))
}

#[derive(Args)]
pub(in crate::cli) struct Graph {
    /// Only what is below this task, and it; without one all that are open
    id: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Closed ones too
    #[arg(long)]
    all: bool,
    /// As JSON: tasks and edges
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For whatever draws Mermaid, as GitHub does
    Mermaid,
    /// For Graphviz
    Dot,
    /// Lines
    Text,
}

impl Graph {
    pub(super) async fn told(self, tracker: &Tracker<'_>) -> Result<String, Failure> {
        let network = tracker.network(self.id.as_deref(), self.all).await?;
        if self.json {
            return as_json(&network);
        }
        Ok(match self.format {
            Format::Mermaid => network.mermaid(),
            Format::Dot => network.dot(),
            Format::Text => or_nothing(network.text(), &network),
        })
    }
}

fn or_nothing(text: String, network: &Network) -> String {
    if network.cut {
        let shown = network.tasks.len();
        err(&format!(
            "only the first {shown} tasks are shown; name one to see what is below it\n"
        ));
    }
    match text.is_empty() {
        true => "no tasks\n".to_owned(),
        false => text,
    }
}
