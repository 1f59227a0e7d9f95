//! Removes the label from files in memory, each so many times: `strip ROUNDS FILE...`. Two runs tell what a round takes.

use std::io;
use std::path::Path;

use bytes::Bytes;
use unlabel_benches::KEY;
use unlabel_core::{Engine, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rounds, files @ ..] = &arguments[..] else {
        return Err("usage: strip ROUNDS FILE...".into());
    };
    let read = |file| Ok::<_, io::Error>((Path::new(file), Bytes::from(std::fs::read(file)?)));
    let files = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let engine = Engine::builder().label(KEY).build()?;
    for _ in 0..rounds.parse::<u32>()? {
        for (path, bytes) in &files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let cleaned = engine.strip(Source::from_bytes(bytes.clone()).with_name(&name))?;
            cleaned.payload().ok_or("the file cannot be stripped")?.write_to(&mut io::sink())?;
        }
    }
    Ok(())
}
