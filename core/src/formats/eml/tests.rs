//! Messages built by hand, stripped through the engine, which verifies every result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::engine::{Engine, list};
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::inside::Inside;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Kind, Site};

use super::Eml;

fn sites(bytes: &[u8]) -> Vec<Site> {
    list(&Source::from_bytes(bytes.to_vec()), &Limits::default()).unwrap().findings.sites
}

fn strip_signed(bytes: &[u8], label: &str, layout: Layout, allow_signed: bool) -> (Report, Vec<u8>) {
    let builder = Engine::builder().label(label).layout(layout).proof(Proof::Full).inside(Inside::Strip);
    let engine = builder.allow_signed(allow_signed).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec()).with_name("a.eml")).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

fn strip(bytes: &[u8], label: &str) -> (Report, Vec<u8>) {
    strip_signed(bytes, label, Layout::Preserve, false)
}

/// What both layouts make of it: gone, and a second time nothing.
fn stripped(bytes: &[u8], label: &str) -> String {
    let results = [Layout::Preserve, Layout::Compact].map(|layout| {
        let (report, output) = strip_signed(bytes, label, layout, false);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(strip(&output, label).0.outcome, Outcome::Clean);
        output
    });
    assert_eq!(results[0], results[1]);
    String::from_utf8(results[0].clone()).unwrap()
}

const SIMPLE: &[u8] =
    b"Received: from there\r\n by here\r\nFrom: a@b.c\r\nX-Label: top\r\n secret\r\nSubject: =?utf-8?Q?=C3=BC?=\r\n\
    x-label: again\r\nX-Mailer: Program\r\n\r\ntext with secret words\r\n";

#[test]
fn fields_that_somebody_chose_go_by_name() {
    assert!(Eml.sniff(SIMPLE));
    let found = sites(SIMPLE);
    let kinds: Vec<_> = found.iter().map(|site| site.kind).collect();
    assert_eq!(kinds, [Kind::Standard, Kind::Standard, Kind::Custom, Kind::Standard, Kind::Custom, Kind::Bookkeeping]);
    assert_eq!(found[3].value.as_deref(), Some("ü"));
    assert_eq!(found[3].raw_value.as_deref(), Some("=?utf-8?Q?=C3=BC?="));
    let rest = stripped(SIMPLE, "X-LABEL");
    assert_eq!(
        rest,
        "Received: from there\r\n by here\r\nFrom: a@b.c\r\nSubject: =?utf-8?Q?=C3=BC?=\r\nX-Mailer: Program\r\n\r\n\
         text with secret words\r\n"
    );
    assert!(!stripped(SIMPLE, "X-Label=top secret").contains("top"));
    assert!(!stripped(SIMPLE, "header:Subject=ü").contains("Subject"));
    assert_eq!(strip(SIMPLE, "Subject").0.outcome, Outcome::Clean, "a field of the standard is meant by its address");
    assert_eq!(strip(SIMPLE, "X-Label=other").0.outcome, Outcome::Clean);
}

#[test]
fn a_message_may_lose_all_its_fields() {
    assert_eq!(stripped(b"X-One: 1234\n\nbody\n", "X-*"), "\nbody\n");
    assert_eq!(stripped(b"To: a\nSubject: b\nX-One: 1234", "X-One"), "To: a\nSubject: b\n");
}

#[test]
fn a_header_without_blank_line_gets_one_for_its_last_field() {
    let envelope = "From me@b.c Mon Jun 01 10:00:00 2009\n";
    let text = format!("{envelope}X-One: 1234\nno field\n\n{envelope}X-Two: 5678\n\nbody\n");
    assert_eq!(stripped(text.as_bytes(), "X-One"), text.replace("X-One: 1234\n", "\n"));
    assert_eq!(stripped(b"X-One: 1\r\nX-Two: 2\r\n12\n", "X-*"), "\r\n12\n");
    assert_eq!(stripped(b"X-One: 1234\n", "X-One"), "");
    let text = format!("{envelope}X-One: 1234\n{envelope}X-Two: 5678\n\nbody\n");
    assert_eq!(strip(text.as_bytes(), "X-One").0.outcome, Outcome::Refused);
    assert_eq!(stripped(b"X-One: 1234\nFrom : 10:00\nX-Two: 5678\n\n", "X-One"), "From : 10:00\nX-Two: 5678\n\n");
}

#[test]
fn listed_fields_are_signed() {
    let bytes = b"DKIM-Signature: v=1; h=From:X-Label:\r\n Subject; l=0; b=AAAA\r\nFrom: a@b.c\r\nX-Label: secret\r\n\
        X-Other: free\r\n\r\nbody\r\n";
    let (report, _) = strip(bytes, "X-Label");
    assert_eq!(report.outcome, Outcome::Refused);
    assert!(report.reason.unwrap().starts_with("signed"));
    assert!(!stripped(bytes, "X-Other").contains("X-Other"));
    let (report, output) = strip_signed(bytes, "X-Label", Layout::Preserve, true);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.left);
    assert!(report.overrode_signature && !output.windows(6).any(|six| six == b"secret"));
}

const PARTS: &str = "From: a@b.c\nTo: d\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=b\"\n\n\
    for old readers: Confidential Matter\n--=b\nContent-Type: text/plain\nX-Part: Confidential Matter\n\nbody\n--=b\n\
    Content-Type: message/rfc822\n\nSubject: inner\nX-Inner: 12345678\n\ninner body\n--=b--\n";

