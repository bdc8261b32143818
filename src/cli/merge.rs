//! `ostler worktrees merge`: what agents have left on their branches, brought together.

use std::sync::Arc;

use clap::Args;

use super::output::as_json;
use crate::agents::{Crew, MergeReport, MergeRequest};
use crate::edge::{Failure, Kind};

#[derive(Args)]
pub(super) struct Merge {
    /// The agents, in the order in which they are to be merged
    #[arg(required_unless_present = "drop")]
    agents: Vec<String>,
    /// A shell command that has to succeed after each merge
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// What to merge onto, instead of the last commit here
    #[arg(long, value_name = "REVISION")]
    onto: Option<String>,
    /// Agents whose working trees and branches are thrown away
    #[arg(long, value_delimiter = ',', value_name = "AGENTS")]
    drop: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Merge {
    /// What came of it, and the exit code.
    pub(super) async fn told(self, crew: &Arc<Crew>) -> Result<(String, u8), Failure> {
        let request = MergeRequest {
            ids: crew.all_named(&self.agents).await?,
            check: self.check,
            onto: self.onto,
            drop: crew.all_named(&self.drop).await?,
        };
        let report = crew.merge(request).await?;
        let text = match self.json {
            true => as_json(&report)?,
            false => told(&report),
        };
        let code = match report.is_stopped() {
            true => Kind::Conflict.exit_code(),
            false => 0,
        };
        Ok((text, code))
    }
}

fn told(report: &MergeReport) -> String {
    let mut lines: Vec<String> = Vec::new();
    for skipped in &report.skipped {
        lines.push(format!("{}: skipped, {}", skipped.agent, skipped.why));
    }
    for merged in &report.merged {
        lines.push(match &merged.commit {
            Some(_) => format!("{}: merged {}", merged.agent, merged.branch),
            None => format!("{}: {} was in already", merged.agent, merged.branch),
        });
    }
    if let Some(conflict) = &report.conflict {
        let with = conflict.with.join(", ");
        lines.push(format!("{}: in conflict with {with}", conflict.agent));
        for file in &conflict.files {
            lines.push(format!("  {}", file.path));
            let with = match file.with.join(", ") {
                with if with.is_empty() => "before".to_owned(),
                with => with,
            };
            lines.push(format!("    {with}: {}", file.ours));
            lines.push(format!("    {}: {}", conflict.agent, file.theirs));
        }
        if conflict.more_files > 0 {
            lines.push(format!("  and {} more files", conflict.more_files));
        }
    }
    if let Some(failed) = &report.check_failed {
        let how = match (failed.timed_out, failed.exit_code) {
            (true, _) => "took too long".to_owned(),
            (false, Some(code)) => format!("ended with exit code {code}"),
            (false, None) => "was ended by a signal".to_owned(),
        };
        lines.push(format!("{}: the check {how}", failed.agent));
        lines.extend(failed.output.lines().map(|line| format!("  {line}")));
    }
    for agent in &report.not_tried {
        lines.push(format!("{agent}: not tried"));
    }
    for dropped in &report.dropped {
        let back = match &dropped.restore {
            Some(restore) => format!("; bring it back with `{restore}`"),
            None => String::new(),
        };
        lines.push(format!(
            "{}: dropped {}{back}",
            dropped.agent, dropped.branch
        ));
    }
    for kept in &report.not_dropped {
        lines.push(format!("{}: not dropped, {}", kept.agent, kept.why));
    }
    match (&report.branch, &report.take_over) {
        (Some(branch), Some(command)) => {
            lines.push(format!(
                "\n{branch} holds what was merged. Take it over with\n  {command}"
            ));
        }
        _ if report.dropped.is_empty() && report.not_dropped.is_empty() => {
            lines.push("nothing was merged".to_owned())
        }
        _ => {}
    }
    lines.join("\n") + "\n"
}
