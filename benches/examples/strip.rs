//! Removes the label from a file in memory, so many times: `strip FILE ROUNDS`. Two runs tell what a round takes.

use std::io;
use std::path::Path;

use bytes::Bytes;
use unlabel_benches::KEY;
use unlabel_core::{Engine, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, rounds] = &arguments[..] else {
        return Err("usage: strip FILE ROUNDS".into());
    };
    let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
    let bytes = Bytes::from(std::fs::read(file)?);
    let engine = Engine::builder().label(KEY).build()?;
    for _ in 0..rounds.parse::<u32>()? {
        let cleaned = engine.strip(Source::from_bytes(bytes.clone()).with_name(&name))?;
        cleaned.payload().ok_or("the file cannot be stripped")?.write_to(&mut io::sink())?;
    }
    Ok(())
}
