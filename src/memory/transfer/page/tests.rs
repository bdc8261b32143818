//! Pages, written, edited and applied.

use super::apply::Replaced;
use super::page;
use crate::ids::MemoryId;
use crate::memory::tests::{World, found, keep, saying};
use crate::memory::transfer::TransferError;
use crate::memory::{
    Adjustment, Author, Link, LinkKind, Listing, Memories, Memory, NewMemory, Scope,
};

async fn whole(memories: &Memories<'_>) -> String {
    let listed = memories.list(&Listing::default()).await.unwrap();
    page(&listed.items, memories.now_ms())
}

/// Texts that a page must not change.
const TEXTS: [&str; 4] = [
    "Ports:\n\n  - 8080 for the gateway\n# not a heading\n- not a bullet\n\tand a tab",
    "A comment <!-- m-000000 #x --> in the middle",
    "<!-- at the beginning",
    "Ends with a comment -->",
];

async fn filled(world: &World) -> Vec<MemoryId> {
    let memories = world.session();
    let mut ids = Vec::new();
    for text in TEXTS {
        let new = NewMemory {
            tags: vec!["c++".to_owned(), "a".to_owned()],
            force: true,
            ..saying(text)
        };
        ids.push(keep(&memories, new).await);
    }
    world.clock.advance(1);
    ids
}

