//! When what an entry of another tracker says was set, as far as that can be told. Of each field the
//! value that was set last stays, so a time that is none of its own must not win against one that is.

use super::super::record::{Closing, Mark, Stamped};
use super::item::ItemClosing;

/// When an entry was last changed: of which of its fields that is the time is not told there.
pub(super) struct Stamp {
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    /// Whether the entry itself says when it was changed. The time of a file is that of no field: of
    /// an entry that has no other, only what was never set here changes anything.
    pub(super) is_dated: bool,
    /// When the task was created, if it is known here.
    pub(super) known_ms: Option<i64>,
}

impl Stamp {
    /// A field that is so there, and was so `before` here. What is the same was not set anew.
    pub(super) fn set<T: Clone + Ord>(&self, value: T, before: Option<&Stamped<T>>) -> Stamped<T> {
        match before {
            None => Stamped::new(value, self.created_ms),
            Some(before) if before.value == value => before.clone(),
            Some(before) if !self.is_dated && Some(before.at_ms) != self.known_ms => before.clone(),
            Some(_) => Stamped::new(value, self.updated_ms),
        }
    }

    /// That it is closed or not, where the entry may not say when it was closed.
    pub(super) fn closing(
        &self,
        closing: Option<Closing>,
        told: Option<&ItemClosing>,
        before: Option<&Stamped<Option<Closing>>>,
    ) -> Stamped<Option<Closing>> {
        let (Some(closing), Some(told)) = (&closing, told) else {
            return self.set(closing, before);
        };
        let closed = |closing: &Closing| (closing.reason, closing.why.clone());
        match before {
            _ if told.at_ms.is_some() => Stamped::new(Some(closing.clone()), closing.closed_ms),
            Some(before) if before.value.as_ref().map(closed) == Some(closed(closing)) => {
                before.clone()
            }
            None if self.is_dated => Stamped::new(Some(closing.clone()), closing.closed_ms),
            _ => self.set(Some(closing.clone()), before),
        }
    }

    /// An edge that is there, and was `before` here.
    pub(super) fn edge(&self, told_ms: Option<i64>, before: Option<&Mark>) -> Mark {
        match (told_ms, before) {
            (None, Some(before)) if !before.gone || !self.is_dated => *before,
            _ => Mark {
                at_ms: told_ms.unwrap_or(self.updated_ms),
                gone: false,
            },
        }
    }
}
