//! Several processes on one file, one of which is killed: what was acknowledged is there, once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::config;
use crate::ids::RandomIds;
use crate::memory::tests::NOW_MS;
use crate::store::Store;

/// The directory of the state and the name of the writer, with a slash between them.
const WRITER: &str = "OSTLER_TEST_MEMORY_WRITER";
/// Acknowledged batches of each before one is killed.
const ENOUGH: usize = 20;

/// Writes batches until it is killed, and notes each that was acknowledged.
#[tokio::test]
async fn writer() {
    let Some(writer) = std::env::var_os(WRITER).map(PathBuf::from) else {
        return;
    };
    let (home, name) = (writer.parent().unwrap(), writer.file_name().unwrap());
    let name = name.to_string_lossy().into_owned();
    let store = Store::open(home).await.unwrap();
    let project = store.project(&RandomIds, "/p", NOW_MS).await.unwrap();
    let (clock, settings) = (ManualClock::at(NOW_MS), config::Memory::default());
    let author = Author::Session { id: name.clone() };
    let memories = Memories::new(&store, &clock, &RandomIds, &project, author, &settings);
    let mut acknowledged = std::fs::File::options()
        .create(true)
        .append(true)
        .open(noted(home, &name))
        .unwrap();
    for n in 0.. {
        let batch = [
            saying(&format!("The writer {name} has said the number {n}")),
            saying(&format!("Everybody says the number {n}")),
        ];
        let kept = memories.remember(&batch).await.unwrap();
        let ids: Vec<&str> = kept
            .iter()
            .map(|kept| match kept {
                Kept::New { id, .. } | Kept::Known { id, .. } | Kept::Confirmed { id } => {
                    id.as_str()
                }
            })
            .collect();
        writeln!(acknowledged, "{n} {}", ids.join(" ")).unwrap();
    }
}

fn noted(home: &Path, name: &str) -> PathBuf {
    home.join(format!("acknowledged-{name}"))
}

fn lines(home: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(noted(home, name)).unwrap_or_default();
    // The last line may be cut where its writer was killed.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(str::to_owned).collect()
}

fn start(home: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::remember::tests::processes::writer"])
        .env(WRITER, home.join(name))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_a_kill_or_to_another_process() {
    let world = World::new().await;
    let home = world.home.path();
    let mut writers: Vec<Child> = ["one", "two"].map(|name| start(home, name)).into();
    let enough = async {
        while lines(home, "one").len() < ENOUGH || lines(home, "two").len() < ENOUGH {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), enough).await;
    for writer in &mut writers {
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    in_time.expect("both write");
    let store = Arc::new(Store::open(home).await.unwrap());
    let memories = Memories {
        store: &store,
        ..world.session()
    };
    let mut own = BTreeMap::new();
    let mut shared: BTreeMap<String, String> = BTreeMap::new();
    for name in ["one", "two"] {
        for line in lines(home, name) {
            let [n, id, everybodys] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let memory = memories.get(id).await.unwrap();
            assert_eq!(
                memory.text,
                format!("The writer {name} has said the number {n}")
            );
            assert_eq!(own.insert(id.to_owned(), name), None, "ids are unique");
            let first = shared.entry(n.to_owned()).or_insert(everybodys.to_owned());
            assert_eq!(
                first, everybodys,
                "of two who say the same one is told of the other"
            );
        }
    }
    check_index(&store).await;
    let mut connection = store.read().acquire().await.unwrap();
    let integrity: String = sqlx::query_scalar(INTEGRITY)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(integrity, "ok");
}
