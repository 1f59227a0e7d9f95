//! Writes small files as seeds for fuzz targets: `seeds FOLDER TARGET…`.
//!
//! The generated files of the benchmarks, and one written by hand for each format of which no collection of real files
//! and no library supplies any.

use std::path::Path;

const XMP: &str = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
    <rdf:Description rdf:about='' xmlns:v='urn:v'><v:id>8888</v:id><v:other>kept</v:other></rdf:Description></rdf:RDF>\
    </x:xmpmeta>";

const NOTEBOOK: &str = r#"{"cells": [{"cell_type": "code", "execution_count": 1, "metadata": {"id": "8888", "tags": ["a"]},
 "outputs": [{"output_type": "display_data", "data": {"text/plain": ["x"]}, "metadata": {"label": "value"}}],
 "source": ["print(1)\n"]}], "metadata": {"kernelspec": {"name": "python3"}, "label": "value"}, "nbformat": 4, "nbformat_minor": 5}"#;

const JSON: &str = r#"{"metadata": {"label": "value", "other": [1, 2.5e3, null, true, "\u00e4"]}, "properties": {"id": "8888"},
 "labels": [{"key": "id", "value": "8888"}, {"key": "b", "value": "c"}], "rows": [{"id": 1}, {"id": 2}]}"#;

const YAML: &str = "# a comment\napiVersion: v1\nmetadata:\n  name: a\n  labels: {id: \"8888\", 'other': kept}\n  annotations:\n\
    \x20   label: |\n      value\n      and more\n    list:\n    - one\n    - {a: b}\n---\nlabel: >-\n  folded\n  text\nkept: &a [1, 2]\n\
    again: *a\n...\n";

const MARKDOWN: &str = "---\ntitle: a title\nlabel: value\ntags: [one, two]\n---\n\n# A heading\n\ntext\n";

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: seeds FOLDER TARGET…");
        std::process::exit(2);
    };
    for target in arguments {
        let folder = Path::new(&folder).join(&target);
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in unlabel_benches::seeds().into_iter().chain(by_hand()) {
            if name.split('.').next().is_some_and(|format| target.ends_with(&format!("_{format}"))) {
                std::fs::write(folder.join(format!("generated.{name}")), bytes)?;
            }
        }
    }
    Ok(())
}

fn by_hand() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (
            "aac.aac",
            [id3(), [&[0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc][..], &[7; 9]].concat().repeat(8), id3v1()].concat(),
        ),
        ("ape.ape", [&b"MAC \x96\x0f\0\0"[..], &[7; 90], &ape(), &id3v1()].concat()),
        ("appledouble._a", appledouble()),
        ("ipynb.ipynb", NOTEBOOK.into()),
        ("json.json", JSON.into()),
        ("jxl.jxl", jxl()),
        ("markdown.md", MARKDOWN.into()),
        ("psd.psd", psd()),
        ("yaml.yaml", YAML.into()),
        ("xmp.xmp", XMP.into()),
    ]
}

fn id3() -> Vec<u8> {
    let frames = [&b"TXXX\0\0\0\x08\0\0\0id\08888"[..], b"TIT2\0\0\0\x06\0\0\0title", &[0; 20]].concat();
    [&b"ID3\x03\0\0\0\0\0"[..], &[frames.len() as u8], &frames].concat()
}

fn id3v1() -> Vec<u8> {
    let mut tag = [&b"TAGtitle"[..], &[0; 119], &[255]].concat();
    tag[93..97].copy_from_slice(b"2020");
    tag
}

fn ape() -> Vec<u8> {
    let items = b"\x04\0\0\0\0\0\0\0id\08888\x05\0\0\0\0\0\0\0Title\0title";
    let frame = |flags: u32| {
        let numbers = [2000, items.len() as u32 + 32, 2, flags, 0, 0].map(u32::to_le_bytes).concat();
        [&b"APETAGEX"[..], &numbers].concat()
    };
    [frame(0xa000_0000), items.to_vec(), frame(0x8000_0000)].concat()
}

/// A file of macOS with two attributes and an empty resource fork.
fn appledouble() -> Vec<u8> {
    let attributes: [(&[u8], &[u8]); 2] = [(b"user.id\0", b"8888"), (b"com.apple.b\0", b"kept")];
    let records: usize = attributes.iter().map(|(name, _)| (11 + name.len()).next_multiple_of(4)).sum();
    let (mut at, end) = (120 + records, 120 + records + 40);
    let mut file = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        \x00\x02".to_vec();
    for number in [9, 50, end - 50, 2, end, 0] {
        file.extend((number as u32).to_be_bytes());
    }
    file.extend([&[0; 34][..], b"ATTR\0\0\0\0"].concat());
    for number in [end, at, 8] {
        file.extend((number as u32).to_be_bytes());
    }
    file.extend([&[0; 14][..], &[0, 2]].concat());
    for (name, value) in attributes {
        let start = file.len();
        file.extend(
            [&(at as u32).to_be_bytes()[..], &(value.len() as u32).to_be_bytes(), &[0, 0, name.len() as u8], name]
                .concat(),
        );
        file.resize(start + (file.len() - start).next_multiple_of(4), 0);
        at += value.len();
    }
    file.extend(attributes.iter().flat_map(|(_, value)| *value));
    file.resize(end, 0);
    file
}

fn jxl() -> Vec<u8> {
    let atom = |name: &[u8], data: &[u8]| [&(data.len() as u32 + 8).to_be_bytes()[..], name, data].concat();
    let exif = b"\0\0\0\0II*\0\x08\0\0\0\x01\0\x3b\x01\x02\0\x04\0\0\0who\0\0\0\0\0";
    let boxes = [atom(b"Exif", exif), atom(b"xml ", XMP.as_bytes()), atom(b"jxlc", b"\xff\x0acoded")].concat();
    [atom(b"JXL ", b"\r\n\x87\n"), atom(b"ftyp", b"jxl \0\0\0\0jxl "), boxes].concat()
}

fn psd() -> Vec<u8> {
    let resource = |id: u16, data: &[u8]| {
        let mut block = [&b"8BIM"[..], &id.to_be_bytes(), &[0, 0], &(data.len() as u32).to_be_bytes(), data].concat();
        block.resize(block.len().next_multiple_of(2), 0);
        block
    };
    let records = b"\x1c\x02\x19\0\x05alpha\x1c\x02\x78\0\x04text";
    let blocks = [resource(0x0404, records), resource(0x0424, XMP.as_bytes()), resource(0x040B, b"url")].concat();
    let head = b"8BPS\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x08\0\x01\0\0\0\0";
    [head, &(blocks.len() as u32).to_be_bytes()[..], &blocks, &[0; 7]].concat()
}
