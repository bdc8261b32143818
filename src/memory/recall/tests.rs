//! What is found, and what is not, on a real file.

use super::super::tests::{World, asking, found, keep, saying};
use super::*;

#[tokio::test]
async fn what_shares_the_most_telling_words_is_like_it() {
    let world = World::new().await;
    let memories = world.session();
    keep(
        &memories,
        saying("The staging database listens on port 5433"),
    )
    .await;
    keep(
        &memories,
        saying("Deploys of staging wait for the smoke test"),
    )
    .await;
    keep(&memories, saying("Colours of the logo")).await;
    let mut connection = world.store.read().acquire().await.unwrap();
    let place = index::known_place(&mut connection, world.project.as_str())
        .await
        .unwrap()
        .unwrap();
    let words = lexicon::words("staging database port");
    let like = sharing(&mut connection, place, &words, 5).await.unwrap();
    assert_eq!(like, [1, 2]);
}
