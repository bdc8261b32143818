//! `ostler memory list`.

use clap::Args;
use serde::Serialize;

use super::view::MemoryView;
use super::{as_json, kind, lines, scope, trust};
use crate::cli::output::err;
use crate::cli::paint::Paint;
use crate::edge::Failure;
use crate::memory::{Kind, Listing, Memories, Scope, Standing, Trust};
use crate::page::Page;

#[derive(Args)]
pub(in crate::cli) struct List {
    /// Only of these kinds: fact, decision, preference, convention, mistake, how_to, context
    #[arg(long = "kind", value_delimiter = ',', value_parser = kind, value_name = "KINDS")]
    kinds: Vec<Kind>,
    /// With this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only of project, user or agent:<definition>
    #[arg(long, value_parser = scope)]
    scope: Option<Scope>,
    /// Only what is confirmed, or quarantined: written by an agent and confirmed by nobody
    #[arg(long, value_parser = trust)]
    trust: Option<Trust>,
    /// What was forgotten instead
    #[arg(long)]
    forgotten: bool,
    /// What was superseded instead
    #[arg(long, conflicts_with = "forgotten")]
    superseded: bool,
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

#[derive(Serialize)]
struct PageView<'a> {
    items: Vec<MemoryView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl List {
    pub(super) async fn told(
        self,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        let listing = Listing {
            standing: match (self.forgotten, self.superseded) {
                (true, _) => Standing::Forgotten,
                (false, true) => Standing::Superseded,
                (false, false) => Standing::Current,
            },
            kinds: self.kinds,
            tag: self.tag,
            scope: self.scope,
            trust: self.trust,
            limit: self.limit,
            cursor: self.cursor,
        };
        let page = match self.all {
            true => Page {
                items: memories.all(&listing).await?,
                next_cursor: None,
            },
            false => memories.list(&listing).await?,
        };
        if self.json {
            let items = page.items.iter().map(|it| MemoryView::of(it, &[]));
            return as_json(&PageView {
                items: items.collect(),
                next_cursor: page.next_cursor,
            });
        }
        if page.next_cursor.is_some() {
            err("there are more; --all shows them\n");
        }
        Ok(lines::table(&page.items, paint))
    }
}
