//! What a caller expects of a run, to be checked by us when it has ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What must hold in the agent's workspace after its run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Files that exist, relative to its directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// A shell command that exits 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// It has committed something itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub commits: bool,
    /// It has left nothing uncommitted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clean: bool,
}
