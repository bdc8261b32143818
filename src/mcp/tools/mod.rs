//! One file a tool: its parameters, its description, its one call of a domain.

mod answer_agent;
mod ask_parent;
mod catch_up;
mod claim_task;
mod close_task;
mod create_tasks;
mod forget;
mod get_agent;
mod get_task;
mod list_agents;
mod list_tasks;
mod merge_agents;
mod recall;
mod remember;
mod resume_agent;
mod spawn_agent;
mod steer_agent;
mod stop_agents;
pub(super) mod submit_result;
mod update_task;
mod wait_agents;

use crate::agents::BudgetRequest;
use crate::edge::{Failure, Kind};

/// Most names in one call.
const IDS: usize = 100;

/// Refuses a list of no names.
fn some_names(ids: &[String]) -> Result<(), Failure> {
    if ids.is_empty() {
        return Err(Failure::new(Kind::Invalid, "`ids` is empty").hint("name at least one agent"));
    }
    not_too_many(ids)
}

/// Refuses a list of more names than anybody means.
fn not_too_many(ids: &[String]) -> Result<(), Failure> {
    if ids.len() > IDS {
        return Err(
            Failure::new(Kind::Invalid, format!("`ids` has {} entries", ids.len()))
                .hint(format!("name at most {IDS} agents in one call")),
        );
    }
    Ok(())
}

/// The page size asked for, within 1 to 100; 20 when absent.
fn page_size(limit: Option<u32>) -> Result<u32, Failure> {
    match limit {
        None => Ok(20),
        Some(limit @ 1..=100) => Ok(limit),
        Some(limit) => Err(Failure::new(Kind::Invalid, format!("`limit` is {limit}"))
            .hint("take a number from 1 to 100")),
    }
}

fn budget(
    max_turns: Option<u32>,
    timeout_s: Option<u32>,
    max_cost_usd: Option<f64>,
) -> BudgetRequest {
    BudgetRequest {
        max_turns,
        timeout_s,
        max_cost_usd,
        ..BudgetRequest::default()
    }
}
