//! Every integration test in one binary, so that linking is paid once.

#![cfg(test)]

mod claude;
mod cli;
mod clients;
mod codex;
mod doctor;
mod faults;
mod lifecycle;
mod models;
mod protocol;
mod support;
