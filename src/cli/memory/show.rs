//! `ostler memory show`.

use clap::Args;
use serde::Serialize;

use super::as_json;
use super::lines::{self, date};
use super::view::MemoryView;
use crate::agents::Crew;
use crate::cli::paint::Paint;
use crate::clock::rfc3339;
use crate::edge::Failure;
use crate::memory::{Link, Memories, Memory};
use crate::text::{self, one_line};

/// Characters of one line of others' words.
const LINE: usize = 300;

#[derive(Args)]
pub(in crate::cli) struct Show {
    /// The memory: its id, or the beginning of it
    id: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ShownView<'a> {
    #[serde(flatten)]
    memory: MemoryView<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<MemoryView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    successors: Vec<MemoryView<'a>>,
}

impl Show {
    pub(super) async fn told(
        self,
        crew: &Crew,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        let memory = memories.get(&self.id).await?;
        let (before, after) = memories.chain(&memory).await?;
        let stale = crew.stale_links(&memory.links).await;
        if !self.json {
            return Ok(told(&memory, &stale, [&before, &after], paint));
        }
        as_json(&ShownView {
            memory: MemoryView::of(&memory, &stale),
            history: before.iter().map(|it| MemoryView::of(it, &[])).collect(),
            successors: after.iter().map(|it| MemoryView::of(it, &[])).collect(),
        })
    }
}

fn told(memory: &Memory, stale: &[Link], chain: [&[Memory]; 2], paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(memory.id.as_str()));
    for (name, value) in facts(memory) {
        let value = one_line(&value, LINE);
        text += &format!("{}  {value}\n", paint.dim(&format!("{name:11}")));
    }
    for link in &memory.links {
        let mark = match stale.contains(link) {
            true => " (stale: it is not there any more)",
            false => "",
        };
        let target = one_line(&link.target, LINE);
        let name = paint.dim(&format!("{:11}", "about"));
        text += &format!("{name}  {} {target}{mark}\n", link.kind);
    }
    if !memory.text.is_empty() {
        text += &format!("\n{}\n", text::lines(&memory.text));
    }
    let [before, after] = chain;
    for (name, memories) in [("History", before), ("Superseded by", after)] {
        if !memories.is_empty() {
            let table = lines::table(memories, paint);
            text += &format!("\n{}\n{table}", paint.bold(name));
        }
    }
    text
}

/// What is said in a word, with its name.
fn facts(memory: &Memory) -> Vec<(&'static str, String)> {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let time = |ms: i64| (ms != 0).then(|| rfc3339(ms));
    let forgotten = memory.forgotten.as_ref().map(|gone| {
        let why = match gone.why.as_str() {
            "" => String::new(),
            why => format!(": {why}"),
        };
        format!("{} by {}{why}", rfc3339(gone.at_ms), gone.by)
    });
    let session =
        (!memory.session.is_empty()).then(|| format!("{}, turn {}", memory.session, memory.turn));
    let used = match memory.used_ms {
        0 => None,
        ms => Some(format!("{} times, last {}", memory.uses, date(ms))),
    };
    let happened = (memory.at_ms != memory.created_ms).then(|| rfc3339(memory.at_ms));
    let facts = [
        ("forgotten", forgotten),
        ("kind", Some(memory.kind.to_string())),
        ("scope", Some(memory.scope.to_string())),
        ("trust", Some(memory.trust.to_string())),
        ("source", Some(memory.source.to_string())),
        ("subject", known(&memory.subject)),
        ("tags", known(&memory.tags.join(" "))),
        ("importance", Some(memory.importance.to_string())),
        ("session", session),
        ("happened", happened),
        ("written", Some(rfc3339(memory.created_ms))),
        ("used", used),
        ("valid from", time(memory.valid_from_ms)),
        ("valid to", time(memory.valid_to_ms)),
    ];
    let named = |(name, value): (&'static str, Option<String>)| Some((name, value?));
    facts.into_iter().filter_map(named).collect()
}
