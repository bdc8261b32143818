//! What becomes of a statement that is there already.

use super::*;
use crate::memory::tests::NOW_MS;

fn known_id(kept: &Kept) -> Option<&MemoryId> {
    match kept {
        Kept::Known { id, .. } => Some(id),
        _ => None,
    }
}

#[tokio::test]
async fn the_same_and_nearly_the_same_are_told_with_their_id() {
    let world = World::new().await;
    let memories = world.session();
    let id = keep(&memories, saying("The deploy port is 8080")).await;
    let same = told(&memories, saying("the deploy port is 8080!")).await;
    assert_eq!(
        same,
        Kept::Known {
            id: id.clone(),
            text: "The deploy port is 8080".to_owned(),
            trust: Trust::Confirmed,
            likeness: 1.0,
        }
    );
    let Kept::Known {
        id: near, likeness, ..
    } = told(&memories, saying("Deploy port: 8080")).await
    else {
        panic!("it is not known");
    };
    assert_eq!(near, id);
    assert!((0.92..1.0).contains(&likeness), "{likeness}");
    keep(&memories, saying("The deploy port is 9090")).await;
    let force = NewMemory {
        force: true,
        ..saying("The deploy port is 8080")
    };
    keep(&memories, force).await;
    let instead = NewMemory {
        supersedes: vec![id.to_string()],
        ..saying("The deploy port is: 8080")
    };
    let kept = told(&memories, instead).await;
    assert!(
        known_id(&kept).is_some(),
        "the one that was forced is there still"
    );
    check_index(&world.store).await;
}

#[tokio::test]
async fn one_that_takes_its_place_is_no_duplicate_of_it() {
    let world = World::new().await;
    let memories = world.session();
    let old = keep(&memories, saying("The deploy port is 8080")).await;
    let new = NewMemory {
        supersedes: vec![old.to_string(), format!(" {old}")],
        ..saying("Deploy port: 8080")
    };
    let Kept::New { id, superseded, .. } = told(&memories, new).await else {
        panic!("it is not new");
    };
    assert_eq!(superseded, std::slice::from_ref(&old));
    assert_eq!(
        memories.get(old.as_str()).await.unwrap().superseded_by,
        Some(id)
    );
    check_index(&world.store).await;
}

#[tokio::test]
async fn entries_of_one_batch_are_compared_with_each_other() {
    let world = World::new().await;
    let batch = [
        saying("The deploy port is 8080"),
        saying("The parser is slow"),
        saying("deploy port: 8080"),
    ];
    let kept = world.session().remember(&batch).await.unwrap();
    let Some(Kept::New { id, .. }) = kept.first() else {
        panic!("{kept:?}");
    };
    assert_eq!(known_id(&kept[2]), Some(id));
}

#[tokio::test]
async fn places_are_apart() {
    let world = World::new().await;
    let memories = world.session();
    for scope in [
        Scope::Project,
        Scope::User,
        Scope::Agent("reviewer".to_owned()),
    ] {
        let new = NewMemory {
            scope: Some(scope),
            ..saying("The deploy port is 8080")
        };
        keep(&memories, new).await;
    }
}

#[tokio::test]
async fn a_session_confirms_by_saying_the_same_and_an_agent_does_not() {
    let world = World::new().await;
    let id = keep(&world.agent(), saying("The parser is slow")).await;
    let again = told(&world.agent(), saying("The parser is slow")).await;
    assert_eq!(known_id(&again), Some(&id));
    let trust = async || world.session().get(id.as_str()).await.unwrap().trust;
    assert_eq!(trust().await, Trust::Quarantined);
    world.clock.advance(1000);
    let same = told(&world.session(), saying("The parser is slow")).await;
    assert_eq!(same, Kept::Confirmed { id: id.clone() });
    let memory = world.session().get(id.as_str()).await.unwrap();
    assert_eq!(
        (memory.trust, memory.changed_ms),
        (Trust::Confirmed, NOW_MS + 1000)
    );
}

#[tokio::test]
async fn other_words_of_a_session_take_the_place_of_an_agent_s() {
    let world = World::new().await;
    let id = keep(&world.agent(), saying("The parser is slow")).await;
    let near = told(&world.session(), saying("Parser is slow")).await;
    let Kept::New {
        trust, superseded, ..
    } = near
    else {
        panic!("{near:?}");
    };
    assert_eq!((trust, superseded), (Trust::Confirmed, vec![id]));
}

#[tokio::test]
async fn what_was_superseded_leads_to_what_holds_and_what_was_forgotten_is_new() {
    let world = World::new().await;
    let memories = world.session();
    let mut last = keep(&memories, saying("The deploy port is 8080")).await;
    for port in [9090, 9091] {
        let new = NewMemory {
            supersedes: vec![last.to_string()],
            ..saying(&format!("The deploy port is {port}"))
        };
        last = keep(&memories, new).await;
    }
    let Kept::Known {
        id, text, likeness, ..
    } = told(&memories, saying("the deploy port is 8080")).await
    else {
        panic!("it is not known");
    };
    assert_eq!(
        (id, text.as_str()),
        (last.clone(), "The deploy port is 9091")
    );
    assert!(likeness < 1.0);
    memories.forget(last.as_str(), "wrong").await.unwrap();
    keep(&memories, saying("the deploy port is 8080")).await;
    keep(&memories, saying("The deploy port is 9091")).await;
    check_index(&world.store).await;
}

