//! Tasks: drain.
