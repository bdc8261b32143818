//! Projects full of tasks, each on a state file of its own.

use std::path::{Path, PathBuf};

use ostler::clock::SystemClock;
use ostler::ids::{ProjectId, RandomIds};
use ostler::store::Store;
use ostler::tasks::{Actor, NewTask, Tracker};
use sqlx::{AnyConnection, Connection};

const PROJECT: &str = "INSERT INTO project(id, key, created_ms) VALUES ('p-bench0', '/bench', 1)";
// Ids one longer than those that the tracker gives, so that they never meet.
/// Closed tasks $1 to $2: trees of 20, each waiting for the one before it.
const CLOSED: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
    INSERT INTO task(id, project_id, parent, title, description, kind, priority, writes, status,
      reason, created_ms, created_by, updated_ms, closed_ms, closed_by, children)
    SELECT printf('t-c%06x', i), 'p-bench0',
      CASE i % 20 WHEN 0 THEN NULL ELSE printf('t-c%06x', i - i % 20) END,
      printf('closed task word%d', i % 100), printf('what was done in step word%d', i % 89),
      'task', i % 5, 1, 'closed', 'done', i, 'person', i, i, 'person',
      CASE i % 20 WHEN 0 THEN 19 ELSE 0 END
    FROM n";
const CLOSED_EDGES: &str = "WITH RECURSIVE n(i) AS
      (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
    INSERT INTO task_edge(task_id, kind, other_id, at_ms)
    SELECT printf('t-c%06x', i), 'blocked_by', printf('t-c%06x', i - 1), i FROM n WHERE i % 20 > 1";
/// Tasks $1 to $2 with some text, one in 20 of them open; nothing hangs together.
const TEXTS: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
    INSERT INTO task(id, project_id, title, description, acceptance, kind, priority, writes, status,
      reason, created_ms, created_by, updated_ms, closed_ms, closed_by)
    SELECT printf('t-c%06x', i), 'p-bench0',
      printf('%s of word%d and word%d', CASE i % 4 WHEN 0 THEN 'frequent' ELSE 'plain' END,
        i % 100, i * 31 % 977),
      printf('The module%d has to be told apart from module%d when it is %s.', i % 211,
        i * 17 % 1009, CASE i WHEN 5 THEN 'needle' WHEN 50 THEN 'needle' WHEN 500 THEN 'needle'
        ELSE 'ready' END),
      'All of it is covered by tests and the log says what was done.',
      'task', i % 5, 1, CASE i % 20 WHEN 0 THEN 'open' ELSE 'closed' END,
      CASE i % 20 WHEN 0 THEN '' ELSE 'done' END, i, 'person', i, i, 'person'
    FROM n";
const SPOIL: [&str; 2] = [
    "UPDATE task SET held = held + 1, unblocks = 9, children = 9, open_children = 9",
    "UPDATE task_edge SET holds = 1 - holds",
];
/// Rows of one transaction.
const CHUNK: usize = 50_000;

pub(crate) struct World {
    store: Store,
    project: ProjectId,
    home: PathBuf,
    /// Removed with the world; not there for one that is only looked at.
    _made: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let made = tempfile::tempdir().unwrap();
        let world = Self::open(made.path()).await;
        let world = Self {
            _made: Some(made),
            ..world
        };
        let mut raw = world.raw().await;
        sqlx::query(PROJECT).execute(&mut raw).await.unwrap();
        world
    }

    /// The world that was made in `home`.
    pub(crate) async fn open(home: &Path) -> Self {
        Self {
            store: Store::open(home).await.unwrap(),
            project: ProjectId::parse("p-bench0").unwrap(),
            home: home.to_owned(),
            _made: None,
        }
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Open tasks in trees, with edges; about one in ten is ready.
    pub(crate) async fn with_open(count: usize) -> Self {
        let world = Self::new().await;
        let mut left = count;
        for at in 0.. {
            let size = left.min(500);
            if size == 0 {
                break;
            }
            world.tracker().create(&plan(size, at)).await.unwrap();
            left -= size;
        }
        world
    }

    /// Tasks to be searched.
    pub(crate) async fn with_texts(count: usize) -> Self {
        let world = Self::new().await;
        world.fill(&[TEXTS], count).await;
        world
    }

    pub(crate) async fn add_closed(&self, count: usize) {
        self.fill(&[CLOSED, CLOSED_EDGES], count).await;
    }

    pub(crate) fn tracker(&self) -> Tracker<'_> {
        self.tracker_of(Actor::Session {
            id: "bench".to_owned(),
            dies_with: None,
        })
    }

    pub(crate) fn tracker_of(&self, actor: Actor) -> Tracker<'_> {
        Tracker::new(&self.store, &SystemClock, &RandomIds, &self.project, actor)
    }

    /// Makes every count wrong.
    pub(crate) async fn spoil(&self) {
        let mut raw = self.raw().await;
        for sql in SPOIL {
            sqlx::query(sql).execute(&mut raw).await.unwrap();
        }
    }

    /// A connection past the tracker.
    async fn raw(&self) -> AnyConnection {
        let file = self.home.join("ostler.db");
        let url = format!("sqlite://{}", file.display());
        AnyConnection::connect(&url).await.unwrap()
    }

    async fn fill(&self, statements: &[&'static str], count: usize) {
        let mut raw = self.raw().await;
        for from in (0..count).step_by(CHUNK) {
            let last = (from + CHUNK).min(count) - 1;
            let mut tx = raw.begin().await.unwrap();
            for sql in statements {
                let filled = sqlx::query(*sql).bind(from as i64).bind(last as i64);
                filled.execute(&mut *tx).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }
}

/// A batch: trees of 24 tasks, in each of which every task waits for one or two of those before it,
/// but for every tenth.
pub(crate) fn plan(size: usize, number: usize) -> Vec<NewTask> {
    let name = |at: usize| format!("n{at}");
    let task = |at: usize| {
        let in_tree = at % 24;
        let blocked_by = match in_tree {
            0 => vec![],
            _ if in_tree % 10 == 1 => vec![],
            2 => vec![name(at - 1)],
            _ => vec![name(at - 1), name(at - 2)],
        };
        NewTask {
            description: format!("What is to be done in step word{} of it.", at % 89),
            acceptance: "It is covered by tests.".to_owned(),
            priority: Some((at % 4) as i64),
            labels: vec![format!("area{}", at % 7)],
            reference: Some(name(at)),
            ..one(
                &format!("step {at} of plan {number}, word{}", at % 100),
                (in_tree > 0).then(|| name(at - in_tree)),
                &blocked_by,
            )
        }
    };
    (0..size).map(task).collect()
}

/// Task `at` of a chain, which waits for the one before it, or for `before`.
pub(crate) fn link(at: usize, before: &[String]) -> NewTask {
    let before = match at {
        0 => before.to_vec(),
        _ => vec![format!("n{}", at - 1)],
    };
    NewTask {
        reference: Some(format!("n{at}")),
        ..one("link", None, &before)
    }
}

pub(crate) fn one(title: &str, parent: Option<String>, blocked_by: &[String]) -> NewTask {
    NewTask {
        title: title.to_owned(),
        parent,
        blocked_by: blocked_by.to_vec(),
        ..NewTask::default()
    }
}