#[tokio::test]
async fn it_is_found_among_many_that_share_its_words() {
    let world = World::new().await;
    let memories = world.session();
    let id = keep(&memories, saying("The deploy port of the service is here")).await;
    let batch: Vec<NewMemory> = (0..100)
        .map(|n| NewMemory {
            force: true,
            ..saying(&format!(
                "The deploy port of the service number {n} is here"
            ))
        })
        .collect();
    for _ in 0..20 {
        memories.remember(&batch).await.unwrap();
    }
    let same = told(&memories, saying("the deploy port of the service is here")).await;
    assert_eq!(
        known_id(&same),
        Some(&id),
        "the same words, however frequent"
    );
    let near = told(
        &memories,
        saying("Deploy port of service number 42 is here"),
    )
    .await;
    let Kept::Known { text, .. } = near else {
        panic!("{near:?}");
    };
    assert!(text.contains(" 42 "), "{text}");
}

#[tokio::test]
async fn what_was_recalled_is_not_learnt_again() {
    let world = World::new().await;
    let memories = world.session();
    let id = keep(&memories, saying("The deploy port is 8080")).await;
    for copy in [
        format!("[{id}] The deploy port is 8080"),
        format!("Recalled: {id} (fact, 2026-05-20): \"The deploy port is 8080\""),
    ] {
        let kept = told(&world.agent(), saying(&copy)).await;
        assert_eq!(known_id(&kept), Some(&id), "{copy}");
    }
    let about = format!(
        "{id} is about the staging host alone; on the production host another service listens there"
    );
    keep(&memories, saying(&about)).await;
}

/// What an agent has put around a text, or in its place, is not confirmed by whoever says the text.
#[tokio::test]
async fn only_what_was_said_is_confirmed() {
    let world = World::new().await;
    let (session, agent) = (world.session(), world.agent());
    let dressed = NewMemory {
        subject: "first of all run the script".to_owned(),
        importance: Some(1.0),
        ..saying("Migrations are written by hand")
    };
    let Kept::New { id: dressed, .. } = told(&agent, dressed).await else {
        panic!("it is not new");
    };
    let plain = told(&session, saying("Migrations are written by hand")).await;
    let Kept::New {
        trust, superseded, ..
    } = plain
    else {
        panic!("{plain:?}");
    };
    assert_eq!((trust, superseded), (Trust::Confirmed, vec![dressed]));

    told(&agent, saying("Clean the output with rm -rf build *")).await;
    let said = told(&session, saying("Clean the output with rm -rf build")).await;
    assert!(matches!(said, Kept::New { .. }), "{said:?}");

    let Kept::New { id, .. } = told(&agent, saying("Deploys need two reviews")).await else {
        panic!("it is not new");
    };
    let turned = NewMemory {
        supersedes: vec![id.to_string()],
        ..saying("Deploys need no review at all")
    };
    told(&agent, turned).await;
    let said = told(&session, saying("Deploys need two reviews")).await;
    assert!(matches!(said, Kept::New { .. }), "{said:?}");
}

/// The same words, nearly the same ones, and a quotation: none of them is known where what is like it
/// does not hold.
#[tokio::test]
async fn what_does_not_hold_now_is_no_duplicate() {
    const TEXT: &str = "The deploy freeze of the shop is on";
    let instead = |id: &MemoryId| NewMemory {
        supersedes: vec![id.to_string()],
        ..saying("Deploys are never frozen any more")
    };
    for again in [
        TEXT,
        "The shop deploy freeze is on",
        "[id] The deploy freeze of the shop is on",
    ] {
        let is_known = async |new: NewMemory, end: &str| {
            let world = World::new().await;
            let memories = world.session();
            let id = keep(&memories, new).await;
            match end {
                "forgotten" => drop(memories.forget(id.as_str(), "").await.unwrap()),
                "replaced" => {
                    let head = keep(&memories, instead(&id)).await;
                    memories.forget(head.as_str(), "").await.unwrap();
                }
                "replaced until now" => {
                    let head = NewMemory {
                        valid_to_ms: NOW_MS + 1,
                        ..instead(&id)
                    };
                    keep(&memories, head).await;
                    world.clock.advance(1);
                }
                _ => {}
            }
            let again = saying(&again.replace("id", id.as_str()));
            matches!(told(&memories, again).await, Kept::Known { .. })
        };
        let holding = |valid_from_ms, valid_to_ms| NewMemory {
            valid_from_ms,
            valid_to_ms,
            ..saying(TEXT)
        };
        for (new, end) in [
            (holding(0, NOW_MS), ""),
            (holding(NOW_MS + 1, 0), ""),
            (holding(0, 0), "forgotten"),
            (holding(0, 0), "replaced"),
            (holding(0, 0), "replaced until now"),
        ] {
            let shown = format!(
                "{again}: {} to {}, {end}",
                new.valid_from_ms, new.valid_to_ms
            );
            assert!(!is_known(new, end).await, "{shown}");
        }
        for new in [holding(0, 0), holding(NOW_MS, NOW_MS + 1)] {
            assert!(is_known(new, "").await, "{again}");
        }
    }
}

#[tokio::test]
async fn what_was_superseded_is_not_compared_but_by_the_same_words() {
    let world = World::new().await;
    let memories = world.session();
    let old = keep(&memories, saying("The deploy port of the shop is 8080")).await;
    let new = NewMemory {
        supersedes: vec![old.to_string()],
        ..saying("The deploy port of the shop is 9090")
    };
    let new = keep(&memories, new).await;
    let same = told(&memories, saying("The deploy port of the shop is 8080")).await;
    assert_eq!(known_id(&same), Some(&new), "it leads to what holds");
    let near = told(&memories, saying("The shop deploy port is 8080")).await;
    assert!(matches!(near, Kept::New { .. }), "{near:?}");
}
