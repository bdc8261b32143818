//! Best of n: from one request to several on the same task, which differ in their provider or not at
//! all.

use crate::agents::error::AgentError;
use crate::agents::launch::SpawnRequest;
use crate::config::{Isolation, Permission};

/// Agents in a group, at least and at most, where their number is given.
const N: std::ops::RangeInclusive<u32> = 2..=8;
const MOST_PROVIDERS: usize = 8;

/// How many agents are to work on one task, and of which providers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants {
    /// How many, 2 to 8; absent: one for each provider.
    pub n: Option<u32>,
    /// Providers, `provider` or `provider/model`, which may repeat; taken in turn. Empty: all of them
    /// are of the request's own.
    pub providers: Vec<String>,
}

impl Variants {
    /// Whether one agent is all that is asked for.
    pub fn is_none(&self) -> bool {
        self.n.is_none() && self.providers.is_empty()
    }

    /// One request for each agent.
    pub(in crate::agents) fn of(
        &self,
        request: &SpawnRequest,
    ) -> Result<Vec<SpawnRequest>, AgentError> {
        let bad = |field, problem: String| Err(AgentError::BadValue { field, problem });
        if self.providers.len() > MOST_PROVIDERS {
            let problem = format!("has {} entries, at most 8 are taken", self.providers.len());
            return bad("providers", problem);
        }
        let n = match self.n {
            Some(n) if N.contains(&n) => n as usize,
            Some(n) => return bad("n", format!("is {n}; take 2 to 8")),
            None if self.providers.is_empty() => return bad("n", "is missing".to_owned()),
            None => self.providers.len(),
        };
        if n < self.providers.len() {
            let problem = format!("is {n}, fewer than there are `providers`");
            return bad("n", problem);
        }
        if self.providers.is_empty() {
            return Ok(vec![request.clone(); n]);
        }
        for (field, is_set) in [
            ("provider", request.provider.is_some()),
            ("model", request.model.is_some()),
        ] {
            if is_set {
                let problem =
                    "does not go with `providers`; write `provider/model` there".to_owned();
                return bad(field, problem);
            }
        }
        let named = self.providers.iter().cycle().take(n);
        Ok(named.map(|name| with_provider(request, name)).collect())
    }
}

fn with_provider(request: &SpawnRequest, name: &str) -> SpawnRequest {
    // A model's own name may hold slashes, a provider's does not.
    let (provider, model) = match name.split_once('/') {
        Some((provider, model)) => (provider, Some(model.to_owned())),
        None => (name, None),
    };
    SpawnRequest {
        provider: Some(provider.trim().to_owned()),
        model,
        ..request.clone()
    }
}

/// Keeps agents that write out of each other's way: each in a worktree of its own.
pub(in crate::agents) fn set_apart(
    requests: &mut [SpawnRequest],
    permission: Permission,
) -> Result<(), AgentError> {
    if permission == Permission::ReadOnly {
        return Ok(());
    }
    for request in requests {
        match request.isolation {
            None => request.isolation = Some(Isolation::Worktree),
            Some(Isolation::None) => {
                return Err(AgentError::BadValue {
                    field: "isolation",
                    problem:
                        "is none, and agents of a group that write would overwrite each other's \
                              work; leave it out, or take permission read_only"
                            .to_owned(),
                });
            }
            Some(Isolation::Worktree | Isolation::WorktreeWithChanges) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(n: Option<u32>, providers: &[&str]) -> Variants {
        let providers = providers.iter().map(|name| (*name).to_owned()).collect();
        Variants { n, providers }
    }

    fn named(n: Option<u32>, providers: &[&str]) -> Vec<String> {
        let requests = wanted(n, providers).of(&SpawnRequest::default()).unwrap();
        let name = |request: &SpawnRequest| match (&request.provider, &request.model) {
            (Some(provider), Some(model)) => format!("{provider}:{model}"),
            (Some(provider), None) => provider.clone(),
            (None, _) => "-".to_owned(),
        };
        requests.iter().map(name).collect()
    }

    #[test]
    fn providers_are_taken_in_turn() {
        assert_eq!(named(Some(3), &[]), ["-", "-", "-"]);
        assert_eq!(named(None, &["a", "b/x/y"]), ["a", "b:x/y"]);
        assert_eq!(named(Some(3), &["a", "b"]), ["a", "b", "a"]);
        assert_eq!(named(None, &["a"]), ["a"]);
        assert_eq!(named(None, &["a", "a"]), ["a", "a"]);
    }

    #[test]
    fn what_makes_no_group_is_refused() {
        let refused =
            |wanted: Variants, request: &SpawnRequest| wanted.of(request).unwrap_err().to_string();
        let plain = SpawnRequest::default();
        assert_eq!(
            refused(wanted(Some(1), &[]), &plain),
            "`n` is 1; take 2 to 8"
        );
        assert_eq!(
            refused(wanted(Some(9), &[]), &plain),
            "`n` is 9; take 2 to 8"
        );
        assert_eq!(
            refused(wanted(Some(2), &["a", "b", "c"]), &plain),
            "`n` is 2, fewer than there are `providers`"
        );
        assert_eq!(
            refused(wanted(None, &["a"; 9]), &plain),
            "`providers` has 9 entries, at most 8 are taken"
        );
        let of_one = SpawnRequest {
            model: Some("opus".to_owned()),
            ..plain
        };
        assert!(refused(wanted(None, &["a", "b"]), &of_one).starts_with("`model` does not go"));
    }

    #[test]
    fn who_writes_gets_a_tree_of_its_own() {
        let isolation = |asked, permission| {
            let mut requests = [SpawnRequest {
                isolation: asked,
                ..SpawnRequest::default()
            }];
            set_apart(&mut requests, permission).map(|()| requests[0].isolation)
        };
        let (edit, look) = (Permission::Edit, Permission::ReadOnly);
        let (none, tree) = (Some(Isolation::None), Some(Isolation::Worktree));
        assert_eq!(isolation(None, edit).unwrap(), tree);
        assert_eq!(isolation(None, look).unwrap(), None);
        assert_eq!(isolation(none, look).unwrap(), none);
        assert!(isolation(none, edit).is_err());
        assert!(isolation(none, Permission::Full).is_err());
        let carried = Some(Isolation::WorktreeWithChanges);
        assert_eq!(isolation(carried, edit).unwrap(), carried);
    }
}
