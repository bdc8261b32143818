//! Meanings are compared by a service; whatever that does, words are found as ever.

mod program;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ostler::clock::SystemClock;
use ostler::config;
use ostler::ids::{ProjectId, RandomIds};
use ostler::memory::{
    Author, Embedded, Import, Input, Kept, Meaning, Memories, NewMemory, Progress, Query, Why,
};
use ostler::store::Store;
use sqlx::Connection;
use tokio_util::sync::CancellationToken;

use crate::support::embeddings::{Embeddings, Mood};
use crate::support::until;

const KEY: &str = "sk-4711-of-nobody";

/// A state file, and a service.
struct World {
    home: tempfile::TempDir,
    store: Arc<Store>,
    project: ProjectId,
    settings: config::Memory,
    service: Embeddings,
}

impl World {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let project = ProjectId::new(&RandomIds);
        let mut file = file(&store).await;
        sqlx::query("INSERT INTO project(id, key, created_ms) VALUES ($1, '/p', 1)")
            .bind(project.as_str())
            .execute(&mut file)
            .await
            .unwrap();
        file.close().await.unwrap();
        let service = Embeddings::start().await;
        let settings = config::Memory {
            embeddings_url: Some(service.url()),
            embeddings_model: Some("small".to_owned()),
            embeddings_key: Some("SERVICE_KEY".to_owned()),
            ..config::Memory::default()
        };
        Self {
            home,
            store: Arc::new(store),
            project,
            settings,
            service,
        }
    }

    /// The service as one process sees it.
    fn meaning(&self) -> Arc<Meaning> {
        Meaning::of(&self.settings, |name| {
            (name == "SERVICE_KEY").then(|| KEY.to_owned())
        })
        .unwrap()
    }

    fn memories<'a>(&'a self, meaning: Option<&'a Meaning>) -> Memories<'a> {
        Memories::new(
            &self.store,
            &SystemClock,
            &RandomIds,
            &self.project,
            Author::Person,
            &self.settings,
        )
        .comparing_meanings(meaning)
    }

    async fn keep(&self, texts: &[&str]) -> Vec<String> {
        let new: Vec<NewMemory> = texts.iter().map(|text| saying(text)).collect();
        let kept = self.memories(None).remember(&new).await.unwrap();
        let ids = kept.into_iter().map(|kept| match kept {
            Kept::New { id, .. } => id.to_string(),
            other => panic!("{other:?}"),
        });
        ids.collect()
    }

    async fn embed(&self, meaning: &Meaning, anew: bool) -> Result<Embedded, Why> {
        let stop = CancellationToken::new();
        let memories = self.memories(Some(meaning));
        memories.embed_all(anew, &stop, &|_| {}).await
    }

    /// The texts that are found, and the notes but for that nothing was.
    async fn ask(&self, meaning: Option<&Meaning>, text: &str) -> (Vec<String>, Vec<String>) {
        let query = Query {
            text: text.to_owned(),
            ..Query::default()
        };
        let recalled = self.memories(meaning).recall(&query).await.unwrap();
        let texts = recalled.hits.into_iter().map(|hit| hit.memory.text);
        let mut notes = recalled.notes;
        notes.retain(|note| !note.starts_with("nothing found"));
        (texts.collect(), notes)
    }

    async fn export(&self) -> Vec<u8> {
        let mut file = Vec::new();
        self.memories(None).export(true, &mut file).await.unwrap();
        file
    }

    async fn import(&self, file: &[u8]) {
        let import = Import {
            input: Input::File {
                name: "memories.jsonl".to_owned(),
                read: &mut &*file,
            },
            format: None,
            with_user: false,
            dry_run: false,
            progress: &mut |_, _| {},
        };
        self.memories(None).import(import).await.unwrap();
    }

    async fn vectors(&self) -> i64 {
        let mut file = file(&self.store).await;
        let count = sqlx::query_scalar("SELECT count(*) FROM memory_vector");
        let count = count.fetch_one(&mut file).await.unwrap();
        file.close().await.unwrap();
        count
    }
}

/// The state file, past ostler.
async fn file(store: &Store) -> sqlx::AnyConnection {
    let url = format!("sqlite://{}", store.database().display());
    sqlx::AnyConnection::connect(&url).await.unwrap()
}

