//! How much a model is to think. The CLI passes any word on, and the service turns away what the
//! model does not know, so the CLI's own list of models decides.

use serde::Deserialize;
use serde_json::Value;

use super::wire;
use crate::config::Effort;

/// The strongest that every model of the list takes.
const COMMON: Effort = Effort::Xhigh;

/// A model, and the efforts it takes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Model {
    #[serde(default)]
    model: String,
    #[serde(default)]
    supported_reasoning_efforts: Vec<Level>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level {
    /// One of ours, or a word of the CLI's own.
    reasoning_effort: Value,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Value>,
}

/// The models in the answer to `model/list`.
pub(super) fn models(result: Value) -> Vec<Model> {
    let list = wire::read::<List>(result).map(|list| list.data);
    list.into_iter().flatten().filter_map(wire::read).collect()
}

/// What `model` is given when `asked` is asked for: that, else the nearest below, else the least.
pub(super) fn held(asked: Effort, model: &str, models: &[Model]) -> Effort {
    let known = models.iter().find(|known| known.model == model);
    let levels = known.map(|known| known.supported_reasoning_efforts.as_slice());
    let levels = levels.unwrap_or_default().iter();
    let takes: Vec<Effort> = levels
        .filter_map(|level| wire::read(level.reasoning_effort.clone()))
        .collect();
    let below = takes.iter().filter(|effort| **effort <= asked).max();
    match below.or(takes.iter().min()) {
        Some(effort) => *effort,
        None => asked.min(COMMON),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_gets_no_more_than_it_takes() {
        let levels = |efforts: &[&str]| -> Value {
            let levels = efforts.iter();
            levels.map(|e| json!({ "reasoningEffort": e })).collect()
        };
        let model = |name: &str, efforts: &[&str]| {
            json!({
                "id": name, "model": name, "supportedReasoningEfforts": levels(efforts),
            })
        };
        let models = models(json!({ "data": [
            model("old", &["low", "medium", "high", "xhigh"]),
            model("new", &["low", "max", "ultra"]),
            model("deep", &["high"]),
            "odd",
        ]}));
        for (asked, name, expected) in [
            (Effort::Max, "old", Effort::Xhigh),
            (Effort::Max, "new", Effort::Max),
            (Effort::High, "new", Effort::Low),
            (Effort::Low, "deep", Effort::High),
            (Effort::Max, "unknown", Effort::Xhigh),
            (Effort::Low, "unknown", Effort::Low),
        ] {
            assert_eq!(held(asked, name, &models), expected, "{asked:?} of {name}");
        }
        assert!(super::models(json!({ "models": 1 })).is_empty());
    }
}
