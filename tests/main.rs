//! Every integration test in one binary, so that linking is paid once.

#![cfg(test)]

mod claude;
mod faults;
mod lifecycle;
mod support;
