//! What a model calls: the MCP server on standard input and output. Thin: a tool reads its
//! parameters, calls one function of a domain, and renders. Nothing here decides.

mod caller;
mod parameters;
mod person;
mod prompts;
mod reply;
mod schema;
mod server;
mod stdio;
mod tools;

pub use server::{Server, tool_list};
pub use stdio::serve;
