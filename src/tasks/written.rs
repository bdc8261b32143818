//! Tasks as a model or a person writes them down to have them created.

use schemars::JsonSchema;
use serde::Deserialize;

use super::create::NewTask;
use super::error::TaskError;
use super::fields;
use super::model::Kind;

/// Tasks of one batch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenTasks {
    /// The tasks.
    #[schemars(description = "")]
    pub tasks: Vec<WrittenTask>,
}

impl WrittenTasks {
    /// The tasks as they are to be created.
    ///
    /// # Errors
    /// A time that is none.
    pub fn into_new(self) -> Result<Vec<NewTask>, TaskError> {
        let tasks = self.tasks.into_iter().enumerate();
        let new =
            |(at, task): (usize, WrittenTask)| task.into_new().map_err(|error| error.of_entry(at));
        tasks.map(new).collect()
    }
}

/// A task of a batch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, description = "")]
pub struct WrittenTask {
    title: String,
    description: Option<String>,
    /// What can be checked.
    acceptance: Option<String>,
    kind: Option<Kind>,
    /// 0 (first) to 4.
    priority: Option<i64>,
    labels: Option<Vec<String>>,
    parent: Option<String>,
    blocked_by: Option<Vec<String>>,
    /// `kind:task`: on_failure, waits_children, related, discovered_from, duplicates, supersedes,
    /// validates.
    edges: Option<Vec<String>>,
    writes: Option<bool>,
    estimate_min: Option<u32>,
    defer_until: Option<String>,
    external_ref: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
}

impl WrittenTask {
    fn into_new(self) -> Result<NewTask, TaskError> {
        let defer_until = self.defer_until.as_deref().unwrap_or_default();
        Ok(NewTask {
            title: self.title,
            description: self.description.unwrap_or_default(),
            acceptance: self.acceptance.unwrap_or_default(),
            kind: self.kind,
            priority: self.priority,
            labels: self.labels.unwrap_or_default(),
            parent: self.parent,
            blocked_by: self.blocked_by.unwrap_or_default(),
            edges: self.edges.unwrap_or_default(),
            writes: self.writes,
            estimate_min: self.estimate_min,
            defer_until_ms: fields::defer_until(defer_until)?,
            external_ref: self.external_ref.unwrap_or_default(),
            reference: self.reference,
        })
    }
}
