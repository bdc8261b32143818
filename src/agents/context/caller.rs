//! Who asks, as far as the transcript of the asking session is concerned: plain values, so that
//! nothing here reads the environment or a protocol.

use std::path::PathBuf;
use std::time::SystemTime;

/// What a call tells of the session that makes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The name that the client gave itself; `None` for a command line.
    pub client: Option<String>,
    /// The thread that calls, which Codex tells with each call.
    pub thread: Option<String>,
    /// The id of the tool use behind the call, which Claude Code tells.
    pub tool_use: Option<String>,
}

/// Where CLIs keep their transcripts, and what the environment tells of the session around us.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The folder of Claude Code.
    pub claude: Option<PathBuf>,
    /// The session of Claude Code that started us.
    pub claude_session: Option<String>,
    /// The folder of Codex.
    pub codex: Option<PathBuf>,
    /// The thread of Codex whose command we are.
    pub codex_thread: Option<String>,
    /// The folder of Gemini CLI.
    pub gemini: Option<PathBuf>,
    /// Whether Gemini CLI started us.
    pub in_gemini: bool,
    /// When this process began.
    pub since: SystemTime,
}
