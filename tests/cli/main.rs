//! The command, from the outside: exit code, standard output, standard error, and what is on the disk afterwards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the answer")]

#[cfg(unix)]
mod arrays;
mod batch;
#[cfg(unix)]
mod commits;
mod environment;
mod filter;
mod help;
#[cfg(unix)]
mod in_place;
mod jobs;
mod labels;
mod list;
#[cfg(unix)]
mod patch;
mod pipe;
#[path = "../sinks/proxy/mod.rs"]
#[allow(dead_code, reason = "the whole proxy is used by the tests of the sinks")]
mod proxy;
mod remote;
mod reports;
mod resume;
#[cfg(unix)]
mod scale_out;
#[cfg(unix)]
mod serve;
#[path = "../sinks/services.rs"]
mod services;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod stages;
#[cfg(unix)]
mod sync;
mod tree;
#[cfg(unix)]
mod undo;
mod usage;
