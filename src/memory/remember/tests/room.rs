//! How much an agent may keep, however many servers it writes through.

use super::*;
use crate::ids::AgentId;
use crate::store::Store;

const MOST: u32 = 6;

/// As many statements as there are subjects, all of them different.
fn about(subjects: &[&str]) -> Vec<NewMemory> {
    let slow = |subject: &&str| saying(&format!("The {subject} is slow"));
    subjects.iter().map(slow).collect()
}

#[tokio::test]
async fn an_agent_keeps_so_many_through_all_servers_and_after_a_restart() {
    let mut world = World::new().await;
    world.settings.max_per_agent = MOST;
    let other = Store::open(world.home.path()).await.unwrap();
    let one = world.agent();
    let two = Memories {
        store: &other,
        ..world.agent()
    };
    let first = keep(&one, saying("The parser is slow")).await;
    keep(&two, saying("The lexer is slow")).await;
    one.remember(&about(&["printer", "linker"])).await.unwrap();
    one.forget(first.as_str(), "it is not").await.unwrap();

    // There is room for one of these only, whichever comes first.
    let (batch, others) = (about(&["loader", "linter"]), about(&["checker", "packer"]));
    let both = tokio::join!(one.remember(&batch), two.remember(&others));
    let (kept, refused) = match both {
        (Ok(kept), Err(refused)) | (Err(refused), Ok(kept)) => (kept, refused),
        other => panic!("{other:?}"),
    };
    assert_eq!(kept.len(), 2);
    assert!(
        matches!(refused, MemoryError::TooMany { most: MOST }),
        "{refused}"
    );
    let memories: i64 = {
        let mut connection = world.store.read().acquire().await.unwrap();
        sqlx::query_scalar(MEMORIES)
            .fetch_one(&mut *connection)
            .await
            .unwrap()
    };
    assert_eq!(memories, i64::from(MOST), "a refused list has left nothing");
    drop(two);
    drop(other);

    let again = Store::open(world.home.path()).await.unwrap();
    let restarted = Memories {
        store: &again,
        ..world.agent()
    };
    let refused = refused_of(&restarted, "The tests are slow").await;
    assert!(refused.contains("`memory.max_per_agent`"), "{refused}");
    let known = told(&restarted, saying("The lexer is slow")).await;
    assert!(
        matches!(known, Kept::Known { .. }),
        "what is there takes no room: {known:?}"
    );
    let next = world.of(Author::Agent {
        id: AgentId::parse("a-000002").unwrap(),
        definition: None,
    });
    keep(&next, saying("The tests are slow")).await;
    keep(&world.session(), saying("The docs are long")).await;
}

async fn refused_of(memories: &Memories<'_>, text: &str) -> String {
    refused(memories, saying(text)).await
}
