//! `ostler worktrees`: the working trees of agents' own, and an end to those that hold nothing.

use std::sync::Arc;

use clap::Subcommand;

use super::merge::Merge;
use super::output::{as_json, duration, print, table};
use crate::agents::{Crew, Pruned, Worktrees as Listed};
use crate::edge::Failure;
use crate::host::{self, Surroundings};
use crate::text::one_line;
use crate::workspaces::{Pruning, Standing};

const DAY_S: i64 = 24 * 3600;

#[derive(Subcommand)]
pub(super) enum Worktrees {
    /// List the worktrees that agents have, oldest first
    List {
        /// Of every project, not only this one
        #[arg(long)]
        all_projects: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Merge the branches of ended agents, one after the other, onto a new branch
    Merge(Merge),
    /// Remove those of ended agents that hold nothing of their own: clean, and merged into a branch of
    /// yours or without commits
    Prune {
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
        /// Also those that hold nothing more than files which git ignores
        #[arg(long)]
        ignored: bool,
        /// Of every project, not only this one
        #[arg(long)]
        all_projects: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Worktrees {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let crew = host::open(&Surroundings::of_process()?).await?;
        let told = self.told(&crew).await;
        crew.close().await;
        let (text, code) = told?;
        print(&text)?;
        Ok(code)
    }

    /// What there is to say, and the exit code.
    async fn told(self, crew: &Arc<Crew>) -> Result<(String, u8), Failure> {
        let text = match self {
            Worktrees::Merge(merge) => return merge.told(crew).await,
            Worktrees::List { all_projects, json } => {
                let listed = crew.worktrees(all_projects).await?;
                if json {
                    as_json(&listed)
                } else {
                    Ok(as_table(&listed))
                }
            }
            Worktrees::Prune {
                dry_run,
                ignored,
                all_projects,
                json,
            } => {
                let pruning = Pruning { dry_run, ignored };
                let pruned = crew.prune_worktrees(all_projects, pruning).await?;
                if json {
                    as_json(&pruned)
                } else {
                    Ok(told(&pruned, dry_run))
                }
            }
        };
        Ok((text?, 0))
    }
}

fn as_table(listed: &Listed) -> String {
    let mut text = String::new();
    if listed.trees.is_empty() {
        text.push_str("no worktrees\n");
    } else {
        let head = [
            "AGENT", "STATE", "COMMITS", "DIRTY", "AGE", "BRANCH", "PATH", "NOTE",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(listed.trees.iter().map(row));
        text.push_str(&table(&rows));
    }
    for path in &listed.unknown {
        let path = path.display();
        text.push_str(&format!(
            "{path} is on no record; ostler will not touch it\n"
        ));
    }
    text
}

fn row(tree: &Standing) -> Vec<String> {
    vec![
        tree.agent.to_string(),
        tree.state.as_str().to_owned(),
        tree.commits
            .map(|commits| commits.to_string())
            .unwrap_or_default(),
        if tree.dirty { "yes" } else { "no" }.to_owned(),
        age(tree.age_s),
        tree.branch.clone(),
        tree.path.display().to_string(),
        one_line(&tree.note, 100),
    ]
}

fn told(pruned: &[Pruned], dry_run: bool) -> String {
    if pruned.is_empty() {
        return "no worktrees\n".to_owned();
    }
    let rows = pruned.iter().map(|pruned| {
        let what = match (pruned.removed, dry_run) {
            (true, false) => "removed",
            (true, true) => "would be removed",
            (false, _) => "kept",
        };
        let why = one_line(&pruned.why, 200);
        let path = pruned.path.display().to_string();
        let branch = pruned.branch.clone();
        vec![
            what.to_owned(),
            pruned.agent.to_string(),
            age(pruned.age_s),
            branch,
            path,
            why,
        ]
    });
    table(&rows.collect::<Vec<_>>())
}

fn age(seconds: i64) -> String {
    match seconds / DAY_S {
        ..1 => duration(seconds),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
