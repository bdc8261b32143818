//! `ostler agents`: what there is, what it did, and an end to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::log::Log;
use super::output::{as_json, duration, out, reader_has_left, table};
use crate::agents::{
    Addressee, AgentBrief, Answer, AskKind, Crew, Ranked, Ranking, Status, Waiting,
};
use crate::edge::{Failure, Kind};
use crate::host::{self, Surroundings};
use crate::ids::{AgentId, AskId, GroupId};
use crate::text::one_line;

const PAGE: u32 = 100;

#[derive(Subcommand)]
pub(super) enum Agents {
    /// List agents, newest first
    List {
        /// Of every project, not only this one
        #[arg(long)]
        all_projects: bool,
        /// Only those: queued, running, completed, steered, aborted, stopped or error
        #[arg(long, value_parser = status)]
        status: Option<Status>,
        /// How many at most, 1 to 100
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an agent: result and evidence; or a group: its agents and which did best
    Show {
        /// The agent, by its id or label, or the id of a group
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop agents and wait until their processes are gone
    Stop {
        /// The agents, by id or label, or groups
        #[arg(required = true)]
        ids: Vec<String>,
        /// Kept with the agent
        #[arg(long, default_value = "stopped from the command line")]
        reason: String,
    },
    /// Allow or deny what a running agent asks permission for, or answer its question
    Answer {
        /// The agent, by its id or label
        id: String,
        /// The request, as `show` names it
        request: String,
        /// For a permission
        #[arg(value_enum)]
        decision: Option<Decision>,
        /// The answer to a question, or why not
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Print an agent's log
    Logs {
        /// The agent, by its id or label
        id: String,
        /// Go on until the agent has ended
        #[arg(short, long)]
        follow: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Decision {
    Allow,
    Deny,
}

fn status(name: &str) -> Result<Status, String> {
    Status::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        format!("take one of {}", names.join(", "))
    })
}

impl Agents {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let crew = host::open(&Surroundings::of_process()?).await?;
        let outcome = self.with(&crew).await;
        crew.close().await;
        match outcome {
            Ok(()) => Ok(0),
            Err(error) => match error.downcast::<io::Error>() {
                Ok(error) if reader_has_left(&error) => Ok(0),
                Ok(error) => {
                    let message = format!("standard output cannot be written: {error}");
                    Err(Failure::new(Kind::Internal, message).into())
                }
                Err(error) => Err(error),
            },
        }
    }

    async fn with(self, crew: &Arc<Crew>) -> anyhow::Result<()> {
        match self {
            Agents::List {
                all_projects,
                status,
                limit,
                json,
            } => {
                let page = crew.list(status, all_projects, None, None, limit).await;
                let page = page.map_err(Failure::from)?;
                out(&if json {
                    as_json(&page)?
                } else {
                    listed(&page.items)
                })?;
            }
            Agents::Show { id, json } => {
                if let Ok(group) = GroupId::parse(&id) {
                    return show_group(crew, &group, json).await;
                }
                let id = named(crew, &id).await?;
                let evidence = crew.evidence(&id).await.map_err(Failure::from)?;
                let whole = Some(usize::MAX);
                let result = crew.result(&id, None, whole).await.map_err(Failure::from)?;
                if json {
                    let shown = serde_json::json!({ "result": result, "evidence": evidence });
                    out(&as_json(&shown)?)?;
                } else {
                    out(&listed(std::slice::from_ref(&result.brief)))?;
                    for request in &result.requests {
                        out(&format!("\n{}", asked(request)))?;
                    }
                    if !result.detail.is_empty() {
                        out(&format!("\n{}\n", result.detail))?;
                    }
                    if !result.result.is_empty() {
                        out(&format!("\n{}\n", result.result))?;
                    }
                    if let Some(structured) = &result.structured {
                        out(&format!("\nresult {}", as_json(structured)?))?;
                    }
                    out(&format!("\nevidence {}", as_json(&evidence.evidence)?))?;
                }
            }
            Agents::Stop { ids, reason } => {
                let ids = crew.all_named(&ids).await.map_err(Failure::from)?;
                let stopped = crew.stop(&ids, &reason).await.map_err(Failure::from)?;
                out(&listed(&stopped))?;
            }
            Agents::Answer {
                id,
                request,
                decision,
                text,
            } => {
                let request = AskId::parse(&request).map_err(Failure::from)?;
                let answer = match decision {
                    Some(Decision::Allow) => Answer::Allow,
                    Some(Decision::Deny) => Answer::Deny(text),
                    None => Answer::Reply(text),
                };
                let by = Addressee::Person;
                let id = named(crew, &id).await?;
                let answered = crew.answer(&id, &request, answer, by).await;
                let answered = answered.map_err(Failure::from)?;
                out(&format!("{} {}\n", answered.request_id, answered.state))?;
            }
            Agents::Logs { id, follow, json } => {
                logs(crew, &named(crew, &id).await?, follow, json).await?;
            }
        }
        Ok(())
    }
}

/// A request and how to answer it.
pub(super) fn asked(request: &Waiting) -> String {
    let Waiting {
        id,
        request_id,
        tool,
        content,
        refused_in_s,
        ..
    } = request;
    let (what, answer) = match request.kind {
        AskKind::Permission => (format!("asks to use {tool}"), "allow|deny"),
        AskKind::Question => ("asks".to_owned(), "--text ANSWER"),
    };
    format!(
        "{id} {what}, and is refused in {}:\n  {}\n  ostler agents answer {id} {request_id} {answer}\n",
        duration(*refused_in_s),
        one_line(content, 400),
    )
}

async fn named(crew: &Crew, name: &str) -> Result<AgentId, Failure> {
    Ok(crew.named(name).await?)
}

async fn show_group(crew: &Crew, group: &GroupId, json: bool) -> anyhow::Result<()> {
    let standing = crew.standing(group).await.map_err(Failure::from)?;
    if json {
        out(&as_json(&standing)?)?;
        return Ok(());
    }
    out(&listed(&standing.agents))?;
    if let Some(outcome) = &standing.outcome {
        out(&format!("\n{}", ranked(outcome)))?;
    }
    Ok(())
}

/// A ranking, a line a place.
pub(super) fn ranked(outcome: &Ranking) -> String {
    let place = |(at, one): (usize, &Ranked)| format!("{}. {}  {}\n", at + 1, one.id, one.why);
    let mut lines: String = outcome.ranking.iter().enumerate().map(place).collect();
    if outcome.best.is_none() {
        lines.push_str("none of them is the best: compare them yourself\n");
    }
    lines
}

async fn logs(crew: &Crew, id: &AgentId, follow: bool, json: bool) -> anyhow::Result<()> {
    let mut log = Log::default();
    let mut cursor: Option<String> = None;
    let mut changes = crew.listen();
    loop {
        let transcript = crew.transcript(id, cursor.as_deref(), PAGE).await;
        let transcript = transcript.map_err(Failure::from)?;
        for entry in &transcript.page.items {
            out(&if json {
                compact_json(entry)? + "\n"
            } else {
                log.line(entry)
            })?;
        }
        if let Some(last) = transcript.page.items.last() {
            cursor = Some(last.seq.to_string());
        }
        if transcript.page.next_cursor.is_some() {
            continue;
        }
        if !follow || transcript.status.is_terminal() {
            return Ok(());
        }
        tokio::select! {
            () = changes.changed() => {}
            // Its owner may die without a change.
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                crew.brief(id).await.map_err(Failure::from)?;
            }
        }
    }
}

fn listed(agents: &[AgentBrief]) -> String {
    if agents.is_empty() {
        return "no agents\n".to_owned();
    }
    let head = [
        "ID", "STATUS", "TURNS", "TOOL", "TIME", "IDLE", "TOKENS", "COST", "PROVIDER", "LABEL",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for agent in agents {
        let seconds = |seconds: Option<i64>| seconds.map(duration).unwrap_or_default();
        rows.push(vec![
            agent.id.to_string(),
            match agent.reason.as_str() {
                "" if !agent.waiting.is_empty() => format!("{} (asks)", agent.status),
                "" if !agent.backing_off.is_empty() => format!("{} (backs off)", agent.status),
                "" if agent.overlaps > 0 => format!("{} (overlaps)", agent.status),
                "" => agent.status.to_string(),
                reason => format!("{} ({reason})", agent.status),
            },
            agent.turns.clone(),
            one_line(&agent.last_tool, 20),
            seconds(agent.elapsed_s),
            seconds(agent.idle_s),
            agent.tokens.to_string(),
            agent
                .cost_usd
                .map(|cost| format!("${cost:.4}"))
                .unwrap_or_default(),
            agent.provider.clone(),
            one_line(&agent.label, 40),
        ]);
    }
    table(&rows)
}

fn compact_json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::new(Kind::Internal, error))
}
