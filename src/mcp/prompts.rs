//! Prompts: texts that a person picks, in Claude Code as a slash command. What they ask for is done by
//! the session's own model with our tools.

use rmcp::ErrorData;
use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::Value;

use crate::tasks::checked_label;
use crate::text::one_line;

const PLAN_TASKS: &str = "plan_tasks";
const PLAN_TASKS_IS_FOR: &str = "Break a goal down into tasks";
const PLAN_TASKS_TEXT: &str = include_str!("prompts/plan_tasks.md");
const GOAL: &str = "goal";
const LABEL: &str = "label";
/// Longest goal, in bytes.
const LONGEST_GOAL: usize = 64 * 1024;

/// What there is.
pub(super) fn list() -> Vec<Prompt> {
    let arguments = vec![
        PromptArgument::new(GOAL)
            .with_description("What is to be reached")
            .with_required(true),
        PromptArgument::new(LABEL)
            .with_description("A label for all of the tasks")
            .with_required(false),
    ];
    let plan = Prompt::new(PLAN_TASKS, Some(PLAN_TASKS_IS_FOR), Some(arguments));
    vec![plan.with_title("Plan tasks")]
}

/// The prompt of that name.
///
/// # Errors
/// An unknown name, arguments that it does not take or that are missing.
pub(super) fn get(name: &str, arguments: &JsonObject) -> Result<GetPromptResult, ErrorData> {
    if name != PLAN_TASKS {
        let shown = one_line(name, 60);
        return Err(refused(format!(
            "unknown prompt {shown:?}; there is `{PLAN_TASKS}`"
        )));
    }
    if let Some(unknown) = arguments
        .keys()
        .find(|key| ![GOAL, LABEL].contains(&&***key))
    {
        let shown = one_line(unknown, 60);
        return Err(refused(format!(
            "unknown argument `{shown}`; {PLAN_TASKS} takes: {GOAL}, {LABEL}"
        )));
    }
    let goal = text_of(arguments, GOAL)?;
    if goal.is_empty() {
        return Err(refused(format!(
            "`{GOAL}` is missing: say what is to be reached"
        )));
    }
    if goal.len() > LONGEST_GOAL {
        return Err(refused(format!(
            "`{GOAL}` is longer than {LONGEST_GOAL} bytes; put long material into a file and name it"
        )));
    }
    let text = plan_tasks(goal, text_of(arguments, LABEL)?);
    Ok(
        GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)])
            .with_description(PLAN_TASKS_IS_FOR),
    )
}

fn plan_tasks(goal: &str, label: &str) -> String {
    let mut goal = goal.to_owned();
    let (mut asked, mut shown) = (String::new(), String::new());
    match checked_label(label) {
        Ok(label) => {
            let quoted = Value::String(label);
            asked = format!("\n\nGive every task the label {quoted}.");
            shown = format!(", \"labels\": [{quoted}]");
        }
        // Claude Code 2.1 gives each argument one word of what was typed, so that this is the second
        // word of the goal.
        Err(_) if !label.is_empty() => goal.push_str(&format!(" {label}")),
        Err(_) => {}
    }
    // Whatever stands in the goal is left as it is.
    let filled = |text: &str| text.replace("{asked}", &asked).replace("{labels}", &shown);
    match PLAN_TASKS_TEXT.split_once("{goal}") {
        Some((before, after)) => filled(before) + &goal + &filled(after),
        None => filled(PLAN_TASKS_TEXT),
    }
}

/// An argument without the space around it; empty when it is not given.
fn text_of<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, ErrorData> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.trim()),
        Some(_) => Err(refused(format!("`{name}` must be a string"))),
    }
}

fn refused(message: String) -> ErrorData {
    ErrorData::invalid_params(message, None)
}
