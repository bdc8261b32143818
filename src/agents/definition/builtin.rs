//! The definitions that are always there, compiled in.

use std::path::Path;

use super::catalogue::Entry;
use super::origin::Origin;

const FILES: [(&str, &str); 5] = [
    ("general", include_str!("builtin/general.md")),
    ("explore", include_str!("builtin/explore.md")),
    ("plan", include_str!("builtin/plan.md")),
    ("review", include_str!("builtin/review.md")),
    ("test", include_str!("builtin/test.md")),
];

/// The built-in definitions, in the order in which a reader wants to hear of them.
pub(super) fn all() -> impl Iterator<Item = Entry> {
    FILES
        .into_iter()
        .filter_map(|(name, text)| Entry::read(Origin::BuiltIn, Path::new(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Permission;

    #[test]
    fn every_built_in_can_be_read_and_is_named_like_its_file() {
        let names: Vec<String> = all()
            .map(|entry| {
                let definition = entry.outcome.unwrap();
                assert!(!definition.description.is_empty());
                assert_eq!(definition.ignored, Vec::<String>::new());
                definition.name
            })
            .collect();
        assert_eq!(names, FILES.map(|(name, _)| name));
    }

    #[test]
    fn those_that_only_look_are_locked_to_it() {
        for entry in all() {
            let definition = entry.outcome.unwrap();
            let looks = ["explore", "plan", "review"].contains(&definition.name.as_str());
            let locked = definition.locks("permission");
            assert_eq!(locked, looks, "{}", definition.name);
            let read_only = definition.permission == Some(Permission::ReadOnly);
            assert_eq!(read_only, looks, "{}", definition.name);
        }
    }
}
