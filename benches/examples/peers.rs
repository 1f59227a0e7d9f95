//! What the comparison measures besides programs that people have: `peers read FOLDER` opens, reads and closes every
//! file; `peers floor FOLDER` does the least that a program must do which leaves no label and no half of a file: it looks
//! at every byte once, unpacks what is packed in packages, writes down what it changes, and writes a few bytes in place,
//! those that were there; `peers zip FROM TO` copies packages through the `zip` crate, with the label cut out of the custom
//! properties and other members as they are packed. All on all processors.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Cursor, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use unlabel_benches::KEY;
use walkdir::WalkDir;
use zip::write::SimpleFileOptions;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["read", folder] => files(folder).try_for_each_init(Vec::new, |buffer, path| {
            buffer.clear();
            File::open(path)?.read_to_end(buffer)?;
            Ok(())
        }),
        ["floor", folder] => files(folder).try_for_each_init(
            || (Vec::new(), tempfile::tempfile_in(Path::new(folder).join(".."))),
            |(buffer, journal), path| match journal {
                Ok(journal) => edit_at_least(&path, buffer, journal),
                Err(error) => Err(error.to_string().into()),
            },
        ),
        ["zip", from, to] => {
            if Path::new(from).is_file() {
                return copy(Path::new(from), Path::new(to));
            }
            files(from).try_for_each(|path| copy(&path, &Path::new(to).join(path.strip_prefix(from)?)))
        }
        _ => Err("usage: peers read FOLDER | peers floor FOLDER | peers zip FROM TO".into()),
    }
}

fn files(folder: &str) -> impl ParallelIterator<Item = PathBuf> {
    let entries = WalkDir::new(folder).into_iter().filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).par_bridge()
}

/// Looks at all of a file, and writes 64 bytes in the middle of it behind a journal: the bytes that are there.
fn edit_at_least(path: &Path, buffer: &mut Vec<u8>, journal: &File) -> Outcome {
    let mut file = File::options().read(true).write(true).open(path)?;
    buffer.clear();
    file.read_to_end(buffer)?;
    if buffer.starts_with(b"PK") {
        let mut package = zip::ZipArchive::new(Cursor::new(&buffer[..]))?;
        for index in 0..package.len() {
            std::io::copy(&mut package.by_index(index)?, &mut std::io::sink())?;
        }
    } else {
        black_box(buffer.iter().fold(0, |all, byte| all ^ byte));
    }
    let middle = buffer.len() / 2;
    let edit = &buffer[middle..buffer.len().min(middle + 64)];
    journal.write_all_at(edit, 0)?;
    file.write_all_at(edit, middle as u64)?;
    journal.set_len(0)?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Outcome {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut package = zip::ZipArchive::new(BufReader::new(File::open(from)?))?;
    let mut copy = zip::ZipWriter::new(BufWriter::new(File::create(to)?));
    for index in 0..package.len() {
        let name = package.name_for_index(index).unwrap_or_default().to_owned();
        if name == "docProps/custom.xml" {
            let mut properties = String::new();
            package.by_index(index)?.read_to_string(&mut properties)?;
            copy.start_file(name, SimpleFileOptions::default())?;
            copy.write_all(without_label(&properties).as_bytes())?;
        } else {
            copy.raw_copy_file(package.by_index_raw(index)?)?;
        }
    }
    copy.finish()?.flush()?;
    Ok(())
}

/// The text without the property of that name, as a script would cut it out.
fn without_label(properties: &str) -> String {
    let mut rest = properties.to_owned();
    if let Some(name) = rest.find(&format!("name=\"{KEY}\""))
        && let Some(start) = rest[..name].rfind("<property ")
        && let Some(end) = rest[name..].find("</property>")
    {
        rest.replace_range(start..name + end + "</property>".len(), "");
    }
    rest
}
