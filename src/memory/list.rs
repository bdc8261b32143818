//! Memories in pages, the newest first, and the chain that one is a part of.

use std::collections::HashSet;

use sqlx::Row;

use super::error::MemoryError;
use super::memories::Memories;
use super::model::{Kind, Memory, Scope, Trust};
use super::rows::{self, memory};
use crate::page::Page;
use crate::store::statements;
use crate::words::words;

/// Most memories of a page.
const MOST: u32 = 100;
/// Longest chain that is followed.
const CHAIN: usize = 100;

// What is not asked for is empty. `$2`: the places, `$3`: the project whose places all count.
statements! {
    LIST = memory!("WHERE memory.n < $1
        AND (place.name IN (SELECT value FROM json_each($2))
          OR ($3 <> '' AND (place.name IN ('user', $3) OR place.name LIKE $3 || '/%')))
        AND ($4 = '[]' OR memory.kind IN (SELECT value FROM json_each($4)))
        AND ($5 = '' OR memory.trust = $5)
        AND ($6 = '' OR EXISTS (SELECT 1 FROM memory_tag
          WHERE memory_tag.memory = memory.n AND memory_tag.tag = $6))
        AND CASE $7
          WHEN 'current' THEN memory.forgotten_ms = 0 AND memory.superseded_by = ''
          WHEN 'superseded' THEN memory.forgotten_ms = 0 AND memory.superseded_by <> ''
          ELSE memory.forgotten_ms <> 0 END
        ORDER BY memory.n DESC LIMIT $8");
}

words! {
    /// Which memories are listed.
    Standing {
        /// What holds.
        Current = "current",
        /// What something else has taken the place of.
        Superseded = "superseded",
        /// What was forgotten.
        Forgotten = "forgotten",
    }
}

/// What is listed.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Which.
    pub standing: Standing,
    /// Only of these kinds; of any if there are none.
    pub kinds: Vec<Kind>,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Only there; everywhere the author may look unless said otherwise.
    pub scope: Option<Scope>,
    /// Only with this trust.
    pub trust: Option<Trust>,
    /// At most so many, from 1 to 100.
    pub limit: u32,
    /// Where the last page ended: its `next_cursor`.
    pub cursor: Option<String>,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            standing: Standing::Current,
            kinds: Vec::new(),
            tag: None,
            scope: None,
            trust: None,
            limit: MOST,
            cursor: None,
        }
    }
}

