//! The table of working trees that are ours. A row is written before anything is made, and every
//! change of it is guarded by the row that was read, so that two processes never both act on a tree.

use std::path::PathBuf;

use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::WorkspacePlan;
use crate::ids::{AgentId, ProjectId};
use crate::store::{Store, StoreError, statements};

statements! {
    OF_AGENT = concat!("SELECT ", tree_columns!(), " WHERE agent_id = $1");
    THERE = concat!("SELECT ", tree_columns!(), " WHERE state <> 'removed'
        AND ($1 = '' OR project_id = $1) ORDER BY created_ms, agent_id");
    COUNT = "SELECT count(*) FROM worktree WHERE state <> 'removed'";
    BEGIN = "INSERT INTO worktree(agent_id, project_id, repository, path, branch, state,
          created_ms, changed_ms)
        VALUES ($1, $2, $3, $4, $5, 'making', $6, $6)
        ON CONFLICT (agent_id) DO UPDATE SET state = 'making', note = '', created_ms = $6,
          changed_ms = CASE WHEN worktree.changed_ms < $6 THEN $6 ELSE worktree.changed_ms + 1 END
        WHERE worktree.state = 'removed'";
    SET_BASE = "UPDATE worktree SET base = $2 WHERE agent_id = $1 AND state = 'making'";
    ADVANCE = "UPDATE worktree SET state = $4, note = $5,
          changed_ms = CASE WHEN changed_ms < $6 THEN $6 ELSE changed_ms + 1 END
        WHERE agent_id = $1 AND state = $2 AND changed_ms = $3 RETURNING changed_ms";
}

macro_rules! tree_columns {
    () => {
        "agent_id, project_id, repository, path, branch, base, state, note, created_ms, \
         changed_ms FROM worktree"
    };
}
use tree_columns;

/// Where a working tree stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeState {
    /// Begun; no agent has been in it.
    Making,
    /// An agent works in it, or did until its process died.
    Live,
    /// Its agent has ended and there is something to keep.
    Kept,
    /// Found to hold nothing that would be lost, and on its way out.
    Removing,
    /// Gone; its branch may be there still.
    Removed,
}

impl TreeState {
    const ALL: [TreeState; 5] = [
        TreeState::Making,
        TreeState::Live,
        TreeState::Kept,
        TreeState::Removing,
        TreeState::Removed,
    ];

    /// The name used in the store and in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            TreeState::Making => "making",
            TreeState::Live => "live",
            TreeState::Kept => "kept",
            TreeState::Removing => "removing",
            TreeState::Removed => "removed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One working tree on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The agent it is for.
    pub agent: AgentId,
    /// The project of that agent.
    pub project: ProjectId,
    /// The git common directory.
    pub repository: PathBuf,
    /// Top of the tree.
    pub path: PathBuf,
    /// Its branch.
    pub branch: String,
    /// The commit it started from; empty until that is known.
    pub base: String,
    /// Where it stands.
    pub state: TreeState,
    /// Why it was kept.
    pub note: String,
    /// When it was begun.
    pub created_ms: i64,
    /// When the row last changed; grows with every change.
    pub changed_ms: i64,
}

/// The tree of an agent, whatever its state.
pub(crate) async fn of_agent(store: &Store, id: &AgentId) -> Result<Option<Tree>, StoreError> {
    let row = sqlx::query(OF_AGENT)
        .bind(id.as_str())
        .fetch_optional(store.read())
        .await?;
    row.as_ref().map(tree).transpose()
}

/// Trees that are not removed, of one project or of all, oldest first.
pub(crate) async fn there(
    store: &Store,
    project: Option<&ProjectId>,
) -> Result<Vec<Tree>, StoreError> {
    let rows = sqlx::query(THERE)
        .bind(project.map_or("", ProjectId::as_str))
        .fetch_all(store.read())
        .await?;
    rows.iter().map(tree).collect()
}

/// How many trees are not removed.
pub(crate) async fn count(store: &Store) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT).fetch_one(store.read()).await?)
}