fn saying(text: &str) -> NewMemory {
    NewMemory {
        text: text.to_owned(),
        ..NewMemory::default()
    }
}

const THREE: [&str; 3] = [
    "We ship on Tuesdays only",
    "Every bill leaves in euros",
    "The dashboard uses a dark theme",
];

#[tokio::test]
async fn a_paraphrase_without_a_shared_word_is_found_by_its_meaning_only() {
    let world = World::new().await;
    let meaning = world.meaning();
    world.keep(&THREE).await;
    let done = world.embed(&meaning, false).await.unwrap();
    let all = Progress { compared: 3, of: 3 };
    assert_eq!((done.sent, done.progress, done.stopped), (3, all, false));
    assert_eq!(world.ask(None, "release").await, (vec![], vec![]));
    let query = Query {
        text: "release".to_owned(),
        ..Query::default()
    };
    let recalled = world.memories(Some(&meaning)).recall(&query).await.unwrap();
    assert_eq!(recalled.notes, [""; 0]);
    let [hit] = &recalled.hits[..] else {
        panic!("{recalled:?}")
    };
    assert_eq!(hit.memory.text, THREE[0]);
    assert!(hit.why.contains("meaning"), "{}", hit.why);
    // A wording of its own may be what is near.
    let query = Query {
        text: "zzz".to_owned(),
        also: vec!["invoice".to_owned()],
        ..Query::default()
    };
    let recalled = world.memories(Some(&meaning)).recall(&query).await.unwrap();
    assert_eq!(recalled.hits[0].memory.text, THREE[1]);
}

