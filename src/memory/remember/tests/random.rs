//! Random operations of several authors: after each of them what is kept beside the memories is what
//! they say, and what one author was told holds.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::text::unseen::taken_out;

#[derive(Debug, Clone)]
enum Op {
    Remember(usize, Vec<(String, Option<Index>, bool)>),
    Forget(usize, Index),
    Confirm(Index),
    Adjust(Index, Vec<String>),
    Purge(Vec<Index>),
    PurgeForgotten,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(the|port|cache|ann) (is|of|in) [a-c]{1,2}( not)?",
        1 => "\\PC{0,20}",
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let entry = (
        text(),
        prop::option::weighted(0.3, any::<Index>()),
        prop::bool::weighted(0.1),
    );
    let some = || prop::collection::vec(any::<Index>(), 1..3);
    prop_oneof![
        6 => (0..3_usize, prop::collection::vec(entry, 1..4))
            .prop_map(|(by, entries)| Op::Remember(by, entries)),
        2 => (0..3_usize, any::<Index>()).prop_map(|(by, which)| Op::Forget(by, which)),
        1 => any::<Index>().prop_map(Op::Confirm),
        1 => (any::<Index>(), prop::collection::vec("[a-d]{1,2}", 0..3))
            .prop_map(|(which, tags)| Op::Adjust(which, tags)),
        1 => some().prop_map(Op::Purge),
        1 => Just(Op::PurgeForgotten),
    ]
}

struct Run<'a> {
    world: &'a World,
    project: crate::ids::ProjectId,
    ids: Vec<MemoryId>,
}

impl Run<'_> {
    fn by(&self, author: usize) -> Memories<'_> {
        let memories = match author {
            0 => self.world.session(),
            1 => self.world.agent(),
            _ => self.world.of(Author::Person),
        };
        Memories {
            project: &self.project,
            ..memories
        }
    }

    async fn step(&mut self, op: &Op) {
        let one = |which: &Index| match self.ids.is_empty() {
            true => "m-zzzzzz".to_owned(),
            false => which.get(&self.ids).to_string(),
        };
        match op {
            Op::Remember(by, entries) => {
                let new: Vec<NewMemory> = entries
                    .iter()
                    .map(|(text, old, force)| NewMemory {
                        supersedes: old.iter().map(&one).collect(),
                        force: *force,
                        ..saying(text)
                    })
                    .collect();
                let kept = self.by(*by).remember(&new).await;
                let kept = expected(kept).unwrap_or_default();
                for (kept, (text, ..)) in kept.iter().zip(entries) {
                    self.holds(kept, text).await;
                }
                self.ids
                    .extend(kept.into_iter().filter_map(|kept| match kept {
                        Kept::New { id, .. } => Some(id),
                        _ => None,
                    }));
            }
            Op::Forget(by, which) => drop(expected(self.by(*by).forget(&one(which), "so").await)),
            Op::Confirm(which) => drop(expected(self.by(2).confirm(&[one(which)]).await)),
            Op::Adjust(which, tags) => {
                let adjustment = Adjustment {
                    tags: Some(tags.clone()),
                    importance: None,
                };
                expected(self.by(0).adjust(&one(which), &adjustment).await);
            }
            Op::Purge(some) => {
                let ids = Purge::Ids(some.iter().map(one).collect());
                self.purge(&ids).await;
            }
            Op::PurgeForgotten => self.purge(&Purge::Forgotten).await,
        }
    }

    async fn purge(&mut self, what: &Purge) {
        let Some(purged) = expected(self.by(2).purge(what).await) else {
            return;
        };
        for memory in purged.memories {
            self.ids.retain(|id| *id != memory.id);
        }
    }

    /// That what was said to be kept or known is there.
    async fn holds(&self, kept: &Kept, text: &str) {
        let (Kept::New { id, .. } | Kept::Confirmed { id } | Kept::Known { id, .. }) = kept;
        let memory = self.by(0).get(id.as_str()).await.unwrap();
        assert!(memory.forgotten.is_none());
        match kept {
            Kept::New { .. } => assert_eq!(memory.text, taken_out(text).trim()),
            Kept::Confirmed { .. } => assert_eq!(memory.trust, Trust::Confirmed),
            Kept::Known { .. } => {}
        }
    }
}

/// What was done, or nothing where there was a reason; a failure of the store is none.
fn expected<T>(result: Result<T, MemoryError>) -> Option<T> {
    match result {
        Err(MemoryError::Store(error)) => panic!("{error:?}"),
        other => other.ok(),
    }
}

#[test]
fn what_is_kept_beside_the_memories_is_what_they_say() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let config = Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&prop::collection::vec(op(), 1..16), |ops| {
        runtime.block_on(async {
            let key = crate::ids::IdSource::uuid(&crate::ids::RandomIds);
            let project = world.store.project(&crate::ids::RandomIds, &key, 1).await;
            let mut run = Run {
                world: &world,
                project: project.unwrap(),
                ids: Vec::new(),
            };
            for op in &ops {
                run.step(op).await;
                check_index(&world.store).await;
            }
        });
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
}
