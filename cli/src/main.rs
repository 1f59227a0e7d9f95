//! The `unlabel` command.

fn main() {}
