//! Several agents on one task: how one request becomes several, and which of them did best. Pure;
//! that they are written and waited for as one is the crew's business.

pub(crate) mod ranking;
pub(crate) mod variants;

pub use ranking::{Ranked, Ranking};
pub use variants::Variants;
