//! The tool `spawn_agent`.

use std::path::PathBuf;

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget;
use crate::agents::{AtEnd, Caller, Expect, GroupSpawned, SpawnRequest, Spawned, Variants};
use crate::config::{Effort, Isolation, Permission};
use crate::edge::{Failure, Kind};
use crate::mcp::caller::caller;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SpawnAgent {
    /// All that it knows beside a task.
    prompt: Option<String>,
    /// Id or `next`: claimed and told in full.
    task: Option<String>,
    label: Option<String>,
    /// claude, codex, gemini, opencode or configured.
    provider: Option<String>,
    model: Option<String>,
    cwd: Option<PathBuf>,
    /// edit: files in cwd; full: whatever you may.
    permission: Option<Permission>,
    max_turns: Option<u32>,
    timeout_s: Option<u32>,
    max_cost_usd: Option<f64>,
    max_tool_calls: Option<u32>,
    idle_s: Option<u32>,
    /// Definition: explore, plan, review, test, own.
    agent: Option<String>,
    #[schemars(with = "Option<String>")]
    effort: Option<Effort>,
    isolation: Option<Isolation>,
    /// To read: summary, transcript:<n>, file:<path>, agent:<id>, task:<id>, memory:<query>, git:diff, git:log.
    context: Option<Vec<String>>,
    output_schema: Option<serde_json::Map<String, serde_json::Value>>,
    /// Checked at the end: files exist, command exits 0, commits made, tree clean.
    expect: Option<Expect>,
    /// 2 to 8 on the same task, ranked.
    n: Option<u32>,
    /// Or one each: `provider[/model]`.
    providers: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Started {
    One(Box<Spawned>),
    Several(GroupSpawned),
}

#[tool_router(router = spawn_agent_router, vis = "pub(crate)")]
impl Server {
    /// Start a child coding agent in the background; returns its id at once.
    #[tool(annotations(title = "Spawn agent", destructive_hint = false))]
    async fn spawn_agent(
        &self,
        Parameters(p): Parameters<SpawnAgent>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        reply(self.spawn(p, caller(&context)).await)
    }

    async fn spawn(&self, p: SpawnAgent, caller: Caller) -> Result<Started, Failure> {
        let variants = Variants {
            n: p.n,
            providers: p.providers.unwrap_or_default(),
        };
        let mut budget = budget(p.max_turns, p.timeout_s, p.max_cost_usd);
        budget.max_tool_calls = p.max_tool_calls;
        budget.idle_s = p.idle_s;
        let prompt = match (p.prompt, &p.task) {
            (Some(prompt), _) => prompt,
            (None, Some(_)) => String::new(),
            (None, None) => {
                return Err(Failure::new(Kind::Invalid, "`prompt` is missing")
                    .hint("say what is to be done, or name a `task`"));
            }
        };
        let request = SpawnRequest {
            prompt,
            task: p.task,
            at_end: AtEnd::Close,
            label: p.label,
            provider: p.provider,
            model: p.model,
            cwd: p.cwd,
            permission: p.permission,
            budget,
            agent: p.agent,
            effort: p.effort,
            isolation: p.isolation,
            context: p.context.unwrap_or_default(),
            output_schema: p.output_schema.map(serde_json::Value::Object),
            expect: p.expect,
            base: None,
            drain: None,
            caller,
        };
        let crew = self.crew().await?;
        Ok(match variants.is_none() {
            true => Started::One(Box::new(crew.spawn(&request).await?)),
            false => Started::Several(crew.spawn_group(&request, &variants).await?),
        })
    }
}
