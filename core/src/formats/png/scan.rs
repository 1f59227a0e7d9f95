//! Showing a file to the residue scan.

use super::chunk::{Chunk, FILLER, image_data};
use super::text::Text;
use super::{Body, Part, Surveyed};
use crate::containers::deflate::{Wrapper, inflate_windows};
use crate::scan::{Class, Scan};

/// Chunks that consist of numbers with a fixed meaning.
const NUMBERS: [&[u8; 4]; 24] = [
    b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"oFFs", b"sTER",
    b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi", b"acTL", b"fcTL", b"CgBI", b"iDOT", b"gIFg", b"vpAg", b"tIME",
];

/// Shows every region of `survey` to `scan`.
pub(super) fn show(survey: &Surveyed<'_>, scan: &mut Scan<'_>) {
    let input = survey.input;
    let bytes = |chunk: &Chunk| input.get(chunk.data.clone()).unwrap_or_default();
    let mut budget = survey.limits.part_bytes;
    let mut parts = survey.parts.iter().peekable();
    for chunk in survey.walk.chunks.iter().chain(&survey.walk.trailing) {
        if let Some(part) = parts.next_if(|part| part.chunk == *chunk) {
            show_part(survey, part, scan, &mut budget);
            continue;
        }
        let (name, start) = (chunk.name(), chunk.data.start as u64);
        match &chunk.kind {
            kind if NUMBERS.contains(&kind) => {}
            b"iCCP" if scan.wants_content() => {
                scan.raw_region(Class::Content, &name, start, bytes(chunk), &[]);
                let Some(coded) = bytes(chunk).splitn(2, |byte| *byte == 0).nth(1) else { continue };
                inflated(survey, scan, Class::Content, &name, start, coded.get(1..).unwrap_or_default());
            }
            b"iCCP" => {}
            &FILLER | b"IEND" => scan.raw_region(Class::Slack, &name, start, bytes(chunk), &[]),
            _ => scan.raw_region(Class::Metadata, &name, start, bytes(chunk), &[]),
        }
    }
    for range in survey.loose() {
        let start = range.start as u64;
        scan.raw_region(Class::Slack, "behind the image", start, input.get(range).unwrap_or_default(), &[]);
    }
    if scan.wants_content() {
        show_image(survey, scan);
    }
}

fn show_part(survey: &Surveyed<'_>, part: &Part, scan: &mut Scan<'_>, budget: &mut u64) {
    let name = survey.place(&part.chunk);
    let start = part.chunk.data.start as u64;
    match &part.body {
        Body::Label(None) => {}
        Body::Label(Some(text)) => {
            let end = survey.input.get(text.field.clone()).and_then(|coded| end_of_stream(text, coded, budget));
            let unused = end.map_or(text.field.end, |end| text.field.start + end)..text.field.end;
            let bytes = survey.input.get(unused.clone()).unwrap_or_default();
            scan.raw_region(Class::Slack, &name, unused.start as u64, bytes, &[]);
        }
        Body::Block(block) => {
            show_head(survey, &part.chunk, block.start(), scan);
            let bytes = block.block(survey.input);
            match block.base() {
                Some(base) => scan.raw_region(Class::Metadata, &name, base as u64, bytes, &block.claimed()),
                None => scan.region(Class::Metadata, &name, start, bytes, &block.claimed()),
            }
            for range in block.payload().iter().filter(|_| scan.wants_content()).cloned().collect::<Vec<_>>() {
                scan.region(Class::Content, &name, start, bytes.get(range).unwrap_or_default(), &[]);
            }
        }
        Body::Opaque(text) => show_opaque(survey, &part.chunk, text.as_ref(), scan),
    }
}

/// What stands before the text of a chunk: its keyword, which is known, and what an `iTXt` says about it.
fn show_head(survey: &Surveyed<'_>, chunk: &Chunk, end: usize, scan: &mut Scan<'_>) {
    let head = survey.input.get(chunk.data.start..end).unwrap_or_default();
    let keyword = 0..memchr::memchr(0, head).unwrap_or(head.len());
    scan.raw_region(Class::Metadata, &survey.place(chunk), chunk.data.start as u64, head, &[keyword]);
}

/// Where the zlib stream of a text ends, which is before the end of the chunk when something was hidden there.
/// `budget` bounds what is inflated for this in one file.
fn end_of_stream(text: &Text, coded: &[u8], budget: &mut u64) -> Option<usize> {
    if !text.is_compressed {
        return None;
    }
    let limit = *budget;
    inflate_windows(coded, Wrapper::Zlib, limit, &mut |window| {
        *budget = budget.saturating_sub(window.len() as u64);
        Ok(())
    })
    .ok()
}

/// A block that cannot be read: its bytes as they are, inflated, and out of hex.
fn show_opaque(survey: &Surveyed<'_>, chunk: &Chunk, text: Option<&Text>, scan: &mut Scan<'_>) {
    let (name, start) = (survey.place(chunk), chunk.data.start as u64);
    let range = text.map_or(chunk.data.clone(), |text| text.field.clone());
    let is_colour = text.is_some_and(|text| matches!(text.profile(), Some("icc" | "icm")));
    let class = if is_colour { Class::Content } else { Class::Metadata };
    if is_colour && !scan.wants_content() {
        return;
    }
    show_head(survey, chunk, range.start, scan);
    scan.raw_region(class, &name, range.start as u64, survey.input.get(range.clone()).unwrap_or_default(), &[]);
    let Some(bytes) = text.and_then(|text| text.bytes(survey.input, survey.limits).ok()) else { return };
    match super::text::Profile::read(&bytes) {
        Some((_, decoded)) => scan.region(class, &name, start, &decoded, &[]),
        None => scan.region(class, &name, start, &bytes, &[]),
    }
}

/// The image data as it is, and inflated.
fn show_image(survey: &Surveyed<'_>, scan: &mut Scan<'_>) {
    let mut coded = Vec::new();
    for (index, run) in survey.walk.image.iter().enumerate() {
        let place = format!("image data {}", index + 1);
        for (at, data) in image_data(survey.input, run) {
            scan.raw_region(Class::Content, &place, at as u64, data, &[]);
            coded.extend_from_slice(data);
        }
    }
    let start = survey.walk.image.first().map_or(0, |run| run.start as u64);
    inflated(survey, scan, Class::Content, "image data", start, &coded);
}

/// What a zlib stream holds, as far as it can be read.
fn inflated(survey: &Surveyed<'_>, scan: &mut Scan<'_>, class: Class, place: &str, offset: u64, coded: &[u8]) {
    let mut stream = scan.stream(class, place, offset);
    let _ = inflate_windows(coded, Wrapper::Zlib, survey.limits.total_bytes, &mut |window| {
        stream.push(window);
        Ok(())
    });
}
