//! Nobody finds what is kept for others, and what a place holds is counted right.

use super::super::super::lexicon;
use super::*;
use crate::ids::AgentId;

fn agent<'a>(world: &'a World, definition: &str) -> Memories<'a> {
    world.of(Author::Agent {
        id: AgentId::parse("a-00000b").unwrap(),
        definition: Some(definition.to_owned()),
    })
}

fn in_scope(scope: Scope, text: &str) -> NewMemory {
    NewMemory {
        scope: Some(scope),
        ..saying(text)
    }
}

#[tokio::test]
async fn a_definition_s_memories_are_its_own() {
    let world = World::new().await;
    let reviewer = Scope::Agent("reviewer".to_owned());
    keep(
        &agent(&world, "reviewer"),
        in_scope(reviewer.clone(), "Reviews begin with the tests"),
    )
    .await;
    assert_eq!(found(&agent(&world, "reviewer"), "reviews").await.len(), 1);
    assert!(found(&agent(&world, "tester"), "reviews").await.is_empty());
    assert!(found(&world.session(), "reviews").await.is_empty());
    let named = Query {
        scope: Some(reviewer),
        ..asking("reviews")
    };
    assert_eq!(world.session().recall(&named).await.unwrap().hits.len(), 1);
    assert_eq!(person(&world).recall(&named).await.unwrap().hits.len(), 1);
    let refused = agent(&world, "tester").recall(&named).await;
    assert!(
        matches!(refused, Err(MemoryError::NotAllowed { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn another_project_s_memories_are_not_here_and_the_user_s_are_everywhere() {
    let world = World::new().await;
    keep(&world.session(), saying("Lint with clippy")).await;
    keep(
        &person(&world),
        in_scope(Scope::User, "Prefers small commits"),
    )
    .await;
    let project = world
        .store
        .project(&world.ids, "/other", NOW_MS)
        .await
        .unwrap();
    let author = Author::Person;
    let settings = &world.settings;
    let other = Memories::new(
        &world.store,
        &world.clock,
        &world.ids,
        &project,
        author,
        settings,
    );
    assert!(found(&other, "lint clippy").await.is_empty());
    assert_eq!(found(&other, "small commits").await.len(), 1);
    // Nor does what is kept elsewhere stand in for what is unknown here.
    assert!(found(&other, "clipy").await.is_empty());
    let recalled = other.recall(&asking("lint")).await.unwrap();
    assert_eq!(
        recalled.notes[0],
        "nothing found among 1 memory in project, user"
    );
}

#[tokio::test]
async fn the_statistics_of_a_place_are_those_of_what_is_found_there() {
    let world = World::new().await;
    let memories = person(&world);
    let mut ids = Vec::new();
    let texts = [
        "The cache is warm",
        "The cache is cold",
        "readTimeout is long",
        "缓存很热",
        "No cache at all",
    ];
    for text in texts {
        ids.push(
            keep(
                &memories,
                NewMemory {
                    force: true,
                    ..saying(text)
                },
            )
            .await,
        );
    }
    memories.forget(ids[1].as_str(), "").await.unwrap();
    let supersedes = vec![ids[0].to_string()];
    keep(
        &memories,
        NewMemory {
            supersedes,
            ..saying("The cache is gone")
        },
    )
    .await;
    memories.forget(ids[0].as_str(), "").await.unwrap();
    let kept = [texts[2], texts[3], texts[4], "The cache is gone"];
    let mut connection = world.store.read().acquire().await.unwrap();
    let place = place_of(&world, &mut connection).await;
    let statistics = index::statistics(&mut connection, &[place]).await.unwrap();
    let words: usize = kept.iter().map(|text| lexicon::words(text).len()).sum();
    assert_eq!(statistics.memories, 4);
    assert_eq!(statistics.words, i64::try_from(words).unwrap());
    for word in texts
        .iter()
        .chain(&kept)
        .flat_map(|text| lexicon::words(text))
    {
        let holds = |text: &&&str| lexicon::words(text).contains(&word);
        let expected = kept.iter().filter(holds).count();
        let placed = candidates::placed(&mut connection, &[place], &[word.as_str()])
            .await
            .unwrap();
        assert_eq!(
            placed[0].memories(),
            i64::try_from(expected).unwrap(),
            "{word}"
        );
    }
}
