//! What a refusal means, and what a person can do about it. Agents pass on what the model API said,
//! some with its status, most in words only.

use serde_json::Value;

use super::quirks::Quirks;
use super::wire::Refusal;
use crate::providers::{Failure, FailureClass};

/// The code for "authentication required".
const AUTH_REQUIRED: i64 = -32000;
/// Words by which a class is known, the telling ones first.
const WORDS: &[(FailureClass, &[&str])] = &[
    (
        FailureClass::NotLoggedIn,
        &[
            "api key",
            "api-key",
            "api_key",
            "apikey",
            "unauthorized",
            "unauthenticated",
            "authentication",
            "not logged in",
            "permission_denied",
        ],
    ),
    (
        FailureClass::Quota,
        &[
            "quota",
            "credit balance",
            "usage limit",
            "billing",
            "insufficient_funds",
        ],
    ),
    (
        FailureClass::ContextFull,
        &[
            "context window",
            "context length",
            "context_length",
            "too long",
            "token count",
        ],
    ),
    (
        FailureClass::BadModel,
        &[
            "model not found",
            "model_not_found",
            "is not found for api",
            "is no longer available",
            "does not exist",
        ],
    ),
    (
        FailureClass::RateLimited,
        &[
            "rate limit",
            "rate_limit",
            "too many requests",
            "resource_exhausted",
        ],
    ),
    (
        FailureClass::Overloaded,
        &["overloaded", "unavailable", "at capacity"],
    ),
    (
        FailureClass::Network,
        &[
            "fetch failed",
            "connect",
            "econn",
            "enotfound",
            "network",
            "transport error",
            "timed out",
            "timeout",
        ],
    ),
];

/// The failure behind an error of the protocol.
pub(super) fn classify(quirks: &Quirks, refusal: &Refusal) -> Failure {
    let body = serde_json::from_str::<Value>(&refusal.message).ok();
    let error = body.as_ref().and_then(|body| body.get("error"));
    let text = words(refusal, error);
    let all = format!("{} {}", refusal.message, refusal.data).to_lowercase();
    let status = u16::try_from(refusal.code).ok().or_else(|| status_in(text));
    let class = class(refusal.code, status, &all);
    Failure {
        retry_after_s: error.and_then(retry_after_s),
        ..new(quirks, class, text)
    }
}

/// The failure behind an error that answers the opening of an old session.
pub(super) fn not_carried_on(quirks: &Quirks, refusal: &Refusal) -> Failure {
    let failure = classify(quirks, refusal);
    if failure.class == FailureClass::NotLoggedIn {
        return failure;
    }
    let text = words(refusal, None);
    let text = format!("the session cannot be carried on: {text}");
    new(quirks, FailureClass::SessionLost, &text)
}

/// What was said: the sentence in the error body of the API, or the nearest to it.
fn words<'a>(refusal: &'a Refusal, error: Option<&'a Value>) -> &'a str {
    let details = refusal.data.get("details").and_then(Value::as_str);
    let text = error
        .and_then(|error| error.get("message")?.as_str())
        .or(details)
        .unwrap_or(&refusal.message);
    text.trim_start_matches("Internal error: ")
}

fn class(code: i64, status: Option<u16>, all: &str) -> FailureClass {
    let words = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| all.contains(word)));
    match (code, status, words) {
        (AUTH_REQUIRED, ..) | (_, Some(401 | 403), _) => FailureClass::NotLoggedIn,
        (_, Some(429), Some((FailureClass::Quota, _))) => FailureClass::Quota,
        (_, Some(429), _) => FailureClass::RateLimited,
        (.., Some((class, _))) => *class,
        (_, Some(404), _) => FailureClass::BadModel,
        (_, Some(500..=599), _) => FailureClass::Overloaded,
        _ => FailureClass::Other,
    }
}

/// A status that stands in the words as a number of its own.
fn status_in(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() == 3)
        .filter_map(|word| word.parse().ok())
        .find(|status| (400..600).contains(status))
}

/// Google's way to say when to come again: `"retryDelay": "30s"` among the details.
fn retry_after_s(error: &Value) -> Option<u32> {
    let details = error.get("details")?.as_array()?;
    let delay = details
        .iter()
        .find_map(|detail| detail.get("retryDelay")?.as_str())?;
    let seconds: f64 = delay.trim_end_matches('s').parse().ok()?;
    // A float to integer cast saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(seconds.ceil() as u32)
}

/// A failure of `class`: the words with the next step behind them.
pub(super) fn new(quirks: &Quirks, class: FailureClass, text: &str) -> Failure {
    Failure::told(class, text, quirks.name, quirks.login)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Flavour;
    use crate::providers::acp::quirks;

    fn of(flavour: Flavour, code: i64, message: &str, data: Value) -> Failure {
        let message = message.to_owned();
        classify(
            quirks::of(flavour),
            &Refusal {
                code,
                message,
                data,
            },
        )
    }

    #[test]
    fn gemini_tells_the_status_as_the_code() {
        use FailureClass as C;
        for (code, message, class) in [
            (
                401,
                r#"{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}"#,
                C::NotLoggedIn,
            ),
            (
                403,
                r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#,
                C::NotLoggedIn,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#,
                C::NotLoggedIn,
            ),
            (
                -32000,
                "Gemini API key is missing or not configured.",
                C::NotLoggedIn,
            ),
            (429, "Rate limit exceeded. Try again later.", C::RateLimited),
            (429, "You exceeded your current quota", C::Quota),
            (
                500,
                "models/x is not found for API version v1beta",
                C::BadModel,
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
                C::Overloaded,
            ),
            (
                500,
                r#"{"error":{"code":500,"message":"oops","status":"INTERNAL"}}"#,
                C::Overloaded,
            ),
            (
                500,
                "exception TypeError: fetch failed sending request",
                C::Network,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"odd","status":"INVALID_ARGUMENT"}}"#,
                C::Other,
            ),
        ] {
            let failure = of(Flavour::Gemini, code, message, Value::Null);
            assert_eq!(failure.class, class, "{code} {message}");
            assert!(failure.message.contains(". Next: "), "{}", failure.message);
        }
    }

    #[test]
    fn opencode_tells_it_in_words() {
        use FailureClass as C;
        for (message, error, class) in [
            ("Internal error: mock error 401", "APIError", C::NotLoggedIn),
            (
                "Internal error: Incorrect API key provided",
                "APIError",
                C::NotLoggedIn,
            ),
            (
                "Internal error: Too Many Requests",
                "APIError",
                C::RateLimited,
            ),
            (
                "Internal error: error 429 from upstream",
                "APIError",
                C::RateLimited,
            ),
            (
                "Internal error: Provider is overloaded",
                "APIError",
                C::Overloaded,
            ),
            (
                "Internal error: Unable to connect",
                "UnknownError",
                C::Network,
            ),
            (
                "Invalid params: model not found: mock/nope",
                "",
                C::BadModel,
            ),
            ("Internal error: port 4010 in use", "APIError", C::Other),
        ] {
            let data = json!({ "service": "session", "errorName": error });
            let failure = of(Flavour::Opencode, -32603, message, data);
            assert_eq!(failure.class, class, "{message}");
            assert!(
                !failure.message.starts_with("Internal"),
                "{}",
                failure.message
            );
        }
    }

    #[test]
    fn a_time_to_come_again_is_kept() {
        let message =
            r#"{"error":{"code":429,"message":"slow","details":[{"retryDelay":"1.5s"}]}}"#;
        let failure = of(Flavour::Gemini, 429, message, Value::Null);
        assert_eq!(failure.retry_after_s, Some(2));
    }
}
