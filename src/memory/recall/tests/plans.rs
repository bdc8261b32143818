//! No question reads all that was ever kept.

use sqlx::Row;

use super::*;

#[tokio::test]
async fn no_statement_looks_at_every_memory() {
    let world = World::new().await;
    let mut connection = world.store.read().acquire().await.unwrap();
    let lists = [
        candidates::ALL,
        candidates::of_time::ALL,
        chain::ALL,
        documents::ALL,
        filter::ALL,
        kinds::ALL,
        others::ALL,
    ];
    for (name, sql) in lists.into_iter().flatten() {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(explain)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        // `:M` says that the index is reached through the words that are asked for; what is bounded by
        // its time is little.
        let reads_all = |step: &String| match step.contains("VIRTUAL TABLE") {
            true => step.contains("hit") && !step.contains(":M"),
            false => step.starts_with("SCAN memory") && !step.contains("memory_bounded"),
        };
        assert!(!plan.iter().any(reads_all), "{name}: {plan:#?}");
        if name.starts_with("NEWEST") {
            let sorts = plan
                .iter()
                .any(|step| step.contains("TEMP B-TREE FOR ORDER BY"));
            assert!(!sorts, "{name}: {plan:#?}");
        }
    }
}
