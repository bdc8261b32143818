//! What the memories of a file say of what has taken their place. A chain leads nowhere that its first
//! readers do not look: what takes the place of a memory is here or in the file, and is read by
//! whoever reads that memory. Anything else is left out with a remark, and the memory stands.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::circles;
use super::merge::{closing, merged};
use super::report::Report;
use super::rows;
use crate::ids::{MemoryId, ProjectId};
use crate::memory::model::{Memory, Scope};
use crate::store::StoreError;

/// Memories looked up at once.
const AT_ONCE: usize = 1000;

/// Leaves out what cannot have taken the place of a memory of the file. Returns the memories that have
/// to stand although both copies together say that something has taken their place.
pub(super) async fn check(
    connection: &mut AnyConnection,
    project: &ProjectId,
    told: &mut [(u64, Memory)],
    now_ms: i64,
    report: &mut Report,
) -> Result<BTreeSet<MemoryId>, StoreError> {
    let scopes = scopes(connection, project, told).await?;
    for (line, memory) in told.iter_mut() {
        let Some(by) = memory.superseded_by.clone() else {
            continue;
        };
        let problem = match scopes.get(&by) {
            Some(scope) if reads(&memory.scope, scope) => continue,
            Some(scope) => format!("which is in the scope {scope}"),
            None => "which is neither here nor in the file".to_owned(),
        };
        memory.superseded_by = None;
        if memory.valid_to_ms <= now_ms {
            memory.valid_to_ms = 0;
        }
        let remark = format!("names {by} as what has taken its place, {problem}; that is left out");
        report.remark(Some(*line), &memory.id, remark);
    }
    let mut closings = rows::closings(connection, project).await?;
    let closed: Vec<&Memory> = told
        .iter()
        .map(|(_, memory)| memory)
        .filter(|memory| memory.superseded_by.is_some())
        .collect();
    for closed in closed.chunks(AT_ONCE) {
        let ids: Vec<MemoryId> = closed.iter().map(|memory| memory.id.clone()).collect();
        let here = rows::by_ids(connection, project, &ids).await?;
        for memory in closed {
            let stays = here
                .get(&memory.id)
                .is_some_and(|here| merged(here, memory).is_err());
            // A copy that is passed by closes nothing.
            let new = closing(memory).filter(|_| !stays && scopes.contains_key(&memory.id));
            let Some(new) = new else { continue };
            let known = closings.entry(memory.id.clone());
            let known = known.or_insert_with(|| new.clone());
            if *known < new {
                *known = new;
            }
        }
    }
    Ok(circles::standing(&closings))
}

/// Whether whoever reads one scope reads the other as well.
fn reads(one: &Scope, other: &Scope) -> bool {
    match (one, other) {
        (_, Scope::User) => true,
        (Scope::User, _) => false,
        (_, Scope::Project) => true,
        (one, other) => one == other,
    }
}

/// The scopes of what the file tells of and of what it names, as far as they are here or will be.
async fn scopes(
    connection: &mut AnyConnection,
    project: &ProjectId,
    told: &[(u64, Memory)],
) -> Result<BTreeMap<MemoryId, Scope>, StoreError> {
    let mut scopes: BTreeMap<MemoryId, Scope> = told
        .iter()
        .map(|(_, memory)| (memory.id.clone(), memory.scope.clone()))
        .collect();
    let named = told.iter().filter_map(|(_, it)| it.superseded_by.clone());
    let ids: BTreeSet<MemoryId> = scopes.keys().cloned().chain(named).collect();
    let ids: Vec<MemoryId> = ids.into_iter().collect();
    for ids in ids.chunks(AT_ONCE) {
        for (id, scope) in rows::scopes(connection, project, ids).await? {
            match scope {
                Some(scope) => scopes.insert(id, scope),
                None => scopes.remove(&id),
            };
        }
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_place_is_read_by_whoever_reads_what_was_there() {
        let agent = |name: &str| Scope::Agent(name.to_owned());
        for (one, other, fits) in [
            (Scope::Project, Scope::Project, true),
            (Scope::Project, Scope::User, true),
            (Scope::User, Scope::Project, false),
            (agent("a"), Scope::Project, true),
            (agent("a"), Scope::User, true),
            (agent("a"), agent("a"), true),
            (agent("a"), agent("b"), false),
            (Scope::Project, agent("a"), false),
            (Scope::User, agent("a"), false),
        ] {
            assert_eq!(reads(&one, &other), fits, "{one} {other}");
        }
    }
}