#[test]
fn parts_and_inner_messages_have_fields_too() {
    let rest = stripped(PARTS.as_bytes(), "X-Part");
    let old = "X-Part: Confidential Matter\n";
    assert_eq!(rest, PARTS.replace(old, "").replace("Confidential Matter", &" ".repeat(19)));
    assert_eq!(stripped(PARTS.as_bytes(), "X-Inner"), PARTS.replace("X-Inner: 12345678\n", ""));
    let addresses: Vec<_> = sites(PARTS.as_bytes()).into_iter().map(|site| (site.address, site.place)).collect();
    assert!(addresses.contains(&("header:X-Inner".into(), "message in part 2".into())));
    let (report, _) = strip(PARTS.as_bytes(), "header:Content-Type");
    assert_eq!(report.outcome, Outcome::Refused);
}

#[test]
fn what_is_signed_with_its_part_stays() {
    let bytes = PARTS.replace("multipart/mixed", "multipart/signed");
    let found = sites(bytes.as_bytes());
    let signed = |site: &&Site| site.barrier.as_ref().is_some_and(|barrier| barrier.kind == ErrorKind::Signed);
    let covered: Vec<_> = found.iter().filter(signed).map(|site| site.key.as_str()).collect();
    assert_eq!(covered, ["X-Part", "Subject", "X-Inner"]);
    assert_eq!(strip(bytes.as_bytes(), "X-Part").0.outcome, Outcome::Refused);
}

#[test]
fn properties_of_titus_go_with_their_field_and_their_copies() {
    let json = r#"{"Metadata":{"ns":"n","id":"i","props":[{"n":"Classification","vals":[{"value":"SECRET"}]},{"n":"Org","vals":[]}]}}"#;
    let coded = STANDARD.encode(json);
    let (first, second) = coded.split_at(60);
    let text = format!(
        "From: a\nTo: b\nx-titus-metadata-40: {first}\n {second}\nx-classification: SECRET\nX-Org: Q7q7\n\nbody\n"
    );
    let found = sites(text.as_bytes());
    assert_eq!(found[2].address, "titus:Classification");
    assert_eq!(found[2].value.as_deref(), Some("SECRET"));
    assert_eq!(stripped(text.as_bytes(), "x-titus-metadata-40"), "From: a\nTo: b\n\nbody\n");
    assert_eq!(stripped(text.as_bytes(), "@titus"), "From: a\nTo: b\n\nbody\n");
    let (report, _) = strip(text.as_bytes(), "Classification");
    assert_eq!(report.outcome, Outcome::Partial);
}

#[test]
fn attachments_are_files_inside() {
    let inner = b"From: a\nTo: b\nX-Label: secret words\n\n";
    let inner = [&inner[..], &b"inner body "[..].repeat(30)].concat();
    let coded = STANDARD.encode(&inner);
    let lines: Vec<&str> = coded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let part = |coding: &str, text: &str| {
        format!(
            "From: a\r\nTo: b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: application/octet-stream;\r\n \
             name=\"inner.eml\"\r\nContent-Transfer-Encoding: {coding}\r\n\r\n{text}\r\n--x--\r\n"
        )
    };
    let text = part("base64", &lines.join("\r\n"));
    let site = sites(text.as_bytes()).into_iter().find(|site| site.key == "X-Label").unwrap();
    assert_eq!(site.place, "part 1, inner.eml › header");
    let rest = stripped(text.as_bytes(), "X-Label");
    let new = STANDARD.encode(String::from_utf8(inner.clone()).unwrap().replace("X-Label: secret words\n", ""));
    let lines: Vec<&str> = new.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    assert_eq!(rest, part("base64", &lines.join("\r\n")));

    let quoted = String::from_utf8(inner).unwrap().replace('\n', "\r\n").replace("X-Label", "X-=\r\nLabel");
    let rest = stripped(part("Quoted-Printable", &quoted).as_bytes(), "X-Label");
    assert_eq!(rest, part("Quoted-Printable", &quoted.replace("X-=\r\nLabel: secret words\r\n", "")));
}

#[test]
fn mailboxes_hold_many_messages() {
    let one = |subject: &str| {
        format!("From me@b.c Mon Jun 01 10:00:00 2009\nSubject: {subject}\nX-Label: secret\n\nFrom here on text\n\n")
    };
    let text = one("first") + &one("second");
    let found = sites(text.as_bytes());
    assert_eq!(found.len(), 4);
    assert_eq!(found[3].place, "message 2");
    assert_eq!(stripped(text.as_bytes(), "X-Label"), text.replace("X-Label: secret\n", ""));
}

#[test]
fn apple_mail_counts_its_message() {
    let message = "From: a\nTo: b\nX-Label: secret words and more of them, and yet some more\n\nbody\n";
    let file = |message: &str| format!("{:<10}\n{message}<plist/>\n", message.len());
    let rest = stripped(file(message).as_bytes(), "X-Label");
    assert_eq!(rest, file("From: a\nTo: b\n\nbody\n"));
    let error = Eml.survey(b"100\nFrom: a\n\n", &Limits::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[test]
fn other_text_is_no_mail() {
    for text in ["To: do\nbuy milk\n", "key: value\nother: value\n\n", "From hell at 10:00\nnothing\n", "12\n13\n", ""]
    {
        assert!(!Eml.sniff(text.as_bytes()), "{text}");
    }
}
