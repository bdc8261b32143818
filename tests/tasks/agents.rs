//! Tasks: agents.
