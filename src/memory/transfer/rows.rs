//! Many memories at once, as an export and an import read them.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::circles::Closing;
use crate::ids::{MemoryId, ProjectId};
use crate::memory::model::{Memory, Scope};
use crate::memory::rows::{memory, of_row};
use crate::store::{StoreError, statements};

statements! {
    /// `$3`: also those of the user; `$5`: only in these places.
    PAGE = memory!("WHERE memory.id > $1 AND (place.name = $2 OR place.name LIKE $2 || '/%'
        OR ($3 <> 0 AND place.name = 'user'))
        AND ($5 = '' OR place.name IN (SELECT value FROM json_each($5))) ORDER BY memory.id LIMIT $4");
    BY_IDS = memory!("WHERE memory.id IN (SELECT value FROM json_each($1))
        AND (place.name IN ('user', $2) OR place.name LIKE $2 || '/%')");
    ELSEWHERE = "SELECT memory.id FROM memory JOIN memory_place AS place ON place.n = memory.place
        WHERE memory.id IN (SELECT value FROM json_each($1))
          AND place.name NOT IN ('user', $2) AND place.name NOT LIKE $2 || '/%'";
    PLACES = "SELECT memory.id, place.name FROM memory JOIN memory_place AS place ON place.n = memory.place
        WHERE memory.id IN (SELECT value FROM json_each($1))";
    CLOSINGS = "SELECT memory.id, memory.valid_to_ms, memory.superseded_by FROM memory
        JOIN memory_place AS place ON place.n = memory.place
        WHERE memory.superseded_by <> ''
          AND (place.name IN ('user', $1) OR place.name LIKE $1 || '/%')";
    TEXTS = "SELECT place.name, memory.text, memory.id FROM memory
        JOIN memory_place AS place ON place.n = memory.place
        WHERE memory.text <> '' AND (place.name IN ('user', $1) OR place.name LIKE $1 || '/%')";
}

/// The memories with the ids right after `after`, in their order; if `only` is given, in these scopes.
pub(super) async fn page(
    connection: &mut AnyConnection,
    project: &ProjectId,
    after: &str,
    with_user: bool,
    only: Option<&[Scope]>,
    limit: u32,
) -> Result<Vec<Memory>, StoreError> {
    let only = only.map(|only| only.iter().map(|it| it.place(project)).collect::<Vec<_>>());
    let found = sqlx::query(PAGE)
        .bind(after)
        .bind(project.as_str())
        .bind(i64::from(with_user))
        .bind(i64::from(limit))
        .bind(only.map_or_else(String::new, |only| serde_json::json!(only).to_string()))
        .fetch_all(connection)
        .await?;
    found.iter().map(of_row).collect()
}

/// Those of `ids` that are here.
pub(super) async fn by_ids(
    connection: &mut AnyConnection,
    project: &ProjectId,
    ids: &[MemoryId],
) -> Result<BTreeMap<MemoryId, Memory>, StoreError> {
    let found = sqlx::query(BY_IDS)
        .bind(serde_json::json!(ids).to_string())
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    let memories = found.iter().map(of_row);
    memories
        .map(|memory| memory.map(|memory| (memory.id.clone(), memory)))
        .collect()
}

/// Those of `ids` that are memories of another project.
pub(super) async fn elsewhere(
    connection: &mut AnyConnection,
    project: &ProjectId,
    ids: &[MemoryId],
) -> Result<Vec<MemoryId>, StoreError> {
    let found: Vec<String> = sqlx::query_scalar(ELSEWHERE)
        .bind(serde_json::json!(ids).to_string())
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    Ok(found.into_iter().map(MemoryId::stored).collect())
}

/// The scopes of those of `ids` that there are; none of a memory of another project.
pub(super) async fn scopes(
    connection: &mut AnyConnection,
    project: &ProjectId,
    ids: &[MemoryId],
) -> Result<Vec<(MemoryId, Option<Scope>)>, StoreError> {
    let found: Vec<(String, String)> = sqlx::query_as(PLACES)
        .bind(serde_json::json!(ids).to_string())
        .fetch_all(connection)
        .await?;
    let scope = |(id, place): (String, String)| {
        let scope = Scope::of_place(&place);
        let is_here = scope.place(project) == place;
        (MemoryId::stored(id), is_here.then_some(scope))
    };
    Ok(found.into_iter().map(scope).collect())
}

/// What has taken the place of which memory.
pub(super) async fn closings(
    connection: &mut AnyConnection,
    project: &ProjectId,
) -> Result<BTreeMap<MemoryId, Closing>, StoreError> {
    let found: Vec<(String, i64, String)> = sqlx::query_as(CLOSINGS)
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    let closing = |(old, at_ms, by)| (MemoryId::stored(old), (at_ms, MemoryId::stored(by)));
    Ok(found.into_iter().map(closing).collect())
}

/// Every text with its scope and id.
pub(super) async fn texts(
    connection: &mut AnyConnection,
    project: &ProjectId,
) -> Result<Vec<((Scope, String), MemoryId)>, StoreError> {
    let found: Vec<(String, String, String)> = sqlx::query_as(TEXTS)
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    let text = |(place, text, id): (String, String, String)| {
        ((Scope::of_place(&place), text), MemoryId::stored(id))
    };
    Ok(found.into_iter().map(text).collect())
}
