//! Tasks: claims.
