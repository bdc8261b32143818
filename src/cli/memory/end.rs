//! `ostler memory forget`.

use clap::Args;

use super::view::MemoryView;
use super::{as_json, lines};
use crate::cli::paint::Paint;
use crate::edge::Failure;
use crate::memory::Memories;

#[derive(Args)]
pub(in crate::cli) struct Forget {
    /// The memories: their ids, or the beginnings of them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Why, for the record
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    why: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Forget {
    pub(super) async fn told(
        self,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        // A mistyped id is found before anything is forgotten.
        for id in &self.ids {
            memories.get(id).await?;
        }
        let mut forgotten = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            forgotten.push(memories.forget(id, &self.why).await?);
        }
        match self.json {
            true => {
                let all: Vec<_> = forgotten
                    .iter()
                    .map(|memory| MemoryView::of(memory, &[]))
                    .collect();
                as_json(&all)
            }
            false => Ok(lines::table(&forgotten, paint)),
        }
    }
}
