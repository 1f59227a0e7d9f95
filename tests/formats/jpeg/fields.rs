//! Fields of every carrier of a JPEG file, as `exiftool` writes them.

use std::path::Path;

use rayon::prelude::*;
use unlabel_core::{Layout, Outcome};

use crate::corpus;
use crate::oracle::{self, Tags};
use crate::strip::{self, LAYOUTS, What};

use super::coded;

/// What is written, the address that lists it, and the value by which it is told from what the file had.
const FIELDS: [(&str, &str, &str); 11] = [
    ("EXIF:Artist", "exif:Artist", "Zq Artist Name"),
    ("EXIF:UserComment", "exif:UserComment", "Zq K\u{f6}mment"),
    ("EXIF:XPKeywords", "exif:XPKeywords", "zq keyword; zq other"),
    ("EXIF:LensModel", "exif:LensModel", "Zq Lens 35mm"),
    ("IPTC:By-line", "iptc:By-line", "Zq B\u{ff} Line"),
    ("IPTC:SpecialInstructions", "iptc:SpecialInstructions", "Zq with care"),
    ("Photoshop:URL", "photoshop:URL", "http://zq.example/"),
    ("XMP-dc:Source", "xmp:dc:source", "Zq <Source> & more"),
    ("XMP-pdf:Keywords", "xmp:pdf:Keywords", "Zq pdf words"),
    ("XMP-photoshop:Headline", "xmp:photoshop:Headline", "Zq headline"),
    ("Comment", "jpeg:comment", "Zq comment of the file"),
];

/// Files with an Exif block in either byte order, with IPTC records, several pictures, and with nothing.
const FILES: [&str; 4] =
    ["pillow__hopper.jpg", "tika__testJPEG_commented_pspcs2mac.jpg", "pillow__sugarshack.mpo", "pillow__ultrahdr.jpg"];

/// Has `exiftool` write `arguments` into a copy of `path`.
fn written(path: &Path, arguments: &[String]) -> Vec<u8> {
    let fixed =
        ["-q", "-q", "-m", "-charset", "iptc=UTF8", "-IPTC:CodedCharacterSet=UTF8", "-Photoshop:IPTCDigest=new"];
    let arguments: Vec<&str> =
        fixed.into_iter().chain(arguments.iter().map(String::as_str)).chain(["-o", "-"]).collect();
    let output = oracle::run("exiftool", &arguments, path);
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A file that `exiftool` wrote, and what readers say of it.
struct Input {
    bytes: Vec<u8>,
    extension: String,
    tags: Tags,
    pixels: Result<String, String>,
}

/// Strips `address` and says what is wrong with the result.
fn complaints(input: &Input, (tag, address, value): (&str, &str, &str)) -> Vec<String> {
    let Input { bytes, extension, tags, pixels } = input;
    let check = |layout: Layout| -> Result<(), String> {
        let stripped = strip::strip("file", bytes, layout, What::Label(address)).map_err(|error| error.to_string())?;
        if stripped.report.outcome != Outcome::Stripped {
            return Err(format!("{} {:?}", stripped.report.outcome.name(), stripped.report.reason));
        }
        let output_path = oracle::scratch(extension, &stripped.output);
        let after = oracle::exiftool(&output_path);
        let name = tag.rsplit(':').next().unwrap();
        let diff = tags.diff(&after);
        let derived = ["IPTCDigest", "HasExtendedXMP", "MPImage", "Photoshop_0x1387", "Warning", "ThumbnailOffset"];
        let stray = diff
            .removed
            .iter()
            .chain(&diff.added)
            .find(|(tag, _)| !tag.ends_with(name) && !derived.iter().any(|derived| tag.contains(derived)));
        if let Some((tag, value)) = stray {
            return Err(format!("exiftool sees another {tag}: {value}"));
        }
        if after.0.values().flatten().any(|other| other == value) {
            return Err("exiftool still sees the value".to_owned());
        }
        if layout == Layout::Compact && stripped.output.len() > bytes.len() {
            return Err("the file grew".to_owned());
        }
        if *pixels != oracle::pixels(&output_path) || coded(bytes) != coded(&stripped.output) {
            return Err("the picture differs".to_owned());
        }
        Ok(())
    };
    let wrong = |layout| check(layout).err().map(|wrong| format!("{address} {layout:?}: {wrong}"));
    LAYOUTS.into_iter().filter_map(wrong).collect()
}

#[test]
fn fields_go_one_by_one() {
    // Long enough to need several segments, in XMP and in IPTC.
    let long = |letter: &str| format!("Zq {} end", letter.repeat(30_000));
    let (words, notes) = (long("w"), long("n"));
    let mut fields = FIELDS.to_vec();
    fields.push(("XMP-dc:Rights", "xmp:dc:rights", &words));
    fields.push(("IPTC:DocumentNotes", "iptc:DocumentNotes", &notes));
    let mut arguments: Vec<String> = fields.iter().map(|(tag, _, value)| format!("-{tag}={value}")).collect();
    // Together with the others, these do not fit a segment.
    arguments.push(format!("-XMP-dc:Relation={}", long("r")));
    arguments.push(format!("-IPTC:LocalCaption={}", long("l")));
    arguments.push(format!("-IPTC:Caption-Abstract={}", long("c")));
    let files: Vec<_> =
        corpus::files("jpeg").into_iter().filter(|file| FILES.iter().any(|name| file.name.ends_with(name))).collect();
    let found: Vec<String> = files
        .par_iter()
        .flat_map_iter(|file| {
            let (bytes, extension) = (written(&file.path, &arguments), file.extension());
            let path = oracle::scratch(&extension, &bytes);
            let input = Input { bytes, extension, tags: oracle::exiftool(&path), pixels: oracle::pixels(&path) };
            let wrong = fields.iter().flat_map(|field| complaints(&input, *field));
            wrong.map(|wrong| format!("{}: {wrong}", file.name)).collect::<Vec<_>>()
        })
        .collect();
    assert!(!files.is_empty());
    assert!(found.is_empty(), "{} complaints:\n{}", found.len(), found.join("\n"));
}
