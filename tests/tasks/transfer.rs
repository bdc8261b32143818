//! Tasks: transfer.
