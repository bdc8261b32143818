//! The tool `list_agents`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page_size;
use crate::agents::{
    AgentBrief, BrokenDefinition, DefinitionBrief, Definitions, ProviderBrief, Status,
};
use crate::edge::Failure;
use crate::ids::GroupId;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::page::Page;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListAgents {
    #[schemars(with = "Option<String>")]
    status: Option<Status>,
    all_projects: Option<bool>,
    providers: Option<bool>,
    definitions: Option<bool>,
    group: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    agents: Page<AgentBrief>,
    #[serde(skip_serializing_if = "Option::is_none")]
    providers: Option<Vec<ProviderBrief>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    definitions: Option<Told>,
}

/// Under names that say what they are beside agents.
#[derive(Serialize)]
struct Told {
    definitions: Vec<DefinitionBrief>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_definitions: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken_definitions: Vec<BrokenDefinition>,
}

impl From<Definitions<DefinitionBrief>> for Told {
    fn from(found: Definitions<DefinitionBrief>) -> Self {
        Told {
            definitions: found.definitions,
            more_definitions: (found.more > 0).then_some(found.more),
            broken_definitions: found.broken,
        }
    }
}

#[tool_router(router = list_agents_router, vis = "pub(crate)")]
impl Server {
    /// List agents, newest first; also providers and definitions.
    #[tool(annotations(title = "List agents", read_only_hint = true))]
    async fn list_agents(&self, Parameters(p): Parameters<ListAgents>) -> CallToolResult {
        reply(self.list(p).await)
    }

    async fn list(&self, p: ListAgents) -> Result<Listed, Failure> {
        let limit = page_size(p.limit)?;
        let group = p.group.as_deref().map(GroupId::parse).transpose()?;
        let crew = self.crew().await?;
        let agents = crew
            .list(
                p.status,
                p.all_projects.unwrap_or_default(),
                group.as_ref(),
                p.cursor.as_deref(),
                limit,
            )
            .await?;
        let providers = p.providers.unwrap_or_default().then(|| crew.providers());
        let definitions = p.definitions.unwrap_or_default();
        let definitions = definitions.then(|| crew.definitions().into());
        Ok(Listed {
            agents,
            providers,
            definitions,
        })
    }
}
