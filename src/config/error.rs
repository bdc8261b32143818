//! What can be wrong with a configuration. The first line of a message says what and where, the
//! second what to do next.

use std::path::PathBuf;
use std::{fmt, io};

use thiserror::Error;

use crate::text::one_line;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Defaults,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable, by name.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("the built-in defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "the variable {name}"),
        }
    }
}

/// Why the configuration could not be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A configuration file is there but cannot be read.
    #[error(
        "cannot read {}: {source}\nMake it a readable TOML file, or remove it.",
        file.display()
    )]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why reading failed.
        source: io::Error,
    },
    /// A configuration file is no TOML.
    #[error("{} is not TOML, line {line}: {reason}\nCorrect that line.", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// A key that no setting has.
    #[error("unknown key `{key}` in {origin}\nDid you mean `{nearest}`? Correct or remove it.")]
    UnknownKey {
        /// The full key, as in `agents.max_concurrent`.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The existing full key that is most like it.
        nearest: String,
    },
    /// A value of the wrong type, out of its range or without meaning.
    #[error("`{key}` in {origin}: {reason}\nCorrect it, or remove it to have the default.")]
    Invalid {
        /// The full key, as in `agents.max_concurrent`.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// A provider without a key that its kind needs.
    #[error("`{key}` is missing in {origin}\nAdd `{example}`.")]
    Missing {
        /// The full key, as in `providers.lint.command`.
        key: String,
        /// Where the rest of the provider stands.
        origin: Origin,
        /// A line of TOML that would do.
        example: &'static str,
    },
    /// A project file sets what only the user may set.
    #[error(
        "`{key}` may not be set in {}: a cloned repository must not choose what runs here\n\
         Move it to {}.",
        file.display(),
        user_file.display()
    )]
    NotInProject {
        /// The refused section or key.
        key: String,
        /// The project file.
        file: PathBuf,
        /// Where the section belongs.
        user_file: PathBuf,
    },
    /// A variable that sets something and is not Unicode.
    #[error("the variable {name} is not valid Unicode\nSet it to UTF-8 text, or unset it.")]
    NotUnicode {
        /// The variable.
        name: String,
    },
    /// Neither a variable nor the operating system knows the user's home.
    #[error("this user's home directory is unknown\nSet HOME to an absolute path.")]
    NoHome,
    /// The state directory would depend on the working directory.
    #[error("`{}` is no absolute path\nSet OSTLER_HOME to one.", path.display())]
    RelativeStateDir {
        /// The refused path.
        path: PathBuf,
    },
}

/// Text out of a file that anybody may have written, fit for one line of a message.
pub(super) fn on_one_line(text: &str) -> String {
    one_line(text, 300)
}
