//! Lists that are shown in pages.

use serde::Serialize;

/// A list cut to a size, with the way to the rest.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// To be given as `cursor` for the next ones; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
