//! What an answer says of its hits, and what it says where a question asks for something special: a
//! time, an id, a kind.

use super::*;
use crate::memory::{Import, Input};

async fn whys(memories: &Memories<'_>, text: &str) -> Vec<String> {
    let recalled = memories.recall(&asking(text)).await.unwrap();
    recalled.hits.into_iter().map(|hit| hit.why).collect()
}

/// Keeps a statement about a time so many days ago.
async fn then(memories: &Memories<'_>, text: &str, days: i64) {
    let new = NewMemory {
        at_ms: Some(NOW_MS - days * DAY_MS),
        ..saying(text)
    };
    keep(memories, new).await;
}

#[tokio::test]
async fn a_memory_is_said_to_say_only_what_it_says() {
    let world = World::new().await;
    let memories = person(&world);
    let tagged = NewMemory {
        tags: vec!["billing".to_owned()],
        ..saying("We migrated all tables to Postgres")
    };
    keep(&memories, tagged).await;
    for (question, expected) in [
        ("migrated tables", "says migrated, tables"),
        ("migrations", "migrated is like migrations"),
        ("billing", "tagged billing"),
        ("bills postgres", "says postgres; billing is like bills"),
        ("postgers", "postgres is like postgers"),
    ] {
        assert_eq!(whys(&memories, question).await, [expected], "{question}");
    }
}

#[tokio::test]
async fn what_is_near_a_time_is_said_only_where_nothing_is_of_it() {
    let world = World::new().await;
    let memories = person(&world);
    // Now is Wednesday the 20th of May; the week before ends on the 17th.
    then(&memories, "The importer was rewritten", 2).await;
    let near = "says importer; near that time";
    assert_eq!(whys(&memories, "importer last week").await, [near]);
    assert_eq!(whys(&memories, "last week").await, ["near that time"]);
    then(&memories, "The importer was moved to its own crate", 6).await;
    assert_eq!(
        whys(&memories, "importer last week").await,
        ["says importer; of that time", "says importer"]
    );
    assert_eq!(whys(&memories, "last week").await, ["of that time"]);
}

#[tokio::test]
async fn a_date_in_digits_finds_its_day() {
    let world = World::new().await;
    let memories = person(&world);
    then(&memories, "The importer was rewritten", 17).await;
    then(&memories, "The logo is green", 3).await;
    then(&memories, "Ports begin at 2026", 100).await;
    for (question, expected) in [
        ("2026-05-03", "The importer was rewritten"),
        ("since 2026-05-10", "The logo is green"),
        ("before 2026-03-01", "Ports begin at 2026"),
        ("May 3rd", "The importer was rewritten"),
    ] {
        assert_eq!(found(&memories, question).await, [expected], "{question}");
    }
    // What is to come is known by what was said of it.
    keep(&memories, saying("The freeze begins next Friday")).await;
    assert_eq!(
        found(&memories, "next friday").await,
        ["The freeze begins next Friday"]
    );
}

#[tokio::test]
async fn ids_bring_what_they_stand_for_first() {
    let world = World::new().await;
    let memories = person(&world);
    let cache = keep(&memories, saying("The cache is warm")).await;
    let logo = keep(&memories, saying("The logo is green")).await;
    let ids = async |text: &str| -> Vec<String> {
        let recalled = memories.recall(&asking(text)).await.unwrap();
        let ids = recalled.hits.iter().map(|hit| hit.memory.id.to_string());
        ids.collect()
    };
    assert_eq!(ids(logo.as_str()).await, [logo.as_str()]);
    let both = format!("{logo}, {cache}");
    assert_eq!(ids(&both).await, [logo.as_str(), cache.as_str()]);
    let with_words = format!("is {logo} about the cache?");
    assert_eq!(ids(&with_words).await, [logo.as_str(), cache.as_str()]);
    let recalled = memories.recall(&asking(logo.as_str())).await.unwrap();
    let hit = &recalled.hits[0];
    assert_eq!(
        (hit.why.as_str(), hit.band),
        ("asked for by its id", Band::Strong)
    );
    // What is out of every search stays out, and says so.
    memories.forget(logo.as_str(), "").await.unwrap();
    let recalled = memories.recall(&asking(logo.as_str())).await.unwrap();
    assert!(recalled.hits.is_empty());
    assert_eq!(recalled.notes[0], format!("{logo} was forgotten"));
    let recalled = memories.recall(&asking("m-zzzzzz")).await.unwrap();
    assert_eq!(recalled.notes[0], "no memory here has the id m-zzzzzz");
}

#[tokio::test]
async fn an_id_shows_an_agent_nothing_of_another_definition() {
    let world = World::new().await;
    let hidden = NewMemory {
        scope: Some(Scope::Agent("planner".to_owned())),
        ..saying("Plans fit on a page")
    };
    let id = keep(&world.session(), hidden).await;
    let recalled = world.agent().recall(&asking(id.as_str())).await.unwrap();
    assert!(recalled.hits.is_empty());
    assert!(!recalled.notes.join(" ").contains("Plans"), "{recalled:?}");
    let recalled = world.session().recall(&asking(id.as_str())).await.unwrap();
    assert_eq!(recalled.hits.len(), 1);
}

