//! Lists of tasks: views, filters, full text, pages.

use sqlx::AnyConnection;

use crate::ids::ProjectId;
use crate::store::{StoreError, statements};

statements! {
    /// Tasks among which a mistyped id is looked for.
    RECENT = "SELECT id, title FROM task WHERE project_id = $1
        ORDER BY created_ms DESC, id DESC LIMIT 1000";
}

/// How far a mistyped id may be from a real one.
const SLIPS: usize = 2;
/// Characters of a title that are shown.
const TITLE: usize = 60;

/// The newest tasks whose id looks like `given`, as `t-0a1b2c "title"`.
pub(super) async fn nearest(
    connection: &mut AnyConnection,
    project: &ProjectId,
    given: &str,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let recent: Vec<(String, String)> = sqlx::query_as(RECENT)
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    let mut near: Vec<(usize, String)> = recent
        .into_iter()
        .map(|(id, title)| (strsim::levenshtein(&id, given), id, title))
        .filter(|(distance, ..)| *distance <= SLIPS)
        .map(|(distance, id, title)| {
            let title = crate::text::one_line(&title, TITLE);
            (distance, format!("{id} {title:?}"))
        })
        .collect();
    near.sort();
    Ok(near.into_iter().take(limit).map(|(_, it)| it).collect())
}
