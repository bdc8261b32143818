//! Pages, written, edited and applied.

use super::page;
use crate::ids::MemoryId;
use crate::memory::tests::{World, found, keep, saying};
use crate::memory::transfer::TransferError;
use crate::memory::{Author, Listing, Memories, NewMemory, Scope};

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
    let dos = text.replace('\n', "\r\n");
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
