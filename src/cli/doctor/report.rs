//! The report as a person reads it.

use super::{Provided, Report};
use crate::cli::output::table;
use crate::providers::Description;
use crate::providers::detect::Standing;

/// The report: checks, a table of providers, then what there is to say about each.
pub(super) fn as_text(report: &Report) -> String {
    let mut text = String::new();
    if !report.checks.is_empty() {
        let rows = report.checks.iter().map(|check| {
            let mark = if check.ok { "ok" } else { "PROBLEM" };
            // The second line of a problem says what to do.
            let found = check.found.replace('\n', "; ");
            vec![mark.to_owned(), check.name.to_owned(), found]
        });
        text += &table(&rows.collect::<Vec<_>>());
        text.push('\n');
    }
    if report.providers.is_empty() {
        return text;
    }
    let head = [
        "PROVIDER",
        "VERSION",
        "LOGIN",
        "STEER",
        "RESUME",
        "PERMISSIONS",
        "TOKENS",
        "COST",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(report.providers.iter().map(row));
    text += &table(&rows);
    for provided in &report.providers {
        text.push('\n');
        text += &remarks(provided);
    }
    text
}

fn row(provided: &Provided) -> Vec<String> {
    let Provided { found, can } = provided;
    let name = match found.default {
        true => format!("{} (default)", found.name),
        false => found.name.clone(),
    };
    let version = match (&found.program, &found.version) {
        (None, _) => "not installed".to_owned(),
        (_, Some(version)) => version.clone(),
        (_, None) => "unknown".to_owned(),
    };
    let login = match (&found.program, found.login.standing) {
        (None, _) => "-",
        (_, Standing::Yes) => "yes",
        (_, Standing::No) => "no",
        (_, Standing::Unknown) => "unknown",
    };
    let cost = if can.cost { "yes" } else { "no" };
    let words = [
        login,
        can.steer,
        can.resume,
        can.permissions,
        can.tokens,
        cost,
    ];
    let mut row = vec![name, version];
    row.extend(words.map(str::to_owned));
    row
}

/// Lines about one provider: where it is, what is odd, what to do.
fn remarks(provided: &Provided) -> String {
    let Provided { found, can } = provided;
    let mut lines = Vec::new();
    if let Some(program) = &found.program {
        lines.push(program.display().to_string());
        lines.push(format!("login: {}", found.login.why));
        lines.push(format!("models: {}", can.models));
        lines.push(format!("agent definitions: {}", taken(can)));
    }
    lines.extend(found.notes.iter().cloned());
    if let Some(next) = &found.next {
        lines.push(format!("next: {next}"));
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("{}\n{}", found.name, lines.concat())
}

/// What of an agent definition it takes.
fn taken(can: &Description) -> String {
    let yes = |can: bool| if can { "yes" } else { "no" };
    let role = match can.role {
        "system" => "with the system prompt",
        _ => "in front of the first prompt",
    };
    format!(
        "role {role}, effort {}, tools by name {}",
        yes(can.effort),
        yes(can.tools)
    )
}
