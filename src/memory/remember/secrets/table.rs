//! Tables of Markdown: a value in the cell behind its name, or in the column below it.

use super::assignment::{Told, judged, secret_name};

/// What secret stands in a cell, if any does.
pub(super) fn found(text: &str) -> Option<&'static str> {
    let mut head: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        let Some(row) = line.strip_prefix('|') else {
            head.clear();
            continue;
        };
        let row: Vec<&str> = row.split('|').map(str::trim).collect();
        if head.is_empty() {
            head.clone_from(&row);
        }
        let beside = row.iter().zip(row.iter().skip(1));
        let mut told = head.iter().zip(&row).chain(beside);
        let secret = told.find_map(|(name, value)| {
            let value = Some(value.trim_matches('*')).filter(|it| !it.contains(' '))?;
            judged(&secret_name(name)?, value, Told::Named)
        });
        if secret.is_some() {
            return secret;
        }
    }
    None
}
