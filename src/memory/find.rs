//! One memory by its id.

use sqlx::AnyConnection;

use super::error::MemoryError;
use super::memories::Memories;
use super::model::Memory;
use super::rows::{self, Within};
use crate::ids::{Given, MemoryId};

impl Memories<'_> {
    /// The memory that `given` stands for: its id, or the beginning of it, with or without `m-`. Also
    /// one that was superseded or forgotten. To an agent those of other definitions are not there.
    ///
    /// # Errors
    /// [`MemoryError::Unknown`], [`MemoryError::Ambiguous`], failures of the store.
    pub async fn get(&self, given: &str) -> Result<Memory, MemoryError> {
        let mut connection = self.store.read().acquire().await?;
        self.find_in(&mut connection, given).await
    }

    /// The same within a transaction.
    pub(super) async fn find_in(
        &self,
        connection: &mut AnyConnection,
        given: &str,
    ) -> Result<Memory, MemoryError> {
        let given = Given::read(given, "m-");
        let (places, is_all) = self.places_of(None)?;
        let within = Within {
            places,
            project: is_all.then(|| self.project.clone()),
        };
        let mut found = Vec::new();
        if given.is_enough() {
            found = rows::beginning_with(connection, &within, &given).await?;
        }
        if let Some(exact) = found
            .iter()
            .position(|memory| memory.id.as_str() == given.beginning)
        {
            return Ok(found.swap_remove(exact));
        }
        if found.len() > 1 {
            return Err(MemoryError::Ambiguous {
                given: given.shown,
                candidates: found.iter().map(|memory| memory.id.to_string()).collect(),
            });
        }
        match found.pop() {
            Some(only) => Ok(only),
            None => Err(MemoryError::Unknown {
                nearest: rows::nearest(connection, &within, &given).await?,
                id: given.shown,
            }),
        }
    }
}

/// A memory that has gone since it was found.
pub(super) fn unknown(id: &MemoryId) -> MemoryError {
    MemoryError::Unknown {
        id: id.to_string(),
        nearest: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Author, Scope};
    use super::super::tests::{World, keep, saying};
    use super::*;
    use crate::ids::AgentId;
    use crate::memory::NewMemory;

    #[tokio::test]
    async fn an_id_tells_an_agent_nothing_of_other_definitions() {
        let world = World::new().await;
        let secret = NewMemory {
            scope: Some(Scope::Agent("reviewer".to_owned())),
            ..saying("Reviews begin with the tests")
        };
        let id = keep(&world.session(), secret).await;
        let id = id.as_str();
        let other = world.of(Author::Agent {
            id: AgentId::parse("a-00000b").unwrap(),
            definition: Some("tester".to_owned()),
        });
        let slipped = format!("{}z", &id[..id.len() - 1]);
        let beginning = &id[..id.len() - 1];
        for given in [id, beginning, slipped.as_str()] {
            let told = other.get(given).await.unwrap_err();
            let MemoryError::Unknown { nearest, .. } = &told else {
                panic!("{given}: {told:?}")
            };
            assert!(nearest.is_empty(), "{given}: {nearest:?}");
        }
        // Whoever may read it is helped.
        for memories in [world.agent(), world.session()] {
            assert!(memories.get(beginning).await.is_ok());
            match memories.get(&slipped).await {
                Err(MemoryError::Unknown { nearest, .. }) => {
                    assert!(nearest[0].contains("Reviews"))
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
