//! What a person can do about a failure, in the same words for every provider.

use super::{Failure, FailureClass, clip};

/// How much of a CLI's own words is repeated.
const REPEATED: usize = 600;

impl Failure {
    /// What `program` said, with the next step behind it; `login` is the one that logs in.
    pub(super) fn told(class: FailureClass, said: &str, program: &str, login: &str) -> Self {
        let next = match class {
            FailureClass::NotLoggedIn => login,
            FailureClass::BadModel => "name another model, or leave it out",
            FailureClass::RateLimited => "resume the agent later, or run fewer agents at once",
            FailureClass::Overloaded => "the service is in trouble; resume the agent later",
            FailureClass::Quota => {
                "the account's means are used up; resume the agent once they are not"
            }
            FailureClass::ContextFull => "start a new agent with a shorter prompt",
            FailureClass::Network => "check the connection and any proxy, then resume the agent",
            FailureClass::SessionLost => "start a new agent",
            FailureClass::Protocol => "check the provider's `command` in the configuration",
            FailureClass::NotInstalled
            | FailureClass::Crashed
            | FailureClass::Hung
            | FailureClass::Other => "see the agent's transcript",
        };
        let said = clip(said.trim(), REPEATED).trim_end_matches('.');
        Failure::new(
            class,
            match said {
                "" => format!("{program} gave no reason. Next: {next}."),
                said => format!("{said}. Next: {next}."),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_what_to_do() {
        let told = |class, said| Failure::told(class, said, "the CLI", "log in").message;
        assert_eq!(
            told(FailureClass::RateLimited, "Slow down."),
            "Slow down. Next: resume the agent later, or run fewer agents at once."
        );
        assert_eq!(
            told(FailureClass::NotLoggedIn, " "),
            "the CLI gave no reason. Next: log in."
        );
    }
}
