//! What becomes of two copies of a memory. The outcome is the same whichever of them is here.

use super::circles::Closing;
use crate::memory::model::{Memory, Trust};

/// What two copies of one memory are together.
///
/// # Errors
/// Two that are not the same memory, with why.
pub(super) fn merged(here: &Memory, told: &Memory) -> Result<Memory, String> {
    if here.scope != told.scope {
        return Err(format!("{} is kept in the scope {}", here.id, here.scope));
    }
    let mut both = here.clone();
    if let (None, None) = (&here.forgotten, &told.forgotten) {
        same(here, told)?;
        if says(told) > says(here) {
            both.tags.clone_from(&told.tags);
            both.importance = told.importance;
        }
        if told.trust == Trust::Confirmed {
            both.trust = Trust::Confirmed;
        }
        both.links.extend(told.links.iter().cloned());
        both.links.sort();
        both.links.dedup();
        both.used_ms = here.used_ms.max(told.used_ms);
        both.uses = here.uses.max(told.uses);
    }
    both.changed_ms = here.changed_ms.max(told.changed_ms);
    both.forgotten = [&here.forgotten, &told.forgotten]
        .into_iter()
        .flatten()
        .min_by_key(|it| (it.at_ms, &it.by, &it.why))
        .cloned();
    if closing(told) > closing(here) {
        both.superseded_by.clone_from(&told.superseded_by);
        both.valid_to_ms = told.valid_to_ms;
    }
    Ok(both)
}

/// What has taken the place of a memory.
pub(super) fn closing(memory: &Memory) -> Option<Closing> {
    let by = memory.superseded_by.clone()?;
    Some((memory.valid_to_ms, by))
}

/// What may change of it, the newest of which stays.
fn says(memory: &Memory) -> (i64, u64, &[String]) {
    // Importance is never negative, and the bits of such numbers are in their order.
    (
        memory.changed_ms,
        memory.importance.to_bits(),
        memory.tags.as_slice(),
    )
}

/// Refuses what would write a memory anew.
fn same(here: &Memory, told: &Memory) -> Result<(), String> {
    let differs = [
        ("text", here.text != told.text),
        ("kind", here.kind != told.kind),
        ("subject", here.subject != told.subject),
        ("source", here.source != told.source),
        ("session", here.session != told.session),
        ("turn", here.turn != told.turn),
        ("at", here.at_ms != told.at_ms),
        ("created", here.created_ms != told.created_ms),
        ("valid_from", here.valid_from_ms != told.valid_from_ms),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        Some((field, _)) => Err(format!(
            "its `{field}` is another one than that of {} here, which stays as it is",
            here.id
        )),
        None => Ok(()),
    }
}
