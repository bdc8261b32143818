//! Tasks: real.
