//! Which agents have said or been told something: in their prompts, logs, results and messages.

use crate::ids::AgentId;
use crate::store::{Store, StoreError, statements};

/// Most agents that are named.
const MOST: i64 = 100;

statements! {
    // Reads everything that there is of agents; nothing but a purge asks for it.
    MENTIONS = "SELECT id FROM agent WHERE id IN (
          SELECT agent_id FROM run WHERE instr(prompt, $1) OR instr(result, $1) OR instr(launch, $1)
            OR instr(evidence, $1)
          UNION SELECT agent_id FROM event WHERE instr(body, $1)
          UNION SELECT agent_id FROM steer WHERE instr(message, $1)
          UNION SELECT agent_id FROM ask WHERE instr(content, $1) OR instr(answer, $1))
        ORDER BY created_ms, id LIMIT $2";
}

/// The agents with `text` in what is on record of them.
pub(crate) async fn agents_with(store: &Store, text: &str) -> Result<Vec<AgentId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(MENTIONS)
        .bind(text)
        .bind(MOST)
        .fetch_all(store.read())
        .await?;
    Ok(ids.into_iter().map(AgentId::stored).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::World;
    use super::super::{NewAgent, Steer, steers, write};
    use super::*;
    use crate::ids::SteerId;
    use crate::providers::When;

    #[tokio::test]
    async fn whoever_has_a_text_anywhere_is_named() {
        let world = World::new().await;
        let ids: Vec<AgentId> = (0..4).map(|_| AgentId::new(&world.ids)).collect();
        for (id, prompt) in ids.iter().zip(["so the port is 8080", "", "", ""]) {
            let agent = NewAgent {
                prompt,
                ..world.new_agent(id)
            };
            write::enqueue(&world.scribe(), &agent).await.unwrap();
        }
        let said = serde_json::json!({ "text": "he said: \"the port is 8080\"" });
        let mut tx = world.store.begin().await.unwrap();
        write::log(&mut tx, &world.store, &ids[1], 1, 1, "text", &said)
            .await
            .unwrap();
        world.store.commit(tx).await.unwrap();
        let steer = Steer {
            id: SteerId::new(&world.ids),
            agent: ids[2].clone(),
            run_no: 1,
            message: "the port is 8080".to_owned(),
            when: When::Now,
        };
        steers::add(&world.store, &steer, 1).await.unwrap();
        let named = agents_with(&world.store, "the port is 8080").await.unwrap();
        assert_eq!(named, ids[..3]);
        assert!(agents_with(&world.store, "9090").await.unwrap().is_empty());
    }
}
