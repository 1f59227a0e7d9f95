//! Runs a command, and writes what it took to standard output: seconds of wall time, microseconds of processors, the peak
//! memory of its largest process in KiB, the bytes it wrote to files, and the code it ends with. `watch COMMAND…`
//!
//! A small program, because the kernel counts to the memory of a process what the one that started it had.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;

    let mut words = std::env::args_os().skip(1);
    let program = words.next().ok_or("usage: watch COMMAND…")?;
    let mut command = Command::new(program);
    // Its words are not mixed with the figures.
    command.args(words).stdin(Stdio::null()).stdout(std::io::stderr());
    let start = Instant::now();
    let status = command.status()?;
    let wall = start.elapsed().as_secs_f64();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = (used.user_time() + used.system_time()).num_microseconds();
    println!("{wall} {cpu} {} {} {}", used.max_rss(), written()?, status.code().unwrap_or(-1));
    Ok(())
}

/// The bytes that this process and those it has waited for wrote to files on disk. Of what is given to calls that write
/// some goes to pipes; and what the system counts as written is whole folios of the page cache, a mebibyte for a byte.
#[cfg(target_os = "linux")]
fn written() -> Result<u64, Box<dyn std::error::Error>> {
    let counts = std::fs::read_to_string("/proc/self/io")?;
    let count = |name| -> Result<u64, Box<dyn std::error::Error>> {
        let line = counts.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.ok_or("the system does not count what is written")?.parse()?)
    };
    Ok(count("wchar: ")?.min(count("write_bytes: ")?))
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("what a command took is only known on Linux");
    std::process::exit(2);
}