impl Memories<'_> {
    /// A page of memories, the newest first.
    ///
    /// # Errors
    /// A scope that is not the author's; values out of range; failures of the store.
    pub async fn list(&self, listing: &Listing) -> Result<Page<Memory>, MemoryError> {
        if !(1..=MOST).contains(&listing.limit) {
            let problem = format!("must be from 1 to {MOST}");
            return Err(MemoryError::bad("limit", problem));
        }
        let before = match listing.cursor.as_deref() {
            None => i64::MAX,
            Some(cursor) => cursor
                .parse()
                .map_err(|_| MemoryError::bad("cursor", "is none of ours"))?,
        };
        let (places, all) = self.places_of(listing.scope.as_ref())?;
        let mut connection = self.store.read().acquire().await?;
        let found = sqlx::query(LIST)
            .bind(before)
            .bind(serde_json::json!(places).to_string())
            .bind(if all { self.project.as_str() } else { "" })
            .bind(serde_json::json!(listing.kinds).to_string())
            .bind(listing.trust.map(Trust::as_str).unwrap_or_default())
            .bind(listing.tag.as_deref().unwrap_or_default())
            .bind(listing.standing.as_str())
            .bind(i64::from(listing.limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let shown = found.iter().take(listing.limit as usize);
        let last = match found.len() > listing.limit as usize {
            true => shown.clone().next_back(),
            false => None,
        };
        let next_cursor = match last {
            Some(row) => Some(row.try_get::<i64, _>("n")?.to_string()),
            None => None,
        };
        let items = shown.map(rows::of_row).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    }

    /// All memories of a listing, whatever its limit is.
    ///
    /// # Errors
    /// As [`Memories::list`].
    pub async fn all(&self, listing: &Listing) -> Result<Vec<Memory>, MemoryError> {
        let mut listing = Listing {
            limit: MOST,
            ..listing.clone()
        };
        let mut all = Vec::new();
        loop {
            let page = self.list(&listing).await?;
            all.extend(page.items);
            match page.next_cursor {
                Some(cursor) => listing.cursor = Some(cursor),
                None => return Ok(all),
            }
        }
    }

    /// The places that are looked at, and whether those of the whole project are.
    pub(super) fn places_of(
        &self,
        scope: Option<&Scope>,
    ) -> Result<(Vec<String>, bool), MemoryError> {
        let own = self.own_scopes();
        let place = |scope: &Scope| scope.place(self.project);
        match scope {
            Some(scope) if self.is_agent() && !own.contains(scope) => {
                let what = format!("the scope {scope} is not this agent's");
                Err(MemoryError::NotAllowed { what })
            }
            Some(scope) => Ok((vec![place(scope)], false)),
            None if self.is_agent() => Ok((own.iter().map(place).collect(), false)),
            None => Ok((Vec::new(), true)),
        }
    }

    /// The chain that a memory is a part of without itself: what it took the place of, the oldest first,
    /// and what has taken its place, the newest last.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn chain(&self, of: &Memory) -> Result<(Vec<Memory>, Vec<Memory>), MemoryError> {
        let mut seen = HashSet::from([of.id.clone()]);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut open: Vec<_> = of.supersedes.iter().rev().cloned().collect();
        while let Some(id) = open.pop() {
            if before.len() >= CHAIN || !seen.insert(id.clone()) {
                continue;
            }
            // It may be for others.
            match self.get(id.as_str()).await {
                Ok(old) => {
                    open.extend(old.supersedes.iter().rev().cloned());
                    before.push(old);
                }
                Err(MemoryError::Unknown { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        before.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
        let mut next = of.superseded_by.clone();
        while let Some(id) = next.take() {
            if after.len() >= CHAIN || !seen.insert(id.clone()) {
                break;
            }
            // What was purged is not there any more, and what is for others not to be seen.
            match self.get(id.as_str()).await {
                Ok(new) => {
                    next.clone_from(&new.superseded_by);
                    after.push(new);
                }
                Err(MemoryError::Unknown { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((before, after))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, keep, saying};
    use super::*;
    use crate::memory::NewMemory;

    async fn texts(memories: &Memories<'_>, listing: &Listing) -> Vec<String> {
        let page = memories.list(listing).await.unwrap();
        page.items.into_iter().map(|memory| memory.text).collect()
    }

    #[tokio::test]
    async fn pages_hold_each_memory_once_and_what_was_asked_for() {
        let world = World::new().await;
        let memories = world.session();
        let statements = [
            "Ada owns the parser",
            "Bo runs the farm",
            "Cy guards the gate",
        ];
        let mut ids = Vec::new();
        for text in statements {
            let new = NewMemory {
                tags: vec![text[..2].trim().to_lowercase()],
                ..saying(text)
            };
            ids.push(keep(&memories, new).await);
        }
        let mut listing = Listing {
            limit: 2,
            ..Listing::default()
        };
        let first = memories.list(&listing).await.unwrap();
        let seen: Vec<&str> = first.items.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(seen, [statements[2], statements[1]]);
        listing.cursor = first.next_cursor;
        let last = memories.list(&listing).await.unwrap();
        assert_eq!((last.items.len(), last.next_cursor), (1, None));
        let tagged = Listing {
            tag: Some("bo".to_owned()),
            ..Listing::default()
        };
        assert_eq!(texts(&memories, &tagged).await, [statements[1]]);
        memories.forget(ids[0].as_str(), "").await.unwrap();
        let forgotten = Listing {
            standing: Standing::Forgotten,
            ..Listing::default()
        };
        assert_eq!(texts(&memories, &forgotten).await, [statements[0]]);
        let current = texts(&memories, &Listing::default()).await;
        assert_eq!(current, [statements[2], statements[1]]);
        let foreign = Listing {
            scope: Some(Scope::Agent("tester".to_owned())),
            ..Listing::default()
        };
        let refused = world.agent().list(&foreign).await;
        assert!(matches!(refused, Err(MemoryError::NotAllowed { .. })));
    }

    #[tokio::test]
    async fn a_chain_is_told_from_any_of_its_links() {
        let world = World::new().await;
        let memories = world.session();
        let mut ids = Vec::new();
        for text in [
            "port 1 serves it",
            "port 22 serves it",
            "port 333 serves it",
        ] {
            let new = NewMemory {
                supersedes: ids.last().map(ToString::to_string).into_iter().collect(),
                ..saying(text)
            };
            ids.push(keep(&memories, new).await);
        }
        let middle = memories.get(ids[1].as_str()).await.unwrap();
        let (before, after) = memories.chain(&middle).await.unwrap();
        assert_eq!((&before[0].id, &after[0].id), (&ids[0], &ids[2]));
        assert_eq!((before.len(), after.len()), (1, 1));
    }
}
