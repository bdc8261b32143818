//! Schema changes. sqlx takes no lock on SQLite while it migrates, and processes that start at the
//! same instant would trip over each other, so a lock file beside the database serialises them.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, SqlSafeStr};

use super::StoreError;

const FILES: &[(i64, &str, &str)] = &[
    (
        1,
        "agents",
        include_str!("migrations/sqlite/0001_agents.sql"),
    ),
    (2, "asks", include_str!("migrations/sqlite/0002_asks.sql")),
    (3, "pace", include_str!("migrations/sqlite/0003_pace.sql")),
    (4, "trees", include_str!("migrations/sqlite/0004_trees.sql")),
    (5, "tasks", include_str!("migrations/sqlite/0005_tasks.sql")),
    (
        6,
        "memory",
        include_str!("migrations/sqlite/0006_memory.sql"),
    ),
];

/// Brings the schema up to date. Holds `migrate.lock` in `home` meanwhile.
pub(super) async fn run(home: &Path, database: &Path, pool: &AnyPool) -> Result<(), StoreError> {
    let path = home.join("migrate.lock");
    let unusable = |source| StoreError::Directory {
        path: home.to_owned(),
        source,
    };
    let lock = tokio::task::spawn_blocking(move || {
        let file = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        file.lock()?;
        Ok::<File, std::io::Error>(file)
    })
    .await
    .map_err(|_| StoreError::Busy)?
    .map_err(unusable)?;
    let outcome = migrate(database, pool).await;
    drop(lock);
    outcome
}

async fn migrate(database: &Path, pool: &AnyPool) -> Result<(), StoreError> {
    let migrator = Migrator::with_migrations(
        FILES
            .iter()
            .map(|(version, name, sql)| {
                let sql = sql.into_sql_str();
                Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
            })
            .collect(),
    );
    match migrator.run(pool).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(_)) => Err(newer(database, pool).await?),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(StoreError::from(error))
        }
        Err(error) => Err(StoreError::Migration(error)),
    }
}

/// Names the newest applied migration, which this version does not know.
async fn newer(database: &Path, pool: &AnyPool) -> Result<StoreError, StoreError> {
    let mut connection: sqlx::pool::PoolConnection<Any> = pool.acquire().await?;
    let applied = connection.list_applied_migrations("_sqlx_migrations").await;
    let found = applied
        .map_err(StoreError::Migration)?
        .iter()
        .map(|m| m.version)
        .max();
    Ok(StoreError::Newer {
        path: database.to_owned(),
        found: found.unwrap_or_default(),
        known: FILES
            .iter()
            .map(|(version, ..)| *version)
            .max()
            .unwrap_or_default(),
    })
}