#[tokio::test]
async fn a_question_without_a_telling_word_is_told_so() {
    let world = World::new().await;
    let memories = person(&world);
    keep(
        &memories,
        saying("Themes are dark, whatever the system says"),
    )
    .await;
    for (question, word) in [("the", "the"), ("what is it?", "what")] {
        let recalled = memories.recall(&asking(question)).await.unwrap();
        assert!(recalled.hits.is_empty(), "{question}: {recalled:?}");
        let told = format!("the question has only words like `{word}`");
        assert!(recalled.notes[0].starts_with(&told), "{recalled:?}");
    }
    let recalled = memories.recall(&asking("what about themes")).await.unwrap();
    assert_eq!((recalled.hits.len(), recalled.notes.len()), (1, 0));
}

#[tokio::test]
async fn a_kind_is_chosen_by_or_preferred_where_a_question_names_it() {
    let world = World::new().await;
    let memories = person(&world);
    let of = |kind, text: &str| NewMemory {
        kind: Some(kind),
        ..saying(text)
    };
    for new in [
        of(Kind::Mistake, "The tests were run against production"),
        of(Kind::Convention, "Tests live beside the code"),
        of(Kind::Fact, "Tests take four minutes"),
        of(Kind::Fact, "Conventions are written down in English"),
    ] {
        keep(&memories, new).await;
    }
    let chosen = async |kinds: &[Kind], text: &str| -> Vec<String> {
        let kinds = kinds.to_vec();
        let recalled = memories
            .recall(&Query {
                kinds,
                ..asking(text)
            })
            .await
            .unwrap();
        recalled
            .hits
            .into_iter()
            .map(|hit| hit.memory.text)
            .collect()
    };
    let mistake = "The tests were run against production";
    assert_eq!(chosen(&[Kind::Mistake], "tests").await, [mistake]);
    assert_eq!(chosen(&[Kind::Mistake], "").await, [mistake]);
    assert_eq!(chosen(&[Kind::Mistake, Kind::Fact], "tests").await.len(), 2);
    let none = memories
        .recall(&Query {
            kinds: vec![Kind::Decision],
            ..asking("tests")
        })
        .await
        .unwrap();
    assert!(
        none.notes[0].ends_with(", of those of the kind decision"),
        "{none:?}"
    );
    // The others are found as well.
    let all = found(&memories, "our conventions for tests").await;
    assert_eq!(all.len(), 4);
    let at = |text: &str| all.iter().position(|it| it == text);
    assert!(
        at("Tests live beside the code") < at("Tests take four minutes"),
        "{all:?}"
    );
    assert!(at("Tests live beside the code") < at(mistake), "{all:?}");
    assert_eq!(first(&memories, "what mistakes did we make").await, mistake);
    let whys = whys(&memories, "what mistakes did we make").await;
    assert_eq!(whys, ["of the kind mistake"]);
}

#[tokio::test]
async fn a_history_is_in_the_order_of_what_happened() {
    let world = World::new().await;
    let memories = person(&world);
    let mut old = Vec::new();
    // Written down in another order than it happened.
    for (text, days) in [
        ("Port 2 serves it", 20),
        ("Port 1 serves it", 30),
        ("Port 3 serves it", 10),
    ] {
        let at_ms = Some(NOW_MS - days * DAY_MS);
        let new = NewMemory {
            at_ms,
            force: true,
            ..saying(text)
        };
        old.push(keep(&memories, new).await.to_string());
    }
    let new = NewMemory {
        supersedes: old,
        ..saying("The socket serves it")
    };
    keep(&memories, new).await;
    let query = Query {
        include_superseded: true,
        ..asking("socket")
    };
    let mut file = Vec::new();
    memories.export(true, &mut file).await.unwrap();
    let other = World::new().await;
    let import = Import {
        input: Input::File {
            name: "memories.jsonl".to_owned(),
            read: &mut file.as_slice(),
        },
        format: None,
        with_user: false,
        dry_run: false,
        progress: &mut |_, _| {},
    };
    person(&other).import(import).await.unwrap();
    for memories in [memories, person(&other)] {
        let recalled = memories.recall(&query).await.unwrap();
        let history = recalled.hits[0].history.iter();
        let history: Vec<&str> = history.map(|old| old.text.as_str()).collect();
        let expected = ["Port 1 serves it", "Port 2 serves it", "Port 3 serves it"];
        assert_eq!(history, expected);
    }
}

