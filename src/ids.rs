//! Identifiers: a letter that tells the kind, a dash, six random base-32 characters. They are never
//! derived from content, so two machines or two equal texts do not collide on purpose.

mod given;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

pub(crate) use given::Given;

/// Crockford's alphabet in lower case: no i, l, o, u to misread.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TOKEN_LENGTH: usize = 6;

/// A text that is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {expected}: expected {prefix:?} and {TOKEN_LENGTH} characters")]
pub struct BadId {
    given: String,
    expected: &'static str,
    prefix: &'static str,
}

impl BadId {
    /// Whether the id of a request was expected.
    pub fn is_of_request(&self) -> bool {
        self.prefix == "q-"
    }
}

/// Where new identifiers come from.
pub trait IdSource: Send + Sync + 'static {
    /// A number whose low 60 bits are uniformly random.
    fn number(&self) -> u64;

    /// Six base-32 characters (30 random bits).
    fn token(&self) -> String {
        let mut number = self.number();
        (0..TOKEN_LENGTH)
            .map(|_| {
                let index = (number & 31) as usize;
                number >>= 5;
                ALPHABET.get(index).map_or('0', |byte| char::from(*byte))
            })
            .collect()
    }

    /// A random (version 4) UUID, as the CLIs want for a session id.
    fn uuid(&self) -> String {
        let bits = (u128::from(self.number()) << 64) | u128::from(self.number());
        uuid::Builder::from_random_bytes(bits.to_be_bytes())
            .into_uuid()
            .to_string()
    }
}

/// Identifiers from the operating system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn number(&self) -> u64 {
        uuid::Uuid::new_v4().as_u64_pair().1
    }
}

/// Identifiers that count up from one, for tests.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl IdSource for SequentialIds {
    fn number(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new identifier drawn from `source`.
            pub fn new(source: &dyn IdSource) -> Self {
                Self(format!("{}{}", $prefix, source.token()))
            }

            /// Reads an identifier that a person or a model wrote: case and surrounding space do
            /// not matter.
            ///
            /// # Errors
            /// [`BadId`] when prefix, length or alphabet are wrong.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                let lower = text.trim().to_ascii_lowercase();
                let well_formed = lower.strip_prefix($prefix).is_some_and(|token| {
                    token.len() == TOKEN_LENGTH && token.bytes().all(|b| ALPHABET.contains(&b))
                });
                if well_formed {
                    Ok(Self(lower))
                } else {
                    Err(BadId {
                        given: text.chars().take(40).collect(),
                        expected: $expected,
                        prefix: $prefix,
                    })
                }
            }

            /// An identifier read back from the store, which only ever holds well-formed ones.
            pub(crate) fn stored(text: String) -> Self {
                Self(text)
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A child session with its durable record.
    AgentId, "a-", "an agent id"
);
id!(
    /// One message sent into a running agent.
    SteerId, "s-", "a steer id"
);
id!(
    /// One request of a running agent for a permission or an answer.
    AskId, "q-", "a request id"
);
id!(
    /// Agents that were spawned together on one task, to keep the best of them.
    GroupId, "g-", "a group id"
);
id!(
    /// One live ostler process that may own agents.
    OwnerId, "o-", "an owner id"
);
id!(
    /// One entry of the tracker.
    TaskId, "t-", "a task id"
);
id!(
    /// One note of a task.
    NoteId, "n-", "a note id"
);
id!(
    /// Agents that work the ready tasks down.
    DrainId, "d-", "a drain id"
);
id!(
    /// One remembered statement.
    MemoryId, "m-", "a memory id"
);
id!(
    /// A project known to the store.
    ProjectId, "p-", "a project id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_parses_back() {
        let id = AgentId::new(&RandomIds);
        assert_eq!(
            AgentId::parse(&format!(" {} ", id.as_str().to_uppercase())),
            Ok(id)
        );
    }

    #[test]
    fn foreign_prefix_wrong_length_and_misread_letters_are_refused() {
        for text in [
            "",
            "a-",
            "s-00000a",
            "a-00000",
            "a-0000000",
            "a-00000l",
            "a-00000\u{e9}",
        ] {
            assert!(AgentId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_uuid_is_version_four() {
        assert_eq!(RandomIds.uuid().chars().nth(14), Some('4'));
    }

    #[test]
    fn random_ids_do_not_repeat_soon() {
        let ids: std::collections::HashSet<_> =
            (0..1000).map(|_| AgentId::new(&RandomIds)).collect();
        assert!(ids.len() > 990);
    }
}
