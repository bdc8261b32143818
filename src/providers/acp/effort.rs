//! How an agent lets its model's effort be chosen: by an option of the session that says that it is
//! about thinking, with levels that depend on the model.

use serde_json::{Value, json};

use super::wire::{list, text};
use crate::config::Effort;

/// The option, and the levels it has for the model.
pub(super) struct EffortChoice {
    id: String,
    levels: Vec<Effort>,
}

impl EffortChoice {
    /// What the agent offers, as its last answer about the session's options tells.
    pub(super) fn offered(result: &Value) -> Option<Self> {
        let options = list(result, "configOptions");
        let is_effort = |option: &&Value| text(option, "category") == "thought_level";
        let option = options.iter().find(is_effort)?;
        let levels = list(option, "options").iter();
        let levels = levels.filter_map(|level| level.get("value").cloned());
        Some(Self {
            id: text(option, "id").to_owned(),
            levels: levels
                .filter_map(|v| serde_json::from_value(v).ok())
                .collect(),
        })
    }

    /// The request that chooses what is asked for, else the nearest level below, else the least.
    pub(super) fn choose(&self, session: &str, asked: Effort) -> Option<(&'static str, Value)> {
        let below = self.levels.iter().filter(|level| **level <= asked).max();
        let level = below.or(self.levels.iter().min())?;
        Some((
            "session/set_config_option",
            json!({ "sessionId": session, "configId": self.id, "value": level }),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_level_that_the_model_has_is_chosen() {
        let offer = |levels: &[&str]| {
            let levels: Vec<Value> = levels.iter().map(|l| json!({ "value": l })).collect();
            json!({ "configOptions": [
                { "id": "model", "category": "model", "options": [] },
                { "id": "effort", "category": "thought_level", "options": levels },
            ]})
        };
        for (levels, asked, expected) in [
            (vec!["low", "high", "default"], Effort::Max, Some("high")),
            (vec!["low", "high"], Effort::Medium, Some("low")),
            (vec!["high"], Effort::Low, Some("high")),
            (vec!["default"], Effort::Low, None),
        ] {
            let choice = EffortChoice::offered(&offer(&levels)).unwrap();
            let chosen = choice.choose("s", asked).map(|(_, params)| params);
            let expected = expected
                .map(|value| json!({ "sessionId": "s", "configId": "effort", "value": value }));
            assert_eq!(chosen, expected, "{levels:?}");
        }
        assert!(EffortChoice::offered(&json!({ "configOptions": [{ "id": "mode" }] })).is_none());
    }
}
