//! Statements as named constants with a list of all of them, so that one test can prepare each.

/// Declares SQL constants and `ALL`, the list of their names and texts.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* const $name: &str = $sql;)+

        /// Every statement of this file, for the test that prepares them.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

pub(crate) use statements;

#[cfg(test)]
mod tests {
    use sqlx::{Executor, SqlSafeStr};

    use crate::store::Store;

    /// The lists of every file that holds SQL. [`no_statement_hides`] fails when one is missing.
    const LISTS: &[(&str, &[(&str, &str)])] = &[
        ("agents/record/write.rs", crate::agents::record::write::ALL),
        ("agents/record/read.rs", crate::agents::record::read::ALL),
        ("agents/record/owner.rs", crate::agents::record::owner::ALL),
        (
            "agents/record/steers.rs",
            crate::agents::record::steers::ALL,
        ),
        ("agents/record/asks.rs", crate::agents::record::asks::ALL),
        (
            "agents/record/results.rs",
            crate::agents::record::results::ALL,
        ),
        (
            "agents/record/family.rs",
            crate::agents::record::family::ALL,
        ),
        (
            "agents/record/groups.rs",
            crate::agents::record::groups::ALL,
        ),
        (
            "agents/record/mentions.rs",
            crate::agents::record::mentions::ALL,
        ),
        ("agents/record/names.rs", crate::agents::record::names::ALL),
        (
            "agents/record/remove.rs",
            crate::agents::record::remove::ALL,
        ),
        ("agents/record/tasks.rs", crate::agents::record::tasks::ALL),
        (
            "agents/record/overlaps.rs",
            crate::agents::record::overlaps::ALL,
        ),
        ("agents/drain/rows.rs", crate::agents::drain::rows::ALL),
        ("agents/journal.rs", crate::agents::journal::ALL),
        ("agents/limiter.rs", crate::agents::limiter::ALL),
        ("agents/limiter/pace.rs", crate::agents::limiter::pace::ALL),
        ("agents/recovery.rs", crate::agents::recovery::ALL),
        ("memory/adjust.rs", crate::memory::adjust::ALL),
        ("memory/confirm.rs", crate::memory::confirm::ALL),
        ("memory/forget.rs", crate::memory::forget::ALL),
        ("memory/index.rs", crate::memory::index::ALL),
        ("memory/list.rs", crate::memory::list::ALL),
        ("memory/matters.rs", crate::memory::matters::ALL),
        ("memory/purge.rs", crate::memory::purge::ALL),
        (
            "memory/recall/candidates.rs",
            crate::memory::recall::candidates::ALL,
        ),
        (
            "memory/recall/candidates/of_time.rs",
            crate::memory::recall::candidates::of_time::ALL,
        ),
        ("memory/recall/chain.rs", crate::memory::recall::chain::ALL),
        (
            "memory/recall/documents.rs",
            crate::memory::recall::documents::ALL,
        ),
        (
            "memory/recall/filter.rs",
            crate::memory::recall::filter::ALL,
        ),
        ("memory/recall/kinds.rs", crate::memory::recall::kinds::ALL),
        (
            "memory/recall/meaning.rs",
            crate::memory::recall::meaning::ALL,
        ),
        ("memory/recall/named.rs", crate::memory::recall::named::ALL),
        (
            "memory/recall/others.rs",
            crate::memory::recall::others::ALL,
        ),
        ("memory/recall/told.rs", crate::memory::recall::told::ALL),
        ("memory/recall/uses.rs", crate::memory::recall::uses::ALL),
        ("memory/remember.rs", crate::memory::remember::ALL),
        (
            "memory/remember/known.rs",
            crate::memory::remember::known::ALL,
        ),
        (
            "memory/remember/rights.rs",
            crate::memory::remember::rights::ALL,
        ),
        (
            "memory/remember/supersede.rs",
            crate::memory::remember::supersede::ALL,
        ),
        ("memory/rows.rs", crate::memory::rows::ALL),
        (
            "memory/transfer/rows.rs",
            crate::memory::transfer::rows::ALL,
        ),
        (
            "memory/transfer/writes.rs",
            crate::memory::transfer::writes::ALL,
        ),
        ("memory/vectors/rows.rs", crate::memory::vectors::rows::ALL),
        ("store/project.rs", crate::store::project::ALL),
        ("workspaces/rows.rs", crate::workspaces::rows::ALL),
        ("tasks/claim.rs", crate::tasks::claim::ALL),
        ("tasks/close.rs", crate::tasks::close::ALL),
        ("tasks/create.rs", crate::tasks::create::ALL),
        ("tasks/graph/cycle.rs", crate::tasks::graph::cycle::ALL),
        ("tasks/graph/doctor.rs", crate::tasks::graph::doctor::ALL),
        ("tasks/graph/edges.rs", crate::tasks::graph::edges::ALL),
        ("tasks/graph/family.rs", crate::tasks::graph::family::ALL),
        ("tasks/graph/recount.rs", crate::tasks::graph::recount::ALL),
        ("tasks/graph/settle.rs", crate::tasks::graph::settle::ALL),
        ("tasks/lines.rs", crate::tasks::lines::ALL),
        ("tasks/list.rs", crate::tasks::list::ALL),
        ("tasks/matters.rs", crate::tasks::matters::ALL),
        ("tasks/network.rs", crate::tasks::network::ALL),
        ("tasks/remove.rs", crate::tasks::remove::ALL),
        ("tasks/rows.rs", crate::tasks::rows::ALL),
        ("tasks/search.rs", crate::tasks::search::ALL),
        ("tasks/show.rs", crate::tasks::show::ALL),
        (
            "tasks/transfer/known.rs",
            crate::tasks::transfer::known::ALL,
        ),
        ("tasks/transfer/rows.rs", crate::tasks::transfer::rows::ALL),
        (
            "tasks/transfer/writes.rs",
            crate::tasks::transfer::writes::ALL,
        ),
        ("tasks/update.rs", crate::tasks::update::ALL),
    ];

    #[tokio::test]
    async fn every_statement_prepares() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let mut connection = store.read().acquire().await.unwrap();
        for (file, statements) in LISTS {
            for (name, sql) in *statements {
                let prepared = connection
                    .prepare(sqlx::AssertSqlSafe(*sql).into_sql_str())
                    .await;
                assert!(prepared.is_ok(), "{file}: {name}: {:?}", prepared.err());
            }
        }
    }

    #[test]
    fn no_statement_hides() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut open = vec![source.clone()];
        let mut with_sql = Vec::new();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(
                    std::fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
                continue;
            }
            let name = path
                .strip_prefix(&source)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if name == "store/statements.rs" || !name.ends_with(".rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for call in ["query(\"", "query_as(\"", "query_scalar(\"", "raw_sql(\""] {
                // The store itself runs what is there before any table is.
                let hides = text.contains(call) && !name.starts_with("store/");
                assert!(!hides, "{name} runs SQL that is in no list");
            }
            if text.contains("statements! {") {
                with_sql.push(name);
            }
        }
        with_sql.sort();
        let mut listed: Vec<_> = LISTS.iter().map(|(file, _)| (*file).to_owned()).collect();
        listed.sort();
        assert_eq!(with_sql, listed);
    }
}
