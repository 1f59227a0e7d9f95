//! Headers and parts built by hand.

use super::words::{Structured, decoded, unfolded};
use super::*;
use crate::containers::Carrier;
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::survey::{Kind, Site};

fn header(bytes: &[u8]) -> Header {
    let limits = Limits::default();
    let block = Block::parse(bytes, 0..bytes.len(), &limits).unwrap();
    Header::read(bytes, &block, "header", |_| None, &limits)
}

fn without(bytes: &[u8], wanted: impl Fn(&Site) -> bool) -> String {
    let header = header(bytes);
    let chosen: Vec<usize> = (0..header.sites().len()).filter(|site| wanted(&header.sites()[*site])).collect();
    let edits = header.edits(&chosen, Layout::Preserve).unwrap();
    String::from_utf8(Plan::new(edits, bytes.len() as u64).unwrap().apply(bytes).unwrap()).unwrap()
}

#[test]
fn fields_are_found_however_they_are_spelled() {
    let bytes = b"Subject: a\r\n b\r\nX-Id :7\nTo:\n\tme\r\n\r\nBody: no field\r\n";
    let header = header(bytes);
    let seen: Vec<_> = header.sites().iter().map(|site| (site.key.as_str(), site.value.as_deref().unwrap())).collect();
    assert_eq!(seen, [("Subject", "a b"), ("X-Id", "7"), ("To", "me")]);
    assert_eq!(header.sites()[1].kind, Kind::Custom);
    assert_eq!(without(bytes, |site| site.key == "X-Id"), "Subject: a\r\n b\r\nTo:\n\tme\r\n\r\nBody: no field\r\n");
}

#[test]
fn a_line_that_is_no_field_ends_the_header() {
    let limits = Limits::default();
    let bytes = b"From: a\nno field here\nX: y\n";
    assert_eq!(Block::parse(bytes, 0..bytes.len(), &limits).unwrap().range, 0..8);
}

#[test]
fn encoded_words_are_decoded_and_joined() {
    assert_eq!(decoded("=?ISO-8859-1?Q?a=FC_b?= and =?utf-8?B?w7w=?="), "aü b and ü");
    assert_eq!(decoded("=?UTF-8*de?B?w7w=?="), "ü");
    assert_eq!(decoded("=?utf-8?q?=C3?= =?utf-8?q?=BC?="), "ü", "a character may be cut in two");
    assert_eq!(decoded("=?unknown?q?a?= =?="), "=?unknown?q?a?= =?=");
    assert_eq!(unfolded(b" Name=Public-AIP\r\n 2.0 "), "Name=Public-AIP 2.0");
}

#[test]
fn parameters_are_read_in_every_form() {
    let kind = Structured::parse(
        b" Text/Plain; (a; comment) charset=\"us\\\"ascii\"; title*0*=\"us-ascii'en'This%20is\";\r\n title*1*=%20more; \
          title*2=\" than%20that\"; filename=\"=?utf-8?Q?=C3=BC?=.docx\"",
    );
    assert_eq!(kind.value, "text/plain");
    assert_eq!(kind.get("charset"), Some("us\"ascii"));
    assert_eq!(kind.get("title"), Some("This is more than%20that"));
    assert_eq!(kind.get("filename"), Some("ü.docx"));
}

const MSIP: &[u8] =
    b"msip_labels: MSIP_Label_7_Enabled=True;MSIP_Label_7_SiteId=9;\r\n MSIP_Label_7_Name=Public-AIP\r\n 2.0;\
    MSIP_Label_7_Method=Standard;\r\nTo: me\r\n\r\n";

#[test]
fn pairs_of_sensitivity_labels_go_one_by_one() {
    let header_of = header(MSIP);
    let sites = header_of.sites();
    let values: Vec<_> = sites.iter().map(|site| site.value.as_deref().unwrap()).collect();
    assert_eq!(values, ["True", "9", "Public-AIP 2.0", "Standard", "me"]);
    assert_eq!(sites[2].address, "msip_labels:MSIP_Label_7_Name");
    let rest = |wanted: &[&str]| without(MSIP, |site| wanted.iter().any(|end| site.key.ends_with(end)));
    assert_eq!(
        rest(&["_Enabled"]),
        "msip_labels: MSIP_Label_7_SiteId=9;\r\n MSIP_Label_7_Name=Public-AIP\r\n 2.0;MSIP_Label_7_Method=Standard;\r\nTo: me\r\n\r\n"
    );
    assert_eq!(
        rest(&["_SiteId", "_Name"]),
        "msip_labels: MSIP_Label_7_Enabled=True;MSIP_Label_7_Method=Standard;\r\nTo: me\r\n\r\n"
    );
    assert_eq!(
        rest(&["_Name", "_Method"]),
        "msip_labels: MSIP_Label_7_Enabled=True;MSIP_Label_7_SiteId=9;\r\nTo: me\r\n\r\n"
    );
    assert_eq!(
        rest(&["_Name"]),
        "msip_labels: MSIP_Label_7_Enabled=True;MSIP_Label_7_SiteId=9;\r\n MSIP_Label_7_Method=Standard;\r\nTo: me\r\n\r\n"
    );
    assert_eq!(without(MSIP, |site| site.key != "To"), "To: me\r\n\r\n");
}

#[test]
fn coded_pairs_go_together() {
    let bytes = b"Msip_Labels: =?us-ascii?Q?MSIP=5FLabel=5F7=5FName=3DA;_MSIP=5FLabel=5F7=5FOwner=3Db?=\r\n\r\n";
    let coded = header(bytes);
    assert_eq!(coded.sites()[1].key, "MSIP_Label_7_Owner");
    assert_eq!(coded.sites()[1].value.as_deref(), Some("b"));
    assert_eq!(coded.cuts(&[0]).left.len(), 1);
    assert_eq!(without(bytes, |_| true), "\r\n");
    assert_eq!(header(b"msip_labels:\r\n\r\n").sites()[0].address, "header:msip_labels");
}

fn tree(bytes: &[u8]) -> Vec<(String, bool, String)> {
    let limits = Limits::default();
    let mut tree = Tree::new(bytes, &limits);
    tree.add_message(0..bytes.len(), "", None).unwrap();
    let body = |entity: &Entity| String::from_utf8_lossy(&bytes[entity.body.clone()]).into_owned();
    tree.entities.iter().map(|entity| (entity.place.clone(), entity.is_leaf, body(entity))).collect()
}

#[test]
fn parts_end_where_their_boundaries_begin() {
    let bytes = b"Content-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n\none\n--b2\nstill one\n--b  \r\n\
        Content-Type: multipart/digest;\n boundary=bb\n\n--bb\n\nSubject: in\n\ninner\n--bb--\n--b--\nepilogue\n";
    let entities = tree(bytes);
    let leaves: Vec<_> = entities
        .iter()
        .filter(|(_, is_leaf, _)| *is_leaf)
        .map(|(place, _, body)| (place.as_str(), body.as_str()))
        .collect();
    assert_eq!(leaves, [("part 1", "one\n--b2\nstill one"), ("message in part 2.1", "inner")]);
}

#[test]
fn a_multipart_without_parts_is_text() {
    let entities = tree(b"Content-Type: multipart/mixed; boundary=x\n\nno part\n");
    assert_eq!(entities, [(String::new(), true, "no part\n".to_owned())]);
}

#[test]
fn nesting_is_bounded() {
    let bytes = b"Content-Type: message/rfc822\n\n".repeat(100_000);
    let limits = Limits::default();
    let error = Tree::new(&bytes, &limits).add_message(0..bytes.len(), "", None).unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::LimitExceeded);
}
