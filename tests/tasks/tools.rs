//! Tasks: tools.
