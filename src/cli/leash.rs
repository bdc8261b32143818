//! `ostler leash`, which ostler starts itself.

use std::ffi::OsString;

use clap::Args;

use crate::edge::{Failure, Kind};
use crate::providers::leash;

#[derive(Args)]
pub(super) struct Leash {
    /// The program to become, and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<OsString>,
}

impl Leash {
    /// Returns only when the program could not be started.
    pub(super) fn run(self) -> Failure {
        let mut words = self.words.into_iter();
        let program = words.next().unwrap_or_default();
        let error = leash::become_child(&program, &words.collect::<Vec<_>>());
        // Told by these words to the session that waits for it.
        Failure::new(
            Kind::NotFound,
            format!("cannot start {}: {error}", program.display()),
        )
    }
}
