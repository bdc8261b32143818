//! The same through the program: its command, its server, and its death in the middle.

use ostler::clock::SystemClock;
use ostler::config;
use ostler::ids::{ProjectId, RandomIds};
use ostler::memory::{Author, Memories};
use ostler::store::Store;
use serde_json::Value;

use super::{KEY, saying};
use crate::support::embeddings::{Asked, Embeddings, Mood};
use crate::support::{Home, until};

/// A world whose user has configured `service`.
fn home(service: &Embeddings) -> Home {
    Home::new()
        .config(&format!(
            "[memory]\nembeddings_url = {:?}\nembeddings_model = 'small'\nembeddings_key = 'SERVICE_KEY'",
            service.url()
        ))
        .env("SERVICE_KEY", KEY)
}

/// Keeps `texts` in the project of `home`, which must be known to its state.
async fn keep(home: &Home, texts: &[String]) {
    let mut file = home.store().await;
    let project: String = sqlx::query_scalar("SELECT id FROM project")
        .fetch_one(&mut file)
        .await
        .unwrap();
    let project = ProjectId::parse(&project).unwrap();
    let store = Store::open(&home.state()).await.unwrap();
    let settings = config::Memory::default();
    let memories = Memories::new(
        &store,
        &SystemClock,
        &RandomIds,
        &project,
        Author::Person,
        &settings,
    );
    for texts in texts.chunks(50) {
        let new: Vec<_> = texts.iter().map(|text| saying(text)).collect();
        memories.remember(&new).await.unwrap();
    }
    store.close().await;
}

fn rules(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| format!("Rule {n} of the house"))
        .collect()
}

async fn embed(home: &Home) -> Value {
    let (code, out, err) = home.run(&["memory", "embed", "--json"]).await;
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_in_the_middle_leaves_the_rest_to_another() {
    let service = Embeddings::start().await;
    let home = home(&service);
    assert_eq!(embed(&home).await["of"], 0);
    keep(&home, &rules(100)).await;
    service.becomes(Mood::HoldingAfter(1));
    let mut killed = home.ostler().args(["memory", "embed"]).spawn().unwrap();
    until("the second batch is on its way", || {
        service.asked().len() >= 2
    })
    .await;
    killed.kill().await.unwrap();
    let known = service.asked()[0].texts();
    service.becomes(Mood::Well);
    let done = embed(&home).await;
    assert_eq!(done["compared"], 100);
    assert_eq!(done["sent"], 100 - known.len());
    let later: Vec<String> = service
        .asked()
        .iter()
        .skip(2)
        .flat_map(Asked::texts)
        .collect();
    assert!(known.iter().all(|text| !later.contains(text)));
    let (code, out, _) = home.run(&["memory", "embed"]).await;
    assert_eq!(
        (code, out.as_str()),
        (0, "100 of 100 memories compared by small, 0 now\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_compares_what_comes_without_being_asked() {
    let service = Embeddings::start().await;
    let home = home(&service);
    embed(&home).await;
    keep(&home, &rules(40)).await;
    let server = home.server().await;
    until("what was there is sent", || service.texts().len() >= 40).await;
    keep(&home, &["We ship on Tuesdays only".to_owned()]).await;
    until("what comes is sent", || service.texts().len() >= 41).await;
    drop(server);
    let done = embed(&home).await;
    assert_eq!(done["compared"], 41, "{done}");
    assert_eq!(
        service.texts().len() as u64,
        41 + done["sent"].as_u64().unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_is_wrong_and_never_the_key() {
    let service = Embeddings::start().await;
    let home = home(&service).env("OSTLER_LOG", "trace");
    embed(&home).await;
    keep(&home, &rules(1)).await;
    let error = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}."}}}}"#);
    service.becomes(Mood::Saying(401, error));
    let (code, out, err) = home.run(&["memory", "embed"]).await;
    assert_eq!((code, out.as_str()), (6, ""));
    assert!(
        err.contains("answers 401: Incorrect API key provided: [key]."),
        "{err}"
    );
    assert!(!err.contains(KEY), "{err}");
    let (code, _, err) = Home::new().run(&["memory", "embed"]).await;
    assert_eq!(code, 2);
    assert_eq!(
        err,
        "ostler: no service for embeddings is configured\n\
         set `memory.embeddings_url` and `memory.embeddings_model` in the configuration\n"
    );
}
