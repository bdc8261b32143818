//! What goes wrong around agents: programs that misbehave, processes that die, a state file that
//! cannot be used, and crowds.

mod crowd;
mod death;
mod output;
mod programs;
mod store;
