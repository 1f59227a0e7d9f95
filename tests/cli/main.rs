//! The command, from the outside: exit code, standard output, standard error, and what is on the disk afterwards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the answer")]

mod environment;
mod filter;
mod help;
#[cfg(unix)]
mod in_place;
mod labels;
mod list;
mod reports;
#[cfg(unix)]
mod signals;
mod tree;
mod usage;
