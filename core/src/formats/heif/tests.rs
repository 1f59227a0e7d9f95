//! Hand-built images through the engine.

use crate::engine::list;
use crate::formats::isobmff::tests::{LAYOUTS, atom, full, strip};
use crate::limits::Limits;
use crate::source::Source;
use crate::{Engine, Outcome, Site};

const PACKET: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF \
    xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:z='urn:z' z:id='8888' \
    z:keepme='kept'/></rdf:RDF></x:xmpmeta>";

/// An Exif block with an artist.
fn exif() -> Vec<u8> {
    let head = b"\0\0\0\x06Exif\0\0MM\0\x2a\0\0\0\x08";
    [&head[..], b"\0\x01\x01\x3b\0\x02\0\0\0\x08\0\0\0\x1a\0\0\0\0", b"Someone\0"].concat()
}

fn entry(id: u8, kind: [u8; 4], rest: &[u8]) -> Vec<u8> {
    full(b"infe", 2, 0, &[&[0, id, 0, 0], &kind, b"\0", rest])
}

/// Where an item lies: its construction, and its extents.
type Place = (u8, Vec<(u32, u32)>);

fn locations(places: &[Place]) -> Vec<u8> {
    let mut table = b"\x44\0".to_vec();
    table.extend((places.len() as u16).to_be_bytes());
    for (index, (construction, extents)) in places.iter().enumerate() {
        table.extend([0, index as u8 + 1, 0, *construction, 0, 0, 0, extents.len() as u8]);
        for (offset, length) in extents {
            table.extend(offset.to_be_bytes());
            table.extend(length.to_be_bytes());
        }
    }
    full(b"iloc", 1, 0, &[&table])
}

const XMP: &[u8] = b"application/rdf+xml\0";

/// An image of 8 bytes, an Exif block and a packet in two extents, with something between them.
fn image(is_inside: bool, coding: &[u8]) -> Vec<u8> {
    let items = [entry(1, *b"hvc1", b""), entry(2, *b"Exif", b""), entry(3, *b"mime", &[XMP, coding, b"\0"].concat())];
    let items = full(b"iinf", 0, 0, &[b"\0\x03", &items.concat()]);
    let exif = exif();
    let (first, second) = PACKET.split_at(150);
    let media = [&b"picture!"[..], &exif, second, b"old Someone", first].concat();
    let texts = full(b"udes", 0, 0, &[b"en\0A name\0\0secret tag,more\0"]);
    let properties = atom(b"iprp", &[&atom(b"ipco", &[&texts])]);
    let build = |base: usize| {
        let at = |offset: usize| (base + offset) as u32;
        let (exif_at, second_at) = (8, 8 + exif.len());
        let first_at = second_at + second.len() + 11;
        let places = [
            (u8::from(is_inside), vec![(at(0), 8)]),
            (u8::from(is_inside), vec![(at(exif_at), exif.len() as u32)]),
            (u8::from(is_inside), vec![(at(first_at), first.len() as u32), (at(second_at), second.len() as u32)]),
        ];
        let handler = full(b"hdlr", 0, 0, &[b"\0\0\0\0pict", &[0; 13]]);
        let data = if is_inside { atom(b"idat", &[&media]) } else { Vec::new() };
        full(b"meta", 0, 0, &[&handler, &items, &locations(&places), &properties, &data])
    };
    let kind = atom(b"ftyp", &[b"mif1\0\0\0\0mif1heic"]);
    if is_inside {
        return [kind, build(0)].concat();
    }
    let base = kind.len() + build(0).len() + 8;
    [kind, build(base), atom(b"mdat", &[&media])].concat()
}

fn sites(input: &[u8]) -> Vec<Site> {
    let listing = list(&Source::from_bytes(input.to_vec()), &Limits::default()).unwrap();
    assert_eq!(listing.format, "heif");
    listing.findings.sites
}

fn addresses(input: &[u8]) -> Vec<String> {
    sites(input).into_iter().map(|site| site.address).collect()
}

const ALL: [&str; 5] = ["exif:Artist", "xmp:z:id", "xmp:z:keepme", "udes:name", "udes:tags"];

#[test]
fn items_are_edited_where_they_lie() {
    for is_inside in [false, true] {
        let input = image(is_inside, b"");
        assert_eq!(addresses(&input), ALL);
        for layout in LAYOUTS {
            let output = strip(&input, &["id", "exif:Artist"], layout);
            assert_eq!(output.len(), input.len());
            assert_eq!(addresses(&output), ["xmp:z:keepme", "udes:name", "udes:tags"]);
            assert!(memchr::memmem::find(&output, b"picture!").is_some());
            assert!(memchr::memmem::find(&output, b"8888").is_none());
            assert!(memchr::memmem::find(&output, b"Someone").is_none(), "an old copy between the items");
        }
    }
}

#[test]
fn texts_that_describe_an_image_go() {
    for layout in LAYOUTS {
        let output = strip(&image(false, b""), &["udes:tags", "udes:name"], layout);
        assert_eq!(addresses(&output), ALL[..3]);
        assert!(memchr::memmem::find(&output, b"\0\0\0\0en\0\0\0\0").is_some());
        let output = strip(&image(false, b""), &["udes:name"], layout);
        let tags = sites(&output).pop().unwrap();
        assert_eq!(tags.value.as_deref(), Some("secret tag,more"));
    }
}

#[test]
fn what_cannot_be_read_hides_labels() {
    for input in [image(false, b"deflate"), {
        // The packet lies in another item.
        let mut input = image(false, b"");
        let table = memchr::memmem::find(&input, b"iloc").unwrap();
        input[table + 8 + 2 * 16 + 3 + 4] = 2;
        input
    }] {
        let engine = Engine::builder().label("id").build().unwrap();
        let cleaned = engine.strip(Source::from_bytes(input)).unwrap();
        assert_eq!(cleaned.report().outcome, Outcome::Refused);
    }
}

#[test]
fn bytes_of_two_items_do_not_change() {
    let mut input = image(false, b"");
    let table = memchr::memmem::find(&input, b"iloc").unwrap();
    // The picture reaches over the Exif block.
    input[table + 8 + 4 + 8 + 7] = 40;
    let engine = Engine::builder().label("exif:Artist").build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(input.clone())).unwrap();
    assert_eq!(cleaned.report().outcome, Outcome::Refused);
    assert_eq!(addresses(&strip(&input, &["id"], crate::Layout::Preserve)).len(), 4);
}

#[test]
fn minimized_images_with_metadata_are_hidden() {
    let outcome = |flags: u8| {
        let input = [atom(b"ftyp", &[b"mif3\0\0\0\0"]), atom(b"mini", &[&[0, flags, 0, 0]])].concat();
        let engine = Engine::builder().label("id").build().unwrap();
        engine.strip(Source::from_bytes(input)).unwrap().report().outcome
    };
    assert_eq!(outcome(0), Outcome::Clean);
    assert_eq!((outcome(0x40), outcome(0x20)), (Outcome::Refused, Outcome::Refused));
}
