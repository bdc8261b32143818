//! What the memories of a file say of what has taken their place. A chain leads nowhere that its first
//! readers do not look: what has the place of a memory and is not read by whoever reads that memory is
//! left out with a remark, and the memory stands. What is not there at all leads nowhere: a memory
//! that has ended stays so, and its chain is whole again once the rest of it comes.

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

/// Where a memory that a file names is or will be.
enum Place {
    /// In the project or with the user.
    Here(Scope),
    /// In another project.
    Elsewhere,
}

/// Leaves out what cannot have taken the place of a memory of the file, of which `left` were left out
/// as the user's. Returns the memories that have to stand although both copies together say that
/// something has taken their place.
pub(super) async fn check(
    connection: &mut AnyConnection,
    project: &ProjectId,
    told: &mut [(u64, Memory)],
    left: &BTreeSet<MemoryId>,
    now_ms: i64,
    report: &mut Report,
) -> Result<BTreeSet<MemoryId>, StoreError> {
    let places = places(connection, project, told).await?;
    for (line, memory) in told.iter_mut() {
        let Some(by) = memory.superseded_by.clone() else {
            continue;
        };
        let problem = match places.get(&by) {
            Some(Place::Here(scope)) if reads(&memory.scope, scope) => continue,
            Some(Place::Here(scope)) => format!("which is in the scope {scope}"),
            Some(Place::Elsewhere) => "which is in another project here".to_owned(),
            None => {
                let missing = match left.contains(&by) {
                    true => "is the user's and was left out; --user takes it in",
                    false => "is neither here nor taken in",
                };
                let remark = format!("stays superseded by {by}, which {missing}");
                report.remark(Some(*line), &memory.id, remark);
                continue;
            }
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
            let is_taken = matches!(places.get(&memory.id), Some(Place::Here(_)));
            let new = closing(memory).filter(|_| !stays && is_taken);
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

/// Where what the file tells of and what it names is, or will be; nothing of what is nowhere.
async fn places(
    connection: &mut AnyConnection,
    project: &ProjectId,
    told: &[(u64, Memory)],
) -> Result<BTreeMap<MemoryId, Place>, StoreError> {
    let mut places: BTreeMap<MemoryId, Place> = told
        .iter()
        .map(|(_, memory)| (memory.id.clone(), Place::Here(memory.scope.clone())))
        .collect();
    let named = told.iter().filter_map(|(_, it)| it.superseded_by.clone());
    let ids: BTreeSet<MemoryId> = places.keys().cloned().chain(named).collect();
    let ids: Vec<MemoryId> = ids.into_iter().collect();
    for ids in ids.chunks(AT_ONCE) {
        for (id, scope) in rows::scopes(connection, project, ids).await? {
            places.insert(id, scope.map_or(Place::Elsewhere, Place::Here));
        }
    }
    Ok(places)
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
