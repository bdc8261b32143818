//! Definitions of agents, seen from outside: files in a project and in the user's folders, spawned
//! from over MCP, listed and written on the command line.

mod claude;
mod files;
mod schemas;
mod spawning;

use std::fs;

use crate::support::Home;

/// Writes a file of that world.
fn write(home: &Home, path: &str, text: &str) {
    let path = home.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
