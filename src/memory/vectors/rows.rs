//! Vectors as rows.

use std::collections::HashSet;

use sqlx::{AnyConnection, Row};

use super::vector::Vector;
use super::why::Why;
use crate::ids::ProjectId;
use crate::store::{Store, statements};

/// Rows that one transaction removes.
const AT_ONCE: i64 = 2_000;

statements! {
    MODEL = "SELECT n, dimensions FROM memory_model WHERE name = $1";
    USE_MODEL = "INSERT INTO memory_model(name, dimensions, used_ms) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET used_ms = excluded.used_ms RETURNING n, dimensions";
    TOUCH_MODEL = "UPDATE memory_model SET used_ms = $2 WHERE name = $1";
    UNUSED_MODELS = "SELECT n FROM memory_model WHERE used_ms < $1";
    FORGET_MODEL = "DELETE FROM memory_model WHERE n = $1";
    FORGET_VECTORS = "DELETE FROM memory_vector
        WHERE n IN (SELECT n FROM memory_vector WHERE model = $1 LIMIT $2)";
    PLACES = "SELECT n FROM memory_place WHERE name IN ('user', $1) OR name LIKE $1 || '/%' ORDER BY n";
    /// Newest first, of one place.
    WITHOUT = "SELECT memory.n, memory.subject, memory.text FROM memory
        WHERE memory.place = $1 AND memory.n > $2 AND memory.n < $3
          AND memory.forgotten_ms = 0 AND memory.superseded_by = ''
          AND NOT EXISTS (SELECT 1 FROM memory_vector AS vector
            WHERE vector.memory = memory.n AND vector.model = $4)
        ORDER BY memory.n DESC LIMIT $5";
    NEWEST = "SELECT coalesce(max(n), 0) FROM memory WHERE place = $1 AND forgotten_ms = 0
        AND superseded_by = ''";
    /// Only of what is there still.
    ADD = "INSERT INTO memory_vector(memory, model, place, vector)
        SELECT n, $2, place, $3 FROM memory
        WHERE n = $1 AND forgotten_ms = 0 AND superseded_by = ''
        ON CONFLICT (memory, model) DO NOTHING";
    REMOVE = "DELETE FROM memory_vector WHERE memory = $1";
    FOLLOWING = "SELECT n, memory, vector FROM memory_vector
        WHERE model = $1 AND place = $2 AND n > $3 ORDER BY n LIMIT $4";
    NUMBERS = "SELECT n FROM memory_vector WHERE model = $1 AND place = $2";
    COUNT = "SELECT count(*) FROM memory_vector WHERE model = $1 AND place = $2";
    MEMORIES = "SELECT memories FROM memory_place WHERE n = $1";
    STILL = "SELECT memory FROM memory_vector
        WHERE model = $1 AND memory IN (SELECT value FROM json_each($2))";
}

/// A model on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) n: i64,
    pub(super) dimensions: usize,
}

/// A vector on record.
pub(super) struct Kept {
    pub(super) n: i64,
    pub(super) memory: i64,
    pub(super) vector: Vec<u8>,
}

/// A memory that has no vector yet, as it is sent.
pub(super) struct Without {
    pub(super) n: i64,
    pub(super) text: String,
}

/// The model of that name, once something was compared by it.
pub(super) async fn model(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<Option<Model>, sqlx::Error> {
    let row: Option<(i64, i64)> = sqlx::query_as(MODEL)
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(as_model))
}

fn as_model((n, dimensions): (i64, i64)) -> Model {
    Model {
        n,
        dimensions: usize::try_from(dimensions).unwrap_or_default(),
    }
}

/// The places of a project and of the user.
pub(super) async fn places(
    connection: &mut AnyConnection,
    project: &ProjectId,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(PLACES)
        .bind(project.as_str())
        .fetch_all(connection)
        .await
}

/// The number of the newest memory of a place.
pub(super) async fn newest(connection: &mut AnyConnection, place: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(NEWEST)
        .bind(place)
        .fetch_one(connection)
        .await
}

/// Memories of `place` between two numbers that `model` has not compared, the newest first.
pub(super) async fn without(
    connection: &mut AnyConnection,
    place: i64,
    (above, below): (i64, i64),
    model: i64,
    most: usize,
) -> Result<Vec<Without>, sqlx::Error> {
    let rows = sqlx::query(WITHOUT)
        .bind(place)
        .bind(above)
        .bind(below)
        .bind(model)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let (subject, text): (String, String) = (row.try_get("subject")?, row.try_get("text")?);
            let text = match subject.as_str() {
                "" => text,
                subject if text.starts_with(subject) => text,
                subject => format!("{subject}: {text}"),
            };
            Ok(Without {
                n: row.try_get("n")?,
                text,
            })
        })
        .collect()
}

