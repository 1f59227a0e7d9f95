//! What is shown to the residue scan.

use std::collections::HashSet;
use std::ops::Range;

use super::document::{Home, place_of};
use super::lexer::{Lexer, is_space};
use super::value::name_bytes;
use super::walk::Role;
use super::{PdfSurvey, Source};
use crate::containers::deflate::{Wrapper, inflate_windows};
use crate::scan::{Class, Scan};

/// A range of the file and what is claimed in it, in bytes of the file.
type Region = (Range<usize>, Vec<Range<usize>>);

/// Keys of trailers: structure, whatever a label is called.
const TRAILER_KEYS: [&[u8]; 15] = [
    b"Size",
    b"Root",
    b"Info",
    b"ID",
    b"Prev",
    b"Encrypt",
    b"XRefStm",
    b"Type",
    b"XRef",
    b"DocChecksum",
    b"Length",
    b"Filter",
    b"FlateDecode",
    b"Index",
    b"W",
];

pub(super) fn scan(survey: &PdfSurvey<'_>, scan: &mut Scan<'_>) {
    let document = &survey.document;
    for (range, claimed) in slack(survey) {
        show(survey, scan, Class::Slack, "unused bytes", &range, &claimed);
    }
    for (info, claimed) in survey.infos.iter().zip(claims(survey)) {
        if info.home == Home::File {
            show(survey, scan, Class::Metadata, "document information", &info.range, &claimed);
        } else {
            let bytes = document.text(info.home).get(info.range.clone()).unwrap_or_default();
            let claimed = relative(&claimed, info.range.start);
            scan.region(Class::Metadata, "document information", info.offset as u64, bytes, &claimed);
        }
    }
    for trailer in document.trailers.iter().filter(|trailer| !trailer.is_stream) {
        let known = |range: &Range<usize>| {
            let name = document.input.get(range.start + 1..range.end).unwrap_or_default();
            TRAILER_KEYS.contains(&name_bytes(name).as_slice())
        };
        let entries = &trailer.dict.entries;
        let mut claimed: Vec<Range<usize>> = entries.iter().map(|entry| entry.key.clone()).filter(known).collect();
        claimed.extend(survey.infos.iter().filter(|info| info.home == Home::File).map(|info| info.range.clone()));
        show(survey, scan, Class::Metadata, "trailer", &trailer.dict.range, &claimed);
    }
    super::packets::scan(survey, scan);
    if scan.wants_content() {
        content(survey, scan);
    }
}

fn show(
    survey: &PdfSurvey<'_>,
    scan: &mut Scan<'_>,
    class: Class,
    place: &str,
    range: &Range<usize>,
    claimed: &[Range<usize>],
) {
    let bytes = survey.document.input.get(range.clone()).unwrap_or_default();
    scan.raw_region(class, place, range.start as u64, bytes, &relative(claimed, range.start));
}

fn relative(ranges: &[Range<usize>], base: usize) -> Vec<Range<usize>> {
    let moved = |range: &Range<usize>| Some(range.start.checked_sub(base)?..range.end.checked_sub(base)?);
    ranges.iter().filter_map(moved).collect()
}

/// The ranges of the entries of each information dictionary.
fn claims(survey: &PdfSurvey<'_>) -> Vec<Vec<Range<usize>>> {
    let mut claims = vec![Vec::new(); survey.infos.len()];
    for source in &survey.sources {
        if let Source::Info(entry) = source
            && let Some(claimed) = claims.get_mut(entry.info)
        {
            claimed.push(entry.range.clone());
        }
    }
    claims
}

