//! Comparing meanings: where a service for embeddings is configured, memories and questions are sent
//! there, and what lies near a question in its vectors is found although they share no word. Off unless
//! the user's configuration names a service. Without an answer from it everything else works as before;
//! its key leaves this process in one header and is in no message, log or row.

mod answer;
mod beside;
mod breaker;
mod cache;
pub(crate) mod embed;
mod fuse;
mod meaning;
pub(crate) mod rows;
mod service;
mod vector;
mod why;

pub use embed::{Embedded, Progress};
pub(crate) use fuse::fuse;
pub use meaning::Meaning;
pub use why::Why;
