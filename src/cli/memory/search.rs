//! `ostler memory search`.

use clap::Args;
use serde::Serialize;

use super::lines::date;
use super::view::MemoryView;
use super::{as_json, kind, scope};
use crate::agents::Crew;
use crate::cli::output::err;
use crate::cli::paint::Paint;
use crate::edge::Failure;
use crate::memory::{Band, Hit, Kind, Link, Memories, Memory, MemoryError, Query, Scope, Trust};
use crate::text::{self, one_line};

/// Characters of a text that stands beside a hit.
const BESIDE: usize = 160;

const AFTER_SEARCH: &str = "\
The question needs no quotation marks. To find nothing is no error: exit code 0, and what was searched is
said on standard error.";

#[derive(Args)]
#[command(after_help = AFTER_SEARCH)]
pub(in crate::cli) struct Search {
    /// The question, in words, or ids of memories; may be left out where something chooses
    #[arg(value_name = "QUESTION")]
    query: Vec<String>,
    /// The same in other words; once more for more of them
    #[arg(long, value_name = "WORDS")]
    also: Vec<String>,
    /// Only what is linked with this task, agent, file or commit
    #[arg(long, value_name = "LINK")]
    about: Option<String>,
    /// Only of these kinds: fact, decision, preference, convention, mistake, how_to, context
    #[arg(long = "kind", value_delimiter = ',', value_parser = kind, value_name = "KINDS")]
    kinds: Vec<Kind>,
    /// Only with all of these tags
    #[arg(long = "tag", value_delimiter = ',', value_name = "TAGS")]
    tags: Vec<String>,
    /// Only of project, user or agent:<definition>
    #[arg(long, value_parser = scope)]
    scope: Option<Scope>,
    /// Also what was superseded, with its history
    #[arg(long)]
    history: bool,
    /// How many at most, 1 to 20
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=20))]
    limit: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Found<'a> {
    hits: Vec<HitView<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
}

#[derive(Serialize)]
struct HitView<'a> {
    #[serde(flatten)]
    memory: MemoryView<'a>,
    band: Band,
    why: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<MemoryView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearby: Vec<MemoryView<'a>>,
}

impl Search {
    pub(super) async fn told(
        self,
        crew: &Crew,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        let about = self
            .about
            .as_deref()
            .map(|about| Link::asked(about, &crew.top()));
        let about = about.transpose();
        let query = Query {
            text: self.query.join(" "),
            also: self.also,
            scope: self.scope,
            kinds: self.kinds,
            tags: self.tags,
            about: about.map_err(|bad| MemoryError::bad_link("about", &bad))?,
            limit: self.limit,
            include_superseded: self.history,
            ..Query::default()
        };
        let recalled = memories.recall(&query).await?;
        let links = recalled.hits.iter().flat_map(|hit| &hit.memory.links);
        let links: Vec<Link> = links.cloned().collect();
        let stale = crew.stale_links(&links).await;
        if self.json {
            return as_json(&Found {
                hits: recalled.hits.iter().map(|it| view(it, &stale)).collect(),
                notes: &recalled.notes,
            });
        }
        for note in &recalled.notes {
            err(&format!("{}\n", one_line(note, 400)));
        }
        if recalled.hits.is_empty() {
            return Ok("no memories\n".to_owned());
        }
        let hits: Vec<String> = recalled
            .hits
            .iter()
            .map(|hit| told(hit, &stale, paint))
            .collect();
        Ok(hits.join("\n"))
    }
}

fn view<'a>(hit: &'a Hit, stale: &[Link]) -> HitView<'a> {
    let all = |of: &'a [Memory]| of.iter().map(|it| MemoryView::of(it, &[])).collect();
    HitView {
        memory: MemoryView::of(&hit.memory, stale),
        band: hit.band,
        why: &hit.why,
        history: all(&hit.history),
        nearby: all(&hit.nearby),
    }
}

fn told(hit: &Hit, stale: &[Link], paint: Paint) -> String {
    let memory = &hit.memory;
    let mut head = vec![
        hit.band.to_string(),
        memory.kind.to_string(),
        date(memory.at_ms),
        one_line(&memory.source.to_string(), 60),
    ];
    if memory.trust == Trust::Quarantined {
        head.push("quarantined".to_owned());
    }
    if memory.superseded_by.is_some() {
        head.push("superseded".to_owned());
    }
    let tags = memory
        .tags
        .iter()
        .map(|tag| format!("#{}", one_line(tag, 40)));
    head.extend(tags);
    let mut told = format!(
        "{}  {}\n  {}\n",
        paint.bold(memory.id.as_str()),
        paint.dim(&head.join("  ")),
        text::lines(&memory.text).replace('\n', "\n  ")
    );
    if !hit.why.is_empty() {
        told += &format!("  {}\n", paint.dim(&one_line(&hit.why, BESIDE)));
    }
    for link in memory.links.iter().filter(|link| stale.contains(*link)) {
        let target = one_line(&link.target, BESIDE);
        told += &format!(
            "  stale: the {} {target} is not there any more\n",
            link.kind
        );
    }
    for (name, memories) in [("before", &hit.history), ("nearby", &hit.nearby)] {
        for other in memories {
            let text = one_line(&other.text, BESIDE);
            let line = format!("{name} {} {}  {text}", other.id, date(other.at_ms));
            told += &format!("  {}\n", paint.dim(&line));
        }
    }
    told
}
