//! Files of tasks between several homes.

mod foreign;
mod merging;
mod own;

use std::io::BufRead;

use crate::tasks::tests::World;
use crate::tasks::{Actor, Format, Import, Report, Tracker, TransferError};

/// A home with a project.
struct Copy {
    world: World,
}

impl Copy {
    async fn new() -> Self {
        let world = World::new().await;
        Self { world }
    }

    fn tracker(&self) -> Tracker<'_> {
        self.world.tracker(Actor::Person)
    }

    async fn export(&self) -> String {
        let mut out = Vec::new();
        self.tracker().export(&mut out).await.unwrap();
        String::from_utf8(out).unwrap()
    }

    async fn import(&self, text: impl AsRef<[u8]>) -> Report {
        self.try_import(text.as_ref(), None).await.unwrap()
    }

    /// Imports, and looks whether everything is as it should be after that.
    async fn try_import(
        &self,
        mut text: &[u8],
        from: Option<Format>,
    ) -> Result<Report, TransferError> {
        let report = self.run(&mut text, from, true, false).await;
        assert_eq!(self.world.differences().await, []);
        let illegal = "SELECT count(*) FROM task p JOIN task c ON c.parent = p.id
            WHERE p.status = 'closed' AND c.status <> 'closed'";
        let illegal = sqlx::query_scalar::<_, i64>(illegal);
        let illegal = illegal.fetch_one(self.world.store.read()).await.unwrap();
        assert_eq!(illegal, 0, "a closed task has an open child");
        report
    }

    async fn rehearse(&self, text: &str) -> Report {
        self.run(&mut text.as_bytes(), None, true, true)
            .await
            .unwrap()
    }

    /// Imports what was told at this time.
    async fn import_of(&self, text: &str, told_ms: i64) -> Report {
        let import = Import {
            input: &mut text.as_bytes(),
            from: None,
            told_ms,
            at_terminal: true,
            dry_run: false,
            progress: &mut |_, _| {},
        };
        self.tracker().import(import).await.unwrap()
    }

    async fn run(
        &self,
        input: &mut dyn BufRead,
        from: Option<Format>,
        at_terminal: bool,
        dry_run: bool,
    ) -> Result<Report, TransferError> {
        let import = Import {
            input,
            from,
            told_ms: 900_000,
            at_terminal,
            dry_run,
            progress: &mut |_, _| {},
        };
        self.tracker().import(import).await
    }
}

/// Created, updated, deleted, unchanged, skipped.
fn counts(report: &Report) -> [u64; 5] {
    [
        report.created,
        report.updated,
        report.deleted,
        report.unchanged,
        report.skipped,
    ]
}