/// The ranges of the file that no reader looks at: gaps between objects, and what stands before and after them.
/// Comments of an information dictionary are among them.
pub(super) fn slack(survey: &PdfSurvey<'_>) -> Vec<Region> {
    let document = &survey.document;
    let input = document.input;
    let mut covered: Vec<Range<usize>> = document.walk.objects.iter().map(|object| object.range.clone()).collect();
    covered.extend(document.walk.structure.iter().cloned());
    covered.sort_by_key(|range| range.start);
    covered.push(input.len()..input.len());
    let mut regions = Vec::new();
    let mut end = 0;
    for range in covered {
        if range.start > end {
            let gap = end..range.start;
            let bytes = input.get(gap.clone()).unwrap_or_default();
            if !bytes.iter().all(|&byte| is_space(byte)) {
                regions.push((gap.clone(), marks(bytes, gap.start)));
            }
        }
        end = end.max(range.end);
    }
    for (info, claimed) in survey.infos.iter().zip(claims(survey)) {
        if info.home == Home::File {
            regions.push((info.range.clone(), claimed));
        }
    }
    regions
}

/// Header and end marks in a gap.
fn marks(bytes: &[u8], base: usize) -> Vec<Range<usize>> {
    let header = memchr::memmem::find_iter(bytes, b"%PDF-").map(|at| base + at..base + at + 8);
    header.chain(memchr::memmem::find_iter(bytes, b"%%EOF").map(|at| base + at..base + at + 5)).collect()
}

/// Shows every object and stream that is not metadata.
fn content(survey: &PdfSurvey<'_>, scan: &mut Scan<'_>) {
    let document = &survey.document;
    let in_file = survey.infos.iter().filter(|info| info.home == Home::File);
    let infos: HashSet<usize> = in_file.map(|info| info.range.start).collect();
    for (index, object) in document.walk.objects.iter().enumerate() {
        if infos.contains(&object.body.start) {
            continue;
        }
        let place = place_of(object.id);
        let head = object.range.start..object.data.as_ref().map_or(object.range.end, |data| data.start);
        show(survey, scan, Class::Content, &place, &head, &[]);
        let Some(data) = &object.data else { continue };
        if object.role == Role::Metadata {
            continue;
        }
        let within = document.coded.iter().position(|coded| coded.object == index);
        if let Some(coded) = within {
            let home = Home::Coded(coded);
            let infos = survey.infos.iter().filter(|info| info.home == home).map(|info| info.range.clone());
            let claimed: Vec<Range<usize>> = infos.collect();
            scan.region(Class::Content, &place, data.start as u64, document.text(home), &claimed);
            continue;
        }
        show(survey, scan, Class::Content, &place, data, &[]);
        let raw = document.input.get(data.clone()).unwrap_or_default();
        match document.crypt.stream_cipher(object.id, false, false) {
            Ok(None) => decoded_content(survey, scan, index, &place, raw, data.start),
            // Decrypted content is held whole; what is too large for that is shown as it stands only.
            Ok(Some(cipher)) if document.limits.check_part(raw.len() as u64).is_ok() => {
                let plain = cipher.decrypt(raw).unwrap_or_default();
                scan.region(Class::Content, &place, data.start as u64, &plain, &[]);
                decoded_content(survey, scan, index, &place, &plain, data.start);
            }
            _ => {}
        }
    }
}

/// Shows the decoded data of a stream as far as it can be decoded.
fn decoded_content(survey: &PdfSurvey<'_>, scan: &mut Scan<'_>, index: usize, place: &str, raw: &[u8], start: usize) {
    let document = &survey.document;
    let Some(object) = document.walk.objects.get(index) else { return };
    let filter = document.dict(object).and_then(|dict| dict.get(document.input, b"Filter").cloned());
    let Some(filter) = filter else { return };
    let mut names = Lexer::at(document.input.get(..filter.range.end).unwrap_or_default(), filter.range.start);
    let first = std::iter::from_fn(|| names.next()).find(|(token, _)| *token == super::lexer::Token::Name);
    let is_flate = first.is_some_and(|(_, range)| super::value::is_name(document.input, &range, b"FlateDecode"));
    if !is_flate {
        return;
    }
    let mut stream = scan.stream(Class::Content, place, start as u64);
    let mut show = |window: &[u8]| {
        stream.push(window);
        Ok(())
    };
    // Damaged content is the reader's affair: what comes before the damage has been shown.
    let _ = inflate_windows(raw, Wrapper::Zlib, document.limits.total_bytes, &mut show);
}
