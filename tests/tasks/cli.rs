//! Tasks: cli.
