//! The iXML chunk of recorders (iXML 3.01): elements with text below `BWFXML`.
//!
//! Every element with text is a label, by the path of its names. Below `USER` the names are the user's; the rates,
//! counts and positions of a recording are what programs need.

use crate::containers::xml::{Event, Labels, Text, Walk, decode};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::survey::{Kind, Site};

/// The elements below the root that the format defines and people fill in.
const STANDARD: [&str; 15] = [
    "PROJECT",
    "SCENE",
    "TAPE",
    "TAKE",
    "TAKE_TYPE",
    "CIRCLED",
    "NO_GOOD",
    "FALSE_START",
    "WILD_TRACK",
    "FILE_UID",
    "UBITS",
    "NOTE",
    "BEXT",
    "LOCATION",
    "TRACK_LIST",
];

/// Those that programs compute with.
const BOOKKEEPING: [&str; 6] = ["IXML_VERSION", "SYNC_POINT_LIST", "SPEED", "HISTORY", "FILE_SET", "LOUDNESS"];

/// Reads the labels of `data`, which zeros may follow.
///
/// # Errors
/// Whatever keeps it from being read as such a document.
pub(super) fn labels(data: &[u8], limits: &Limits) -> Result<Labels> {
    let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = Text::decode(data.get(..end).unwrap_or_default(), limits)?;
    let mut walk = Walk::new(&text, limits);
    walk.all_is_metadata();
    let mut path: Vec<String> = Vec::new();
    // The text since the last start tag, while there is no other element between.
    let mut said: Option<String> = None;
    let mut blanks: Vec<Option<usize>> = Vec::new();
    while let Some(event) = walk.next()? {
        match event {
            Event::Start(element) => {
                if path.is_empty() && element.name.local != "BWFXML" {
                    return Err(Error::malformed(0, "not an iXML document"));
                }
                path.push(element.name.local.to_owned());
                blanks.push(walk.before);
                said = Some(String::new());
            }
            Event::End(end) => {
                let blank = blanks.pop().flatten();
                if let Some(site) = said.take().and_then(|value| site(&path, value)) {
                    walk.push(site, blank, end.element);
                }
                path.pop();
            }
            Event::Text(range) => {
                if let Some(said) = &mut said {
                    said.push_str(&decode(text.slice(range), false, None));
                }
            }
            Event::CData(range) => {
                let section = text.slice(range).trim_start_matches("<![CDATA[").trim_end_matches("]]>");
                if let Some(said) = &mut said {
                    said.push_str(section);
                }
            }
            _ => {}
        }
    }
    let mut labels = walk.labels;
    for (site, range) in labels.sites.iter_mut().zip(&labels.ranges) {
        site.offset = range.start as u64;
    }
    Ok(labels)
}

/// The label of the element at the end of `path`, if it says anything.
fn site(path: &[String], value: String) -> Option<Site> {
    let [_, top, ..] = path else { return None };
    let key = path.last().filter(|_| !value.trim().is_empty())?;
    let names = path.get(1..)?;
    let kind = match &**top {
        "USER" if names.len() > 1 => Kind::Custom,
        "USER" => Kind::Standard,
        top if STANDARD.contains(&top) => Kind::Standard,
        top if BOOKKEEPING.contains(&top) => Kind::Bookkeeping,
        _ => Kind::Custom,
    };
    Some(Site {
        key: key.clone(),
        address: format!("ixml:{}", names.join("/")),
        value: Some(value),
        kind,
        ..Site::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::Carrier;
    use crate::plan::{Layout, Plan};

    const DOCUMENT: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<BWFXML>\n <PROJECT>a &amp; b</PROJECT>\n \
        <SPEED><FILE_SAMPLE_RATE>48000</FILE_SAMPLE_RATE></SPEED>\n <USER><id>8888</id></USER>\n <VENDOR>x</VENDOR>\n \
        <NOTE></NOTE>\n</BWFXML>\0\0";

    #[test]
    fn elements_with_text_are_labels() {
        let labels = labels(DOCUMENT, &Limits::default()).unwrap();
        let told: Vec<_> =
            labels.sites.iter().map(|it| (&*it.address, it.value.as_deref().unwrap(), it.kind)).collect();
        assert_eq!(
            told,
            [
                ("ixml:PROJECT", "a & b", Kind::Standard),
                ("ixml:SPEED/FILE_SAMPLE_RATE", "48000", Kind::Bookkeeping),
                ("ixml:USER/id", "8888", Kind::Custom),
                ("ixml:VENDOR", "x", Kind::Custom),
            ]
        );
        let plan = Plan::new(labels.edits(&[2], Layout::Preserve).unwrap(), DOCUMENT.len() as u64).unwrap();
        assert_eq!(memchr::memmem::find(&plan.apply(DOCUMENT).unwrap(), b"8888"), None);
    }

    #[test]
    fn other_documents_are_not_read() {
        assert!(labels(b"<other/>", &Limits::default()).is_err());
        assert!(labels(b"", &Limits::default()).is_err());
    }
}
