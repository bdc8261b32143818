//! The tool `wait_agents`.

use std::time::{Duration, Instant};

use rmcp::model::{CallToolResult, ProgressNotificationParam};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::not_too_many;
use crate::agents::{AgentBrief, Mode, Waited};
use crate::edge::{Failure, Kind};
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

/// Below the shortest limit that clients put on a call (60 s).
const DEFAULT_TIMEOUT_S: u64 = 50;
/// Below the next longer one (300 s).
const LONGEST_TIMEOUT_S: u64 = 280;
/// Between two progress notifications.
const PROGRESS: Duration = Duration::from_secs(1);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitAgents {
    /// Default: all of yours.
    ids: Option<Vec<String>>,
    mode: Option<Mode>,
    /// At most 280.
    timeout_s: Option<u64>,
}

#[tool_router(router = wait_agents_router, vis = "pub(crate)")]
impl Server {
    /// Wait for agents and collect their results, each once.
    #[tool(annotations(title = "Wait for agents", read_only_hint = true))]
    async fn wait_agents(
        &self,
        Parameters(p): Parameters<WaitAgents>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let cancelled = context.ct.clone();
        tokio::select! {
            biased;
            // A result is marked as read only when it is handed out, so nothing is lost here.
            () = cancelled.cancelled() => {
                let failure = Failure::new(Kind::Busy, "the wait was broken off");
                reply(Err::<Waited, _>(failure))
            }
            waited = self.wait(p, &context) => reply(waited),
        }
    }

    async fn wait(
        &self,
        p: WaitAgents,
        context: &RequestContext<RoleServer>,
    ) -> Result<Waited, Failure> {
        let timeout_s = p.timeout_s.unwrap_or(DEFAULT_TIMEOUT_S);
        if timeout_s > LONGEST_TIMEOUT_S {
            return Err(
                Failure::new(Kind::Invalid, format!("`timeout_s` is {timeout_s}")).hint(format!(
                    "take at most {LONGEST_TIMEOUT_S} and call again to wait on"
                )),
            );
        }
        let names = p.ids.unwrap_or_default();
        not_too_many(&names)?;
        let crew = self.crew().await?;
        let ids = crew.all_named(&names).await?;
        let token = context.meta.get_progress_token();
        let (peer, mut told, mut count) = (context.peer.clone(), None::<Instant>, 0.0);
        let watch = |ended: usize, live: &[AgentBrief]| {
            let Some(token) = token.clone() else { return };
            if told.is_some_and(|told| told.elapsed() < PROGRESS) {
                return;
            }
            told = Some(Instant::now());
            count += 1.0;
            let progress = ProgressNotificationParam::new(token, count)
                .with_message(progress_line(ended, live));
            let peer = peer.clone();
            // A client that does not take it misses a line, nothing else.
            tokio::spawn(async move { peer.notify_progress(progress).await });
        };
        let mode = p.mode.unwrap_or_default();
        Ok(crew
            .wait(&ids, mode, Duration::from_secs(timeout_s), watch)
            .await?)
    }
}

fn progress_line(ended: usize, live: &[AgentBrief]) -> String {
    let agents: Vec<String> = live
        .iter()
        .take(4)
        .map(|agent| {
            format!(
                "{} {} turn {} {}",
                agent.id, agent.status, agent.turns, agent.last_tool
            )
        })
        .collect();
    format!(
        "{ended} of {} ended; {}",
        ended + live.len(),
        agents.join(", ")
    )
}