#[tokio::test]
async fn a_page_that_nobody_touched_asks_for_nothing() {
    let world = World::new().await;
    filled(&world).await;
    let memories = world.of(Author::Person);
    let text = whole(&memories).await;
    assert!(memories.edit(&text).await.unwrap().is_empty(), "{text}");
    let dos = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert!(memories.edit(&dos).await.unwrap().is_empty());
    // Editors take the spaces at the ends of lines away.
    let trimmed: String = text
        .lines()
        .map(|it| format!("{}\n", it.trim_end()))
        .collect();
    assert!(memories.edit(&trimmed).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_page_is_applied_as_a_whole() {
    let world = World::new().await;
    let ids = filled(&world).await;
    let memories = world.of(Author::Person);
    let text = whole(&memories).await;
    let cut: Vec<&str> = text
        .lines()
        .filter(|it| !it.starts_with("- <!-- at"))
        .collect();
    let edited = cut
        .join("\n")
        .replace("8080 for the gateway", "9090 for the gateway")
        .replace(
            &format!("<!-- {} #a #c++ !0.5", ids[1]),
            &format!("<!-- {} #b !0.75", ids[1]),
        )
        .replace(
            "## fact\n",
            "## decision\n\n- Rust it is <!-- #lang -->\n\n## fact\n",
        );
    let edit = memories.edit(&edited).await.unwrap();
    assert!(!edit.forgets_most());
    let applied = memories.apply(&edit).await.unwrap();
    let counts = [
        applied.superseded,
        applied.adjusted,
        applied.forgotten,
        applied.remembered,
    ];
    assert_eq!(counts, [1, 1, 1, 1], "{edit:#?}");
    let old = memories.get(ids[0].as_str()).await.unwrap();
    let new = memories
        .get(old.superseded_by.unwrap().as_str())
        .await
        .unwrap();
    assert_eq!(new.text, TEXTS[0].replace("8080", "9090"));
    assert_eq!(new.tags, ["a", "c++"]);
    let adjusted = memories.get(ids[1].as_str()).await.unwrap();
    assert_eq!(
        (adjusted.tags, adjusted.importance),
        (vec!["b".to_owned()], 0.75)
    );
    let gone = memories
        .get(ids[2].as_str())
        .await
        .unwrap()
        .forgotten
        .unwrap();
    assert_eq!(gone.why, "removed in the editor");
    assert_eq!(found(&memories, "rust").await, ["Rust it is"]);
    // The page is of yesterday now.
    let refused = memories.edit(&text).await.unwrap_err();
    assert!(
        matches!(refused, TransferError::Conflict { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn nothing_is_applied_where_something_cannot_be() {
    let world = World::new().await;
    let ids = filled(&world).await;
    let memories = world.of(Author::Person);
    let text = whole(&memories).await;
    let foot = text.find("<!-- on this page").unwrap();
    let secret = ["gh", "p_", "0123456789abcdefghijABCDEFGHIJ012345"].concat();
    for (edited, line) in [
        (text[..foot].to_owned(), None),
        (text.replace("## fact", "## mood"), Some(10)),
        (text.replace("# project", "# moon"), Some(8)),
        (text.replacen("\n- ", "\n* ", 1), Some(12)),
        (text.replace("!0.5", "!7"), Some(12)),
        (text.replace(ids[0].as_str(), ids[1].as_str()), None),
        (
            text.replacen("\n- ", &format!("\n- new: {secret}\n- "), 1),
            Some(12),
        ),
        (String::new(), None),
    ] {
        let outcome = match memories.edit(&edited).await {
            Ok(edit) => memories.apply(&edit).await.err(),
            Err(error) => Some(error),
        };
        let refused = outcome.unwrap();
        if let Some(line) = line {
            let told = refused.to_string();
            assert!(told.starts_with(&format!("line {line}: ")), "{told}");
        }
        assert_eq!(whole(&memories).await, text);
    }
    // Somebody changes a memory while the page is applied.
    let removed: Vec<&str> = text
        .lines()
        .filter(|it| !it.starts_with("- <!-- at"))
        .collect();
    let edit = memories.edit(&removed.join("\n")).await.unwrap();
    world.clock.advance(1);
    memories.forget(ids[2].as_str(), "first").await.unwrap();
    let refused = memories.apply(&edit).await.unwrap_err();
    assert!(
        matches!(refused, TransferError::Conflict { .. }),
        "{refused}"
    );
    assert!(world.agent().edit(&text).await.is_err());
}

#[tokio::test]
async fn what_moves_below_another_heading_is_superseded() {
    let world = World::new().await;
    let ids = filled(&world).await;
    let memories = world.of(Author::Person);
    let text = whole(&memories).await.replace("# project", "# user");
    let edit = memories.edit(&text).await.unwrap();
    assert_eq!(memories.apply(&edit).await.unwrap().superseded, ids.len());
    let listed = memories.list(&Listing::default()).await.unwrap().items;
    assert!(listed.iter().all(|memory| memory.scope == Scope::User));
}

#[tokio::test]
async fn what_a_page_does_not_show_goes_over_to_the_new_text() {
    let world = World::new().await;
    let day = 24 * 3600 * 1000;
    let new = NewMemory {
        at_ms: Some(crate::memory::tests::NOW_MS - 9 * day),
        session: Some("standup".to_owned()),
        valid_from_ms: crate::memory::tests::NOW_MS - 8 * day,
        valid_to_ms: crate::memory::tests::NOW_MS + 8 * day,
        subject: "crane".to_owned(),
        links: vec![Link::to(LinkKind::File, "src/crane.rs")],
        ..saying("The crane lifts nine tons")
    };
    keep(&world.session(), new).await;
    let other = NewMemory {
        session: Some("standup".to_owned()),
        ..saying("Tides are read at six")
    };
    keep(&world.session(), other).await;
    world.clock.advance(1000);
    let memories = world.of(Author::Person);
    let text = whole(&memories).await;
    let edited = text.replace("nine", "ten").replace("at six", "at seven");
    let edit = memories.edit(&edited).await.unwrap();
    assert_eq!(memories.apply(&edit).await.unwrap().superseded, 2);
    for Replaced { old, .. } in &edit.replaced {
        let old = memories.get(old.id.as_str()).await.unwrap();
        let by = old.superseded_by.clone().unwrap();
        let new = memories.get(by.as_str()).await.unwrap();
        let same = |it: &Memory| {
            let valid_to =
                (it.subject == "crane" && it.superseded_by.is_none()).then_some(it.valid_to_ms);
            (
                it.session.clone(),
                it.turn,
                it.valid_from_ms,
                it.subject.clone(),
                it.links.clone(),
                valid_to.unwrap_or_default(),
            )
        };
        let mut expected = same(&old);
        if old.subject == "crane" {
            expected.5 = crate::memory::tests::NOW_MS + 8 * day;
            assert_eq!(new.at_ms, old.at_ms);
        } else {
            assert_eq!(
                new.at_ms,
                memories.now_ms(),
                "nobody has told when it happened"
            );
        }
        assert_eq!(same(&new), expected);
        assert_eq!(old.valid_to_ms, memories.now_ms());
    }
}

#[tokio::test]
async fn only_what_a_person_and_somebody_else_have_changed_is_in_the_way() {
    let world = World::new().await;
    let ids = filled(&world).await;
    let memories = world.of(Author::Person);
    let text = whole(&memories).await;
    // In the moment in which the page was written.
    memories.forget(ids[0].as_str(), "").await.unwrap();
    let important = Adjustment {
        importance: Some(0.9),
        ..Adjustment::default()
    };
    memories.adjust(ids[1].as_str(), &important).await.unwrap();
    let new = text.replace("## fact\n", "## fact\n\n- Buoys are red\n");
    let refused = memories.edit(&new).await.unwrap_err();
    let TransferError::Conflict { ids: changed } = refused else {
        panic!("{refused}");
    };
    assert_eq!(
        changed,
        [ids[1].clone()],
        "a bullet asks for the old importance"
    );
    // The bullet says what is so now.
    let mark = format!("{} #a #c++ !0.5", ids[1]);
    let agreed = new.replace(&mark, &mark.replace("0.5", "0.9"));
    let edit = memories.edit(&agreed).await.unwrap();
    assert_eq!(memories.apply(&edit).await.unwrap().remembered, 1);
    let kept = memories.get(ids[1].as_str()).await.unwrap();
    assert_eq!(kept.importance, 0.9);
    // That it was used is no change.
    let text = whole(&memories).await;
    assert!(!found(&memories, "beginning").await.is_empty());
    let other = text.replace("at the beginning", "at the end");
    assert_eq!(memories.edit(&other).await.unwrap().replaced.len(), 1);
    let torn = text.replacen("@", "@x", 1);
    assert!(matches!(
        memories.edit(&torn).await,
        Err(TransferError::Page { .. })
    ));
}
