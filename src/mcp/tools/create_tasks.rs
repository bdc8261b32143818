//! The tool `create_tasks`.

use std::collections::BTreeMap;

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use serde::Serialize;

use crate::edge::Failure;
use crate::ids::TaskId;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::tasks::{Created, WrittenTasks};

/// Most bytes of names in a reply; the ids of a larger batch come in its order.
const NAMES: usize = 5000;
/// Ready tasks that are named.
const READY: usize = 20;

/// What has become of a batch.
#[derive(Serialize)]
struct Batch {
    /// By the names within the batch.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    refs: BTreeMap<String, TaskId>,
    /// Those without a name, in the order of the batch; all of them where names would be too long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<TaskId>,
    /// Those that may be begun with.
    ready: Vec<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_ready: Option<usize>,
    /// Where it is not plain which id is whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
}

impl Batch {
    fn of(created: Vec<Created>) -> Self {
        let is_ready = |task: &&Created| task.status == "ready";
        let ready = created.iter().filter(is_ready);
        let more = ready.clone().count().saturating_sub(READY);
        let ready = ready.take(READY).map(|task| task.id.clone()).collect();
        let names = created.iter().filter_map(|task| task.reference.as_ref());
        // A name, its id, and what stands around them.
        let are_shown = names.map(|name| name.len() + 14).sum::<usize>() <= NAMES;
        let has_names = created.iter().any(|task| task.reference.is_some());
        let next =
            "the names would be too long for this reply: `ids` has all in the order of the batch";
        let (mut refs, mut ids) = (BTreeMap::new(), Vec::new());
        for task in created {
            match task.reference.filter(|_| are_shown) {
                Some(name) => drop(refs.insert(name, task.id)),
                None => ids.push(task.id),
            }
        }
        Self {
            refs,
            ids,
            ready,
            more_ready: (more > 0).then_some(more),
            next: (has_names && !are_shown).then_some(next),
        }
    }
}

#[tool_router(router = create_tasks_router, vis = "pub(crate)")]
impl Server {
    /// Create up to 500 tasks, all or none. A `ref` does for an id.
    #[tool(annotations(title = "Create tasks", destructive_hint = false))]
    async fn create_tasks(&self, Parameters(p): Parameters<WrittenTasks>) -> CallToolResult {
        reply(self.create(p).await)
    }

    async fn create(&self, p: WrittenTasks) -> Result<Batch, Failure> {
        let tasks = p.into_new()?;
        let crew = self.crew().await?;
        let tracker = crew.tracker_for_new_tasks().await?;
        Ok(Batch::of(tracker.create(&tasks).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TaskId;

    fn batch(names: impl Fn(usize) -> Option<String>) -> serde_json::Value {
        let created = (0..500).map(|n| Created {
            id: TaskId::stored(format!("t-{n:06}")),
            reference: names(n),
            status: "ready",
        });
        serde_json::to_value(Batch::of(created.collect())).unwrap()
    }

    #[test]
    fn the_largest_batch_is_told_in_full_and_in_little() {
        for name in [None, Some("a".repeat(35)), Some("\"".repeat(35))] {
            let told = batch(|n| name.as_ref().map(|name| format!("{name}{n}")));
            assert!(told.to_string().len() < 8 * 1024);
            assert_eq!(told["ids"].as_array().unwrap().len(), 500);
            assert_eq!(told["ids"][7], "t-000007");
            assert_eq!(told["ready"].as_array().unwrap().len(), READY);
            assert_eq!(told["more_ready"], 480);
            assert_eq!(told["next"].is_string(), name.is_some());
        }
    }

    #[test]
    fn who_has_a_name_is_told_by_it() {
        let told = batch(|n| (n < 100).then(|| format!("r{n}")));
        assert_eq!(told["refs"]["r7"], "t-000007");
        assert_eq!(told["ids"][0], "t-000100");
    }
}
