//! What a refusal of the model API means, and what a person can do about it.

use crate::providers::{Failure, FailureClass};

/// The failure behind an API error with `status` and the CLI's own words.
pub(super) fn classify(status: Option<u64>, text: &str) -> Failure {
    let lower = text.to_lowercase();
    let said = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let class = match status {
        Some(401 | 403) => FailureClass::NotLoggedIn,
        _ if said(&["not logged in", "/login", "invalid api key"]) => FailureClass::NotLoggedIn,
        _ if said(&["credit balance", "usage limit", "quota"]) => FailureClass::Quota,
        _ if said(&["prompt is too long", "context window"]) => FailureClass::ContextFull,
        Some(404) => FailureClass::BadModel,
        Some(429) => FailureClass::RateLimited,
        Some(500..=599) => FailureClass::Overloaded,
        _ if said(&[
            "unable to connect",
            "econn",
            "network",
            "fetch failed",
            "timed out",
        ]) =>
        {
            FailureClass::Network
        }
        _ => FailureClass::Other,
    };
    told(class, text)
}

/// A failure in words of the CLI, with the next step behind them.
pub(super) fn told(class: FailureClass, text: &str) -> Failure {
    Failure::told(
        class,
        text,
        "Claude Code",
        "run `claude` once and log in with /login, or set ANTHROPIC_API_KEY where ostler starts",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_class() {
        use FailureClass as C;
        for (status, text, class) in [
            (
                Some(401),
                "Failed to authenticate. API Error: 401",
                C::NotLoggedIn,
            ),
            (None, "Not logged in · Please run /login", C::NotLoggedIn),
            (
                Some(429),
                "API Error: Request rejected (429)",
                C::RateLimited,
            ),
            (Some(529), "API Error: 529", C::Overloaded),
            (
                Some(404),
                "There's an issue with the selected model",
                C::BadModel,
            ),
            (Some(400), "Prompt is too long", C::ContextFull),
            (Some(400), "Your credit balance is too low", C::Quota),
            (
                None,
                "API Error: Unable to connect to API (ECONNRESET)",
                C::Network,
            ),
            (Some(400), "?", C::Other),
        ] {
            assert_eq!(classify(status, text).class, class, "{status:?} {text}");
        }
    }
}
