//! How an agent lets its model be chosen. The protocol has changed its mind about that once.

use serde_json::{Value, json};

use super::wire::{list, text};

/// How the agent lets a model be chosen, as its answer to the opening of the session tells.
pub(super) enum ModelChoice {
    /// By a configuration option of this id.
    Option(String),
    /// By a request of its own, in an older form of the protocol.
    Request,
    None,
}

impl ModelChoice {
    pub(super) fn offered(result: &Value) -> Self {
        let options = list(result, "configOptions");
        let option = options
            .iter()
            .find(|option| text(option, "category") == "model" || text(option, "id") == "model");
        match option {
            Some(option) => ModelChoice::Option(text(option, "id").to_owned()),
            None if result.get("models").is_some_and(Value::is_object) => ModelChoice::Request,
            None => ModelChoice::None,
        }
    }

    pub(super) fn current(&self, result: &Value) -> String {
        let told = match self {
            ModelChoice::Option(id) => list(result, "configOptions")
                .iter()
                .find(|option| text(option, "id") == id)
                .map(|option| text(option, "currentValue")),
            ModelChoice::Request => result
                .get("models")
                .map(|models| text(models, "currentModelId")),
            ModelChoice::None => None,
        };
        told.unwrap_or_default().to_owned()
    }

    pub(super) fn choose(&self, session: &str, model: &str) -> Option<(&'static str, Value)> {
        match self {
            ModelChoice::Option(id) => Some((
                "session/set_config_option",
                json!({ "sessionId": session, "configId": id, "value": model }),
            )),
            ModelChoice::Request => Some((
                "session/set_model",
                json!({ "sessionId": session, "modelId": model }),
            )),
            ModelChoice::None => None,
        }
    }
}