#[tokio::test]
async fn what_is_not_so_now_says_so_beside_what_is() {
    let world = World::new().await;
    let memories = person(&world);
    let old = keep(&memories, saying("The API listens on port 8080")).await;
    let new = NewMemory {
        supersedes: vec![old.to_string()],
        ..saying("The API listens on port 9090")
    };
    let new = keep(&memories, new).await;
    let expired = NewMemory {
        valid_to_ms: NOW_MS + 1000,
        ..saying("The freeze ends soon")
    };
    let expired = keep(&memories, expired).await;
    world.clock.advance(1000);
    let told = async |query: Query| -> Vec<(String, Band, String)> {
        let hits = memories.recall(&query).await.unwrap().hits.into_iter();
        hits.map(|hit| (hit.memory.id.to_string(), hit.band, hit.why))
            .collect()
    };
    let superseded = format!("asked for by its id; superseded by {new}");
    let instead = "has taken the place of what was asked for".to_owned();
    assert_eq!(
        told(asking(old.as_str())).await,
        [
            (old.to_string(), Band::Weak, superseded),
            (new.to_string(), Band::Strong, instead)
        ]
    );
    let why = "asked for by its id; no longer so since 2026-05-20".to_owned();
    assert_eq!(
        told(asking(expired.as_str())).await,
        [(expired.to_string(), Band::Weak, why)]
    );
    // A prompt that mentions it does not ask for it.
    let prompt = format!("Write a changelog entry about note {old}");
    let query = Query {
        quiet: true,
        ..asking(&prompt)
    };
    assert!(told(query).await.is_empty());
}

#[tokio::test]
async fn an_id_is_held_to_what_is_asked_for() {
    let world = World::new().await;
    let memories = person(&world);
    let id = keep(&memories, saying("The cache is warm")).await;
    let chosen = async |query: Query| memories.recall(&query).await.unwrap();
    for query in [
        Query {
            kinds: vec![Kind::Decision],
            ..asking(id.as_str())
        },
        Query {
            tags: vec!["zz".to_owned()],
            ..asking(id.as_str())
        },
    ] {
        let recalled = chosen(query).await;
        assert!(recalled.hits.is_empty());
        let note = format!("{id} is not of what was asked for");
        assert_eq!(recalled.notes[0], note);
    }
    let recalled = chosen(asking("delete the m-branch of the cache")).await;
    assert_eq!((recalled.hits.len(), recalled.notes.len()), (1, 0));
}

#[tokio::test]
async fn a_time_answers_for_words_that_nothing_has_only_where_somebody_asks() {
    let world = World::new().await;
    let memories = person(&world);
    then(&memories, "The importer was rewritten", 1).await;
    let asked = "what did we decide about kubernetes yesterday";
    let recalled = memories.recall(&asking(asked)).await.unwrap();
    let [hit] = recalled.hits.as_slice() else {
        panic!("{recalled:?}")
    };
    assert_eq!((hit.why.as_str(), hit.band), ("of that time", Band::Weak));
    assert_eq!(recalled.notes, [told::NO_WORD_OF_THAT_TIME]);
    for query in [
        Query {
            quiet: true,
            ..asking(asked)
        },
        // Nothing is near a time that it is not of, if words are asked for, or if it was left out.
        asking("kubernetes last week"),
        asking("before 2026-05-19"),
    ] {
        let recalled = memories.recall(&query).await.unwrap();
        assert!(recalled.hits.is_empty(), "{}: {recalled:?}", query.text);
    }
}

#[tokio::test]
async fn a_time_in_words_finds_what_is_of_it() {
    let world = World::new().await;
    let memories = person(&world);
    then(&memories, "The importer was rewritten", 10).await;
    then(&memories, "Node 2026 is the build host", 300).await;
    then(&memories, "Retries stop after 10 attempts", 400).await;
    for question in [
        "what changed on 10 May 2026",
        "what happened on May 10th",
        "what changed in May 2026",
        "what is new in 2026",
    ] {
        assert_eq!(
            found(&memories, question).await,
            ["The importer was rewritten"],
            "{question}"
        );
    }
    let recalled = memories.recall(&asking("importer 10 May 2026")).await;
    let hit = recalled.unwrap().hits.remove(0);
    assert_eq!(hit.band, Band::Strong);
}

#[tokio::test]
async fn a_kind_alone_makes_no_memory_fit_what_else_is_asked() {
    let world = World::new().await;
    let memories = person(&world);
    let decision = NewMemory {
        kind: Some(Kind::Decision),
        ..saying("Orders are kept in PostgreSQL")
    };
    keep(&memories, decision).await;
    keep(&memories, saying("Kubernetes restarts the worker")).await;
    let bands = async |query: Query| -> Vec<(String, Band)> {
        let hits = memories.recall(&query).await.unwrap().hits.into_iter();
        hits.map(|hit| (hit.memory.text, hit.band)).collect()
    };
    let orders = |band| ("Orders are kept in PostgreSQL".to_owned(), band);
    let about = bands(asking("decisions about kubernetes")).await;
    assert!(about.contains(&orders(Band::Weak)), "{about:?}");
    let all = bands(asking("what are our decisions")).await;
    assert_ne!(all[0], orders(Band::Weak));
    let prompt = Query {
        quiet: true,
        ..asking("Decide on a name")
    };
    assert!(bands(prompt).await.is_empty());
}
