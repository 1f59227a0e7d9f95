//! The `unlabel` command.
#![deny(unsafe_code)]

mod args;
mod exit;
mod found;
mod generate;
mod input;
mod interrupt;
mod list;
mod pipe;
mod progress;
mod recover;
mod remote;
mod report;
mod request;
mod serve;
mod strip;
mod tally;
mod text;
mod undo;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.command {
        Command::List(options) => list::run(options),
        Command::Strip(options) => strip::run(options),
        Command::Request(options) => request::run(options),
        Command::Pipe(options) => pipe::run(options),
        Command::Recover(options) => Ok(recover::run(options)),
        Command::Undo(options) => undo::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Generate(what) => generate::run(what),
    };
    result.unwrap_or_else(|error| error.report(&args.command)).into()
}