/// Writes down that a tree is about to be made. `false`: the agent has one.
pub(crate) async fn begin(
    store: &Store,
    id: &AgentId,
    project: &ProjectId,
    plan: &WorkspacePlan,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let begun = sqlx::query(BEGIN)
        .bind(id.as_str())
        .bind(project.as_str())
        .bind(text(&plan.repository))
        .bind(text(&plan.path))
        .bind(plan.branch.as_str())
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(begun.rows_affected() == 1)
}

/// Writes down which commit a tree that is being made starts from.
pub(crate) async fn set_base(store: &Store, tree: &mut Tree, base: &str) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(SET_BASE)
        .bind(tree.agent.as_str())
        .bind(base)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    base.clone_into(&mut tree.base);
    Ok(())
}

/// Moves a tree on from the state in which it was read. `false`: somebody else was first, and
/// nothing was changed.
pub(crate) async fn advance(
    store: &Store,
    tree: &mut Tree,
    to: TreeState,
    note: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let changed_ms: Option<i64> = sqlx::query_scalar(ADVANCE)
        .bind(tree.agent.as_str())
        .bind(tree.state.as_str())
        .bind(tree.changed_ms)
        .bind(to.as_str())
        .bind(store.redact(note))
        .bind(now_ms)
        .fetch_optional(&mut *tx)
        .await?;
    store.commit(tx).await?;
    let Some(changed_ms) = changed_ms else {
        return Ok(false);
    };
    tree.state = to;
    note.clone_into(&mut tree.note);
    tree.changed_ms = changed_ms;
    Ok(true)
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

fn tree(row: &AnyRow) -> Result<Tree, StoreError> {
    let state: String = row.try_get("state")?;
    Ok(Tree {
        agent: AgentId::stored(row.try_get("agent_id")?),
        project: ProjectId::stored(row.try_get("project_id")?),
        repository: row.try_get::<String, _>("repository")?.into(),
        path: row.try_get::<String, _>("path")?.into(),
        branch: row.try_get("branch")?,
        base: row.try_get("base")?,
        state: TreeState::parse(&state).ok_or(StoreError::Row {
            what: "state of a working tree",
            message: state,
        })?,
        note: row.try_get("note")?,
        created_ms: row.try_get("created_ms")?,
        changed_ms: row.try_get("changed_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SequentialIds;

    #[tokio::test]
    async fn of_two_who_read_the_same_row_one_changes_it() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let ids = SequentialIds::default();
        let project = store.project(&ids, "/p", 1).await.unwrap();
        let id = AgentId::new(&ids);
        let plan = WorkspacePlan {
            repository: "/p/.git".into(),
            from: "/p".into(),
            path: "/s/t".into(),
            inside: PathBuf::new(),
            branch: "ostler/x".to_owned(),
            with_changes: false,
            base: None,
        };
        assert!(begin(&store, &id, &project, &plan, 5).await.unwrap());
        assert!(!begin(&store, &id, &project, &plan, 5).await.unwrap());
        let mut one = of_agent(&store, &id).await.unwrap().unwrap();
        set_base(&store, &mut one, "abc").await.unwrap();
        let mut two = of_agent(&store, &id).await.unwrap().unwrap();
        assert_eq!(one, two);
        // The clock stands still, the row does not.
        assert!(
            advance(&store, &mut one, TreeState::Live, "", 5)
                .await
                .unwrap()
        );
        assert!(one.changed_ms > two.changed_ms);
        assert!(
            !advance(&store, &mut two, TreeState::Removing, "", 5)
                .await
                .unwrap()
        );
        assert_eq!(there(&store, None).await.unwrap(), [one.clone()]);
        assert!(
            advance(&store, &mut one, TreeState::Removed, "", 5)
                .await
                .unwrap()
        );
        assert_eq!(there(&store, Some(&project)).await.unwrap(), []);
        assert!(begin(&store, &id, &project, &plan, 9).await.unwrap());
    }
}