/// Keeps the vectors of memories that are there still.
pub(super) async fn add(
    store: &Store,
    name: &str,
    vectors: &[(i64, Vector)],
    now_ms: i64,
) -> Result<Model, Why> {
    let given = vectors.first().map_or(0, |(_, vector)| vector.len());
    let mut tx = store.begin().await?;
    let model = sqlx::query_as(USE_MODEL)
        .bind(name)
        .bind(i64::try_from(given).unwrap_or(i64::MAX))
        .bind(now_ms)
        .fetch_one(&mut *tx)
        .await
        .map(as_model)?;
    if model.dimensions != given {
        return Err(Why::OtherLength {
            model: name.to_owned(),
            given,
            kept: model.dimensions,
        });
    }
    for (memory, vector) in vectors {
        sqlx::query(ADD)
            .bind(*memory)
            .bind(model.n)
            .bind(vector.to_bytes())
            .execute(&mut *tx)
            .await?;
    }
    store.commit(tx).await?;
    Ok(model)
}

/// Lets no meaning of a memory be compared any more.
pub(crate) async fn remove(connection: &mut AnyConnection, memory: i64) -> Result<(), sqlx::Error> {
    sqlx::query(REMOVE).bind(memory).execute(connection).await?;
    Ok(())
}

/// Vectors of a place that were kept after the row `after`, in their order.
pub(super) async fn following(
    connection: &mut AnyConnection,
    model: i64,
    place: i64,
    after: i64,
    most: usize,
) -> Result<Vec<Kept>, sqlx::Error> {
    let rows = sqlx::query(FOLLOWING)
        .bind(model)
        .bind(place)
        .bind(after)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Kept {
                n: row.try_get("n")?,
                memory: row.try_get("memory")?,
                vector: row.try_get("vector")?,
            })
        })
        .collect()
}

/// The numbers of all vectors of a place.
pub(super) async fn numbers(
    connection: &mut AnyConnection,
    model: i64,
    place: i64,
) -> Result<HashSet<i64>, sqlx::Error> {
    let all: Vec<i64> = sqlx::query_scalar(NUMBERS)
        .bind(model)
        .bind(place)
        .fetch_all(connection)
        .await?;
    Ok(all.into_iter().collect())
}

/// How many vectors of a place there are, and how many memories that are found.
pub(super) async fn counts(
    connection: &mut AnyConnection,
    model: Option<i64>,
    place: i64,
) -> Result<(i64, i64), sqlx::Error> {
    let compared: i64 = match model {
        Some(model) => {
            sqlx::query_scalar(COUNT)
                .bind(model)
                .bind(place)
                .fetch_one(&mut *connection)
                .await?
        }
        None => 0,
    };
    let memories: i64 = sqlx::query_scalar(MEMORIES)
        .bind(place)
        .fetch_one(connection)
        .await?;
    Ok((compared, memories))
}

/// Those of `memories` that still have a vector.
pub(super) async fn still(
    connection: &mut AnyConnection,
    model: i64,
    memories: &[i64],
) -> Result<HashSet<i64>, sqlx::Error> {
    let all: Vec<i64> = sqlx::query_scalar(STILL)
        .bind(model)
        .bind(serde_json::json!(memories).to_string())
        .fetch_all(connection)
        .await?;
    Ok(all.into_iter().collect())
}

/// Notes that a model is in use, and removes the vectors of those that nobody has used since `since_ms`.
pub(super) async fn tidy(store: &Store, name: &str, now_ms: i64, since_ms: i64) -> Result<(), Why> {
    let mut tx = store.begin().await?;
    sqlx::query(TOUCH_MODEL)
        .bind(name)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    let unused: Vec<i64> = sqlx::query_scalar(UNUSED_MODELS)
        .bind(since_ms)
        .fetch_all(&mut *tx)
        .await?;
    store.commit(tx).await?;
    for model in unused {
        forget(store, model).await?;
    }
    Ok(())
}

/// Removes a model with all of its vectors, a part at a time, so that others can write in between.
pub(super) async fn forget(store: &Store, model: i64) -> Result<(), Why> {
    loop {
        let mut tx = store.begin().await?;
        let removed = sqlx::query(FORGET_VECTORS)
            .bind(model)
            .bind(AT_ONCE)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        if removed == 0 {
            sqlx::query(FORGET_MODEL)
                .bind(model)
                .execute(&mut *tx)
                .await?;
        }
        store.commit(tx).await?;
        if removed == 0 {
            return Ok(());
        }
    }
}
