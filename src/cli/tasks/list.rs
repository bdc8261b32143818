//! `ostler tasks list`.

use clap::Args;

use super::{as_json, kind, lines, one_of};
use crate::cli::output::err;
use crate::cli::paint::Paint;
use crate::edge::Failure;
use crate::page::Page;
use crate::tasks::{Kind, Listing, TaskLine, Tracker, View};

/// Lines read at a time where all are wanted.
const PAGE: u32 = 100;

#[derive(Args)]
pub(in crate::cli) struct List {
    /// Which: ready, blocked, mine, open, closed or all [default: open; all with --query]
    #[arg(long, value_parser = view)]
    view: Option<View>,
    /// With these words in title, description or acceptance criteria, the best first; or of this id,
    /// or called so elsewhere
    #[arg(long, short, value_name = "WORDS")]
    query: Option<String>,
    /// With this label
    #[arg(long)]
    label: Option<String>,
    /// Of this kind: task, bug, feature, chore, epic or question
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Below this task, at any depth
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// How many at most, 1 to 100
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Where the last page ended: its `next_cursor`
    #[arg(long)]
    cursor: Option<String>,
    /// All of them, not only a page
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn view(text: &str) -> Result<View, String> {
    one_of(
        View::parse(text),
        View::ALL.iter().map(|view| view.as_str()),
    )
}

impl List {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        let usual = match self.query {
            Some(_) => View::All,
            None => View::Open,
        };
        let mut listing = Listing {
            view: self.view.unwrap_or(usual),
            query: self.query,
            label: self.label,
            kind: self.kind,
            parent: self.parent,
            limit: if self.all { PAGE } else { self.limit },
            cursor: self.cursor,
        };
        let mut page = tracker.list(&listing).await?;
        while self.all && page.next_cursor.is_some() {
            listing.cursor = page.next_cursor.take();
            let next: Page<TaskLine> = tracker.list(&listing).await?;
            page.items.extend(next.items);
            page.next_cursor = next.next_cursor;
        }
        if self.json {
            return as_json(&page);
        }
        if page.next_cursor.is_some() {
            err("there are more; --all shows them\n");
        }
        Ok(lines::table(&page.items, paint))
    }
}
