//! `ostler tasks doctor`.

use clap::Args;
use serde::Serialize;

use super::as_json;
use crate::cli::output::table;
use crate::edge::Failure;
use crate::tasks::{Difference, Tracker};

#[derive(Args)]
pub(in crate::cli) struct Doctor {
    /// Put the counts right
    #[arg(long)]
    mend: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Found {
    /// What was found, at most 1,000.
    differences: Vec<Difference>,
    /// Rows that were put right.
    #[serde(skip_serializing_if = "Option::is_none")]
    mended: Option<u64>,
}

impl Doctor {
    /// What was found, and 1 if something is wrong still.
    pub(super) async fn told(self, tracker: &Tracker<'_>) -> Result<(String, u8), Failure> {
        let differences = tracker.doctor().await?;
        let mended = match self.mend {
            true => Some(tracker.mend().await?),
            false => None,
        };
        let is_well = differences.is_empty() || mended.is_some();
        let found = Found {
            differences,
            mended,
        };
        let text = match self.json {
            true => as_json(&found)?,
            false => told(&found),
        };
        Ok((text, u8::from(!is_well)))
    }
}

fn told(found: &Found) -> String {
    let mut text = match found.differences.is_empty() {
        true => "every count is right\n".to_owned(),
        false => {
            let head = ["TASK", "COUNT", "ON RECORD", "COUNTED"];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            rows.extend(found.differences.iter().map(|it| {
                let (has, wants) = (it.has.to_string(), it.wants.to_string());
                vec![it.id.to_string(), it.what.clone(), has, wants]
            }));
            table(&rows)
        }
    };
    match found.mended {
        Some(0) => {}
        Some(mended) => text += &format!("{mended} rows were put right\n"),
        None if !found.differences.is_empty() => text += "`--mend` puts them right\n",
        None => {}
    }
    text
}
