//! Agents that speak the Agent Client Protocol: what the real CLIs have in common, told once, and
//! an agent made up for the purpose, which ostler knows nothing of.

mod made_up;
pub(crate) mod real;
