//! What a call tells of the session that makes it.

use rmcp::RoleServer;
use rmcp::service::RequestContext;
use serde_json::Value;

use crate::agents::Caller;

/// The caller behind a request: by the name of its client, and by what Codex and Claude Code put
/// beside the arguments of each call.
pub(super) fn caller(context: &RequestContext<RoleServer>) -> Caller {
    let beside = |key: &str| {
        let value = context.meta.get(key).and_then(Value::as_str);
        value.map(str::to_owned)
    };
    Caller {
        // A client without a name is still one, and no command line.
        client: Some(context.client_info().map(|it| it.name).unwrap_or_default()),
        thread: beside("threadId"),
        tool_use: beside("claudecode/toolUseId"),
    }
}
