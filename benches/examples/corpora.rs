//! Writes the folders of small files that the comparison runs on: `corpora FOLDER KIND COUNT`.
//!
//! A KIND is a format and a size in KiB (`docx40`, `jpg8192`), with `clean` before it for files without the label.

use std::fs;
use std::path::Path;

use rayon::prelude::*;
use unlabel_benches::{KEY, docx, jpeg, packed_pdf, pdf, png};
use unlabel_core::{Engine, Source};

/// How many files are generated; the others are copies of them.
const DISTINCT: u64 = 1000;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, kind, count] = &arguments[..] else {
        return Err("usage: corpora FOLDER KIND COUNT".into());
    };
    let (is_clean, named) = kind.strip_prefix("clean").map_or((false, &kind[..]), |named| (true, named));
    let digits = named.find(|sign: char| sign.is_ascii_digit()).unwrap_or(named.len());
    let (format, size) = named.split_at(digits);
    let len = size.parse::<usize>()? << 10;
    let generate = match format {
        "docx" => docx,
        "jpg" => jpeg,
        "pdf" => |len, seed: u64| if seed.is_multiple_of(2) { pdf(len, seed) } else { packed_pdf(len, seed) },
        "png" => png,
        _ => return Err(format!("no format {format}").into()),
    };
    let engine = Engine::builder().label(KEY).build()?;
    // A hundred to a folder, as people have them.
    let path = |number: u64| Path::new(folder).join(format!("{:04}/{number:06}.{format}", number / 100));
    let count = count.parse::<u64>()?;
    for number in (0..count).step_by(100) {
        fs::create_dir_all(path(number).with_file_name(""))?;
    }
    (0..count.min(DISTINCT)).into_par_iter().try_for_each(|number| -> Outcome {
        let bytes = generate(len, number);
        if is_clean {
            let cleaned = engine.strip(Source::from_bytes(bytes))?;
            let payload = cleaned.payload().ok_or("a generated file cannot be stripped")?;
            payload.write_to(&mut fs::File::create(path(number))?)?;
        } else {
            fs::write(path(number), bytes)?;
        }
        Ok(())
    })?;
    (DISTINCT..count).into_par_iter().try_for_each(|number| {
        fs::copy(path(number % DISTINCT), path(number))?;
        Ok(())
    })
}