#[tokio::test]
async fn whatever_the_service_does_words_are_found_with_a_note() {
    let world = World::new().await;
    world.keep(&THREE).await;
    world.embed(&world.meaning(), false).await.unwrap();
    let garbage = |body: &str| Mood::Saying(200, body.to_owned());
    let error = format!(r#"{{"error":{{"message":"no credit for {KEY}"}}}}"#);
    for (mood, told) in [
        (Mood::Saying(500, error), "answers 500: no credit for [key]"),
        (Mood::Saying(302, String::new()), "leads elsewhere"),
        (garbage("<html>"), "no usable answer"),
        (garbage(r#"{"data":[]}"#), "0 vectors for 1 texts"),
        (
            Mood::Longer(99),
            "gives 99 numbers, but those kept of small have 16",
        ),
        (Mood::Busy(1), "too many requests"),
        (Mood::Silent, "did not answer within 2 s"),
    ] {
        world.service.becomes(mood.clone());
        let meaning = world.meaning();
        let began = Instant::now();
        let (texts, notes) = world.ask(Some(&meaning), "bill").await;
        assert!(began.elapsed() < Duration::from_secs(10), "{mood:?}");
        assert_eq!(texts, [THREE[1]], "{mood:?}");
        let [note] = &notes[..] else {
            panic!("{mood:?}: {notes:?}")
        };
        assert!(note.starts_with("searched by words only: "), "{note}");
        assert!(note.contains(told), "{note}");
        assert!(!note.contains(KEY), "{note}");
        // The next question does not wait for it again.
        let before = world.service.asked().len();
        let (texts, notes) = world.ask(Some(&meaning), "bill").await;
        assert_eq!(texts, [THREE[1]]);
        assert!(notes[0].contains("asked again in"), "{notes:?}");
        assert_eq!(world.service.asked().len(), before, "{mood:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_and_no_key_are_notes_as_well() {
    let mut world = World::new().await;
    world.keep(&THREE).await;
    world.embed(&world.meaning(), false).await.unwrap();
    let without_key = Meaning::of(&world.settings, |_| None).unwrap();
    let before = world.service.asked().len();
    let (texts, notes) = world.ask(Some(&without_key), "bill").await;
    assert_eq!(texts, [THREE[1]]);
    assert_eq!(
        notes,
        [
            "searched by words only: the variable SERVICE_KEY, which `memory.embeddings_key` names, \
          is not set"
        ]
    );
    assert!(matches!(
        world.embed(&without_key, false).await,
        Err(Why::NoKey { .. })
    ));
    assert_eq!(world.service.asked().len(), before);
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    world.settings.embeddings_url = Some(format!("http://{address}/v1"));
    let (texts, notes) = world.ask(Some(&world.meaning()), "bill").await;
    assert_eq!(texts, [THREE[1]]);
    assert!(notes[0].contains("cannot be reached"), "{notes:?}");
}

#[tokio::test]
async fn another_model_means_anew_and_the_old_vectors_are_not_mixed_in() {
    let mut world = World::new().await;
    world.keep(&THREE).await;
    world.embed(&world.meaning(), false).await.unwrap();
    world.settings.embeddings_model = Some("large".to_owned());
    let meaning = world.meaning();
    let before = world.service.asked().len();
    let (texts, notes) = world.ask(Some(&meaning), "release").await;
    assert_eq!(texts, [""; 0]);
    assert_eq!(
        notes,
        ["meanings: 0 of 3 memories compared, the others by words only"]
    );
    assert_eq!(world.service.asked().len(), before);
    let heard = std::sync::Mutex::new(Vec::new());
    let stop = CancellationToken::new();
    let done = world
        .memories(Some(&meaning))
        .embed_all(false, &stop, &|progress| {
            heard.lock().unwrap().push(progress.compared);
        })
        .await
        .unwrap();
    assert_eq!((done.sent, done.model.as_str()), (3, "large"));
    assert_eq!(*heard.lock().unwrap(), [0, 3]);
    assert_eq!(world.ask(Some(&meaning), "release").await.0, [THREE[0]]);
    assert_eq!(world.vectors().await, 6);
    // Back again, and nothing is sent twice.
    world.settings.embeddings_model = Some("small".to_owned());
    let done = world.embed(&world.meaning(), false).await.unwrap();
    assert_eq!((done.sent, done.progress.compared), (0, 3));
}

#[tokio::test]
async fn a_model_that_changes_its_vectors_is_told_and_compared_anew_on_demand() {
    let world = World::new().await;
    world.keep(&THREE).await;
    world.embed(&world.meaning(), false).await.unwrap();
    world.service.becomes(Mood::Longer(20));
    world.keep(&["Deploys need a second pair of eyes"]).await;
    let told = world.embed(&world.meaning(), false).await.unwrap_err();
    assert!(told.to_string().contains("--anew"), "{told}");
    let meaning = world.meaning();
    let done = world.embed(&meaning, true).await.unwrap();
    assert_eq!((done.sent, done.progress.compared), (4, 4));
    assert_eq!(world.ask(Some(&meaning), "release").await.0, [THREE[0]]);
}

#[tokio::test]
async fn a_server_that_goes_on_follows_a_model_that_was_compared_anew() {
    let world = World::new().await;
    world.keep(&THREE).await;
    let server = world.meaning();
    world.embed(&server, false).await.unwrap();
    assert_eq!(world.ask(Some(&server), "release").await.0, [THREE[0]]);
    // Another process does it; the numbers of what it writes are those of another model.
    world.service.becomes(Mood::Longer(20));
    world.embed(&world.meaning(), true).await.unwrap();
    let (texts, notes) = world.ask(Some(&server), "release").await;
    assert_eq!((texts, notes), (vec![THREE[0].to_owned()], vec![]));
}

#[tokio::test]
async fn a_question_with_a_secret_in_it_is_sent_to_no_service() {
    let world = World::new().await;
    world.keep(&THREE).await;
    let meaning = world.meaning();
    world.embed(&meaning, false).await.unwrap();
    let before = world.service.asked().len();
    let question = "which bill has ghp_16C7e42F292c6912E7710c838347Ae178B4a on it";
    let (texts, notes) = world.ask(Some(&meaning), question).await;
    assert_eq!(texts, [THREE[1]]);
    assert_eq!(
        notes,
        ["searched by words only: the question holds a GitHub token, which no service is sent"]
    );
    assert_eq!(world.service.asked().len(), before);
}

#[tokio::test]
async fn what_an_import_forgets_has_no_meaning_any_more() {
    let (here, there) = (World::new().await, World::new().await);
    let ids = here.keep(&THREE).await;
    here.embed(&here.meaning(), false).await.unwrap();
    there.import(&here.export().await).await;
    there.memories(None).forget(&ids[0], "wrong").await.unwrap();
    assert_eq!(here.vectors().await, 3);
    here.import(&there.export().await).await;
    assert_eq!(here.vectors().await, 2);
    assert_eq!(here.ask(Some(&here.meaning()), "release").await.0, [""; 0]);
}

#[tokio::test]
async fn what_is_superseded_or_forgotten_has_no_meaning_any_more() {
    let world = World::new().await;
    let meaning = world.meaning();
    let ids = world.keep(&THREE).await;
    world.embed(&meaning, false).await.unwrap();
    assert_eq!(world.ask(Some(&meaning), "release").await.0, [THREE[0]]);
    let memories = world.memories(Some(&meaning));
    memories.forget(&ids[0], "wrong").await.unwrap();
    assert_eq!(world.vectors().await, 2);
    assert_eq!(world.ask(Some(&meaning), "release").await.0, [""; 0]);
    let newer = NewMemory {
        supersedes: vec![ids[1].clone()],
        ..saying("Each payment is in dollars")
    };
    memories.remember(&[newer]).await.unwrap();
    let (texts, notes) = world.ask(Some(&meaning), "invoice").await;
    assert_eq!(texts, [""; 0]);
    assert_eq!(
        notes,
        ["meanings: 1 of 2 memories compared, the others by words only"]
    );
    world.embed(&meaning, false).await.unwrap();
    let (texts, notes) = world.ask(Some(&meaning), "invoice").await;
    assert_eq!(texts, ["Each payment is in dollars"]);
    assert_eq!(notes, [""; 0]);
}

#[tokio::test]
async fn two_at_once_send_no_memory_twice_and_new_ones_follow() {
    let world = World::new().await;
    let texts: Vec<String> = (0..100).map(|n| format!("Rule {n} of the house")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    world.keep(&texts).await;
    // Another process has a store of its own.
    let other = Store::open(world.home.path()).await.unwrap();
    let (one, two) = (world.meaning(), world.meaning());
    let of_one = world.memories(Some(&one));
    let of_two = Memories::new(
        &other,
        &SystemClock,
        &RandomIds,
        &world.project,
        Author::Person,
        &world.settings,
    )
    .comparing_meanings(Some(&two));
    let closing = CancellationToken::new();
    let test = async {
        until("all are compared", || world.service.texts().len() >= 100).await;
        world.keep(&["We ship on Tuesdays only"]).await;
        until("the new one follows", || world.service.texts().len() >= 101).await;
        let everything = async {
            while world.vectors().await < 101 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        everything.await;
        closing.cancel();
    };
    tokio::join!(
        of_one.keep_embedded(&closing),
        of_two.keep_embedded(&closing),
        test
    );
    let mut sent = world.service.texts();
    assert_eq!(sent.len(), 101);
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 101);
    // The newest of what was there came first.
    assert_eq!(world.service.texts()[0], "Rule 99 of the house");
}

#[tokio::test]
async fn one_text_that_the_service_refuses_holds_up_no_other() {
    let world = World::new().await;
    let texts: Vec<String> = (0..40).map(|n| format!("Rule {n} of the house")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    world.keep(&texts).await;
    world.service.becomes(Mood::Without("Rule 17 "));
    let done = world.embed(&world.meaning(), false).await.unwrap();
    assert_eq!((done.sent, done.refused), (39, 1));
    assert_eq!(
        done.progress,
        Progress {
            compared: 39,
            of: 40
        }
    );
    // Where all are refused it is not about the texts.
    world.keep(&THREE).await;
    let refusal = r#"{"error":"no such model"}"#.to_owned();
    world.service.becomes(Mood::Saying(400, refusal));
    let told = world.embed(&world.meaning(), false).await.unwrap_err();
    assert!(told.to_string().contains("400: no such model"), "{told}");
}

#[tokio::test]
async fn the_key_is_in_the_header_and_nowhere_else() {
    let world = World::new().await;
    let meaning = world.meaning();
    world.keep(&THREE).await;
    world.embed(&meaning, false).await.unwrap();
    world.ask(Some(&meaning), "release").await;
    let asked = world.service.asked();
    assert_eq!(asked.len(), 2);
    for asked in asked {
        assert!(asked.head.starts_with("POST /v1/embeddings HTTP/1.1\r\n"));
        let header = format!("authorization: Bearer {KEY}\r\n");
        assert!(asked.head.contains(&header), "{}", asked.head);
        assert!(!asked.body.to_string().contains(KEY));
    }
    world.store.close().await;
    for file in std::fs::read_dir(world.home.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}
