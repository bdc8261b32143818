//! What was learnt, by the command line and by tools.

mod cli;
mod transfer;
