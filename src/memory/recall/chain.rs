//! What took the place of what. A hit is the last of its chain that was not forgotten and that the
//! author may read; what came before it is its history.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::filter::{Filter, wanted};
use crate::store::{StoreError, statements};

/// Most memories of one history, the last of it.
const HISTORY: i64 = 20;

statements! {
    // $1 holds the numbers and the places; $2 is how far a chain is followed.
    LATER = concat!(
        "WITH RECURSIVE chain(start, n, by, depth) AS (
            SELECT memory.n, memory.n, memory.superseded_by, 0
            FROM json_each($1 -> 0) AS old CROSS JOIN memory ON memory.n = old.value
            UNION
            SELECT chain.start, next.n, next.superseded_by, chain.depth + 1
            FROM chain CROSS JOIN memory AS next ON next.id = chain.by
            WHERE chain.by <> '' AND chain.depth < $2)
          SELECT json_array(chain.start, chain.n, (", wanted!(), "))
          FROM chain CROSS JOIN memory ON memory.n = chain.n
          WHERE memory.forgotten_ms = 0 AND memory.place IN (SELECT value FROM json_each($1 -> 1))
          ORDER BY chain.start, chain.depth"
    );
    EARLIER = "WITH RECURSIVE chain(n, id, depth) AS (
          SELECT memory.n, memory.id, 0 FROM memory WHERE memory.n = $1
          UNION
          SELECT old.n, old.id, chain.depth + 1
          FROM chain CROSS JOIN memory AS old ON old.superseded_by = chain.id
            AND old.superseded_by <> ''
          WHERE chain.depth < $4)
        SELECT memory.n FROM chain CROSS JOIN memory ON memory.n = chain.n
        WHERE chain.depth > 0 AND memory.forgotten_ms = 0
          AND memory.place IN (SELECT value FROM json_each($2))
        GROUP BY memory.n
        ORDER BY min(chain.depth), memory.at_ms DESC, memory.created_ms DESC, memory.n DESC LIMIT $3";
}

/// Longest chain that is followed.
const LONGEST: i64 = 1000;

/// For each of these superseded memories the last of its chain, where `filter` wants that.
pub(super) async fn last(
    connection: &mut AnyConnection,
    numbers: &[i64],
    places: &[i64],
    filter: &Filter,
) -> Result<HashMap<i64, i64>, StoreError> {
    let of = serde_json::json!([numbers, places]).to_string();
    let rows: Vec<String> = filter.ask(LATER, of, LONGEST).fetch_all(connection).await?;
    let mut last: HashMap<i64, (i64, bool)> = HashMap::new();
    for row in rows {
        let (old, n, fits): (i64, i64, i64) =
            serde_json::from_str(&row).map_err(|error| StoreError::Row {
                what: "memory",
                message: error.to_string(),
            })?;
        last.insert(old, (n, fits != 0));
    }
    let fitting = last.into_iter().filter(|(_, (_, fits))| *fits);
    Ok(fitting.map(|(old, (n, _))| (old, n)).collect())
}

/// What this memory took the place of, and what that did, the oldest first.
pub(super) async fn before(
    connection: &mut AnyConnection,
    n: i64,
    places: &[i64],
) -> Result<Vec<i64>, StoreError> {
    let mut before: Vec<i64> = sqlx::query_scalar(EARLIER)
        .bind(n)
        .bind(serde_json::json!(places).to_string())
        .bind(HISTORY)
        .bind(LONGEST)
        .fetch_all(connection)
        .await?;
    before.reverse();
    Ok(before)
}
