//! Every integration test in one binary, so that linking is paid once.

#![cfg(test)]

mod acp;
mod claude;
mod cli;
mod clients;
mod codex;
mod context;
mod definitions;
mod doctor;
mod family;
mod fanout;
mod faults;
mod gemini;
mod lifecycle;
mod memory;
mod merge;
mod models;
mod opencode;
mod protocol;
mod roles;
mod support;
mod tasks;
mod worktrees;
