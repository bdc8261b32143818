//! What a failed turn means, and what a person can do about it.

use serde_json::Value;

use super::wire::TurnError;
use crate::providers::{Failure, FailureClass};

/// The failure behind the error of a turn.
pub(super) fn classify(error: &TurnError) -> Failure {
    let text = own_words(&error.message);
    let class = class_of(error).unwrap_or(FailureClass::Other);
    Failure {
        retry_after_s: retry_after_s(&error.message),
        ..told(class, &text)
    }
}

/// What kind of failure, where the error tells.
pub(super) fn class_of(error: &TurnError) -> Option<FailureClass> {
    let details = format!("{} {}", error.message, error.additional_details).to_lowercase();
    let said = |words: &[&str]| words.iter().any(|word| details.contains(word));
    let (word, status) = kind(&error.codex_error_info);
    match (word, status) {
        ("unauthorized", _) | (_, Some(401 | 403)) => Some(FailureClass::NotLoggedIn),
        ("usageLimitExceeded" | "sessionBudgetExceeded", _) => Some(FailureClass::Quota),
        ("contextWindowExceeded", _) => Some(FailureClass::ContextFull),
        ("modelNotFound", _) => Some(FailureClass::BadModel),
        ("rateLimitExceeded", _) | (_, Some(429)) => Some(FailureClass::RateLimited),
        (
            "serverOverloaded"
            | "internalServerError"
            | "flexUnavailable"
            | "policyCapacityUnavailable",
            _,
        )
        | (_, Some(500..=599)) => Some(FailureClass::Overloaded),
        _ if said(&["rate limit"]) => Some(FailureClass::RateLimited),
        _ if said(&["high demand", "at capacity", "overloaded"]) => Some(FailureClass::Overloaded),
        // The key that a provider of the user's configuration names.
        _ if said(&["missing environment variable"]) => Some(FailureClass::NotLoggedIn),
        _ if said(&["model is not supported", "model does not exist"]) => {
            Some(FailureClass::BadModel)
        }
        _ if said(&[
            "connection failed",
            "stream disconnected",
            "error sending request",
            "waiting for network",
            "timed out",
        ]) =>
        {
            Some(FailureClass::Network)
        }
        _ => None,
    }
}

/// The word that `codexErrorInfo` is or begins with, and the HTTP status in it.
fn kind(info: &Value) -> (&str, Option<u64>) {
    match info {
        Value::String(word) => (word, None),
        Value::Object(members) => match members.iter().next() {
            Some((word, inner)) => (word, inner.get("httpStatusCode").and_then(Value::as_u64)),
            None => ("", None),
        },
        _ => ("", None),
    }
}

/// The sentence in an error body of the API, which the CLI passes on as it is.
fn own_words(text: &str) -> String {
    let body = serde_json::from_str::<Value>(text).ok();
    let sentence = body.as_ref().and_then(|body| {
        ["/error/message", "/detail", "/message"]
            .iter()
            .find_map(|pointer| body.pointer(pointer)?.as_str())
    });
    sentence.unwrap_or(text).to_owned()
}

/// The seconds in "Please try again in 11.054s", rounded up. A `retry-after` header is obeyed by the
/// CLI and not told.
fn retry_after_s(text: &str) -> Option<u32> {
    let lower = text.to_lowercase();
    let (_, after) = lower.split_once("try again in ")?;
    let end = after
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(after.len());
    let (number, unit) = after.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let factor = match unit {
        _ if unit.starts_with("ms") => 0.001,
        _ if unit.starts_with('m') => 60.0,
        _ if unit.starts_with('h') => 3600.0,
        _ if unit.starts_with('s') => 1.0,
        _ => return None,
    };
    let seconds = (number * factor).ceil();
    // No service asks for more, and a cast of more would not be exact.
    (seconds <= 1e6).then_some(seconds as u32)
}

/// A failure in words of the CLI, with the next step behind them.
pub(super) fn told(class: FailureClass, text: &str) -> Failure {
    Failure::told(
        class,
        text,
        "Codex",
        "run `codex login`, or set the key that its configuration names where ostler starts",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(info: Value, message: &str) -> TurnError {
        TurnError {
            message: message.to_owned(),
            codex_error_info: info,
            additional_details: String::new(),
        }
    }

    #[test]
    fn every_failure_has_its_class() {
        use FailureClass as C;
        let http = |word: &str, status: Value| json!({ word: { "httpStatusCode": status } });
        let null = Value::Null;
        for (info, text, class) in [
            (http("httpConnectionFailed", json!(401)), "", C::NotLoggedIn),
            (json!("unauthorized"), "", C::NotLoggedIn),
            (
                json!("other"),
                "Missing environment variable: `X`.",
                C::NotLoggedIn,
            ),
            (
                http("responseTooManyFailedAttempts", json!(429)),
                "exceeded retry limit, last status: 429 Too Many Requests",
                C::RateLimited,
            ),
            (json!("rateLimitExceeded"), "", C::RateLimited),
            (json!("usageLimitExceeded"), "Quota exceeded.", C::Quota),
            (json!("contextWindowExceeded"), "", C::ContextFull),
            (json!("modelNotFound"), "", C::BadModel),
            (json!("internalServerError"), "", C::Overloaded),
            (json!("serverOverloaded"), "", C::Overloaded),
            (
                http("httpConnectionFailed", null.clone()),
                "Connection failed: error sending request",
                C::Network,
            ),
            (
                json!("other"),
                "stream disconnected before completion: stream closed",
                C::Network,
            ),
            (
                json!("other"),
                r#"{"detail":"The 'x' model is not supported when using Codex with a plan."}"#,
                C::BadModel,
            ),
            (json!("other"), "bad thing", C::Other),
            (null, "", C::Other),
        ] {
            let error = error(info, text);
            assert_eq!(classify(&error).class, class, "{error:?}");
        }
    }

    #[test]
    fn the_message_is_the_services_own_and_says_what_to_do() {
        let refused = error(
            json!("other"),
            r#"{"error":{"message":"bad thing.","code":1}}"#,
        );
        assert_eq!(
            classify(&refused).message,
            "bad thing. Next: see the agent's transcript."
        );
    }

    #[test]
    fn the_time_to_wait_is_read_where_it_is_told() {
        for (text, seconds) in [
            ("Rate limit reached. Please try again in 11.054s.", Some(12)),
            ("try again in 250ms", Some(1)),
            ("try again in 2m", Some(120)),
            ("or try again at 12:35 PM.", None),
            ("try again in a while", None),
            ("try again in 99999999999999999999s", None),
            ("try again in ", None),
        ] {
            assert_eq!(retry_after_s(text), seconds, "{text}");
        }
    }
}
