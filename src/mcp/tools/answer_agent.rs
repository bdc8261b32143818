//! The tool `answer_agent`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::agents::{Addressee, Answer, Answered};
use crate::edge::{Failure, Kind};
use crate::ids::AskId;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AnswerAgent {
    id: String,
    request_id: String,
    decision: Option<Choice>,
    text: Option<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Allow,
    Deny,
}

#[tool_router(router = answer_agent_router, vis = "pub(crate)")]
impl Server {
    /// Allow or deny what an agent asks for, or answer its question.
    #[tool(annotations(title = "Answer agent"))]
    async fn answer_agent(&self, Parameters(p): Parameters<AnswerAgent>) -> CallToolResult {
        reply(self.answer(p).await)
    }

    async fn answer(&self, p: AnswerAgent) -> Result<Answered, Failure> {
        let request = AskId::parse(&p.request_id)?;
        let text = p.text.unwrap_or_default();
        let answer = match p.decision {
            Some(Choice::Allow) if !text.trim().is_empty() => {
                return Err(
                    Failure::new(Kind::Invalid, "`text` does not go with `allow`")
                        .hint("allow without text, or deny with it; steer_agent sends advice"),
                );
            }
            Some(Choice::Allow) => Answer::Allow,
            Some(Choice::Deny) => Answer::Deny(text),
            None => Answer::Reply(text),
        };
        let crew = self.crew().await?;
        let id = crew.named(&p.id).await?;
        Ok(crew
            .answer(&id, &request, answer, Addressee::Parent)
            .await?)
    }
}
