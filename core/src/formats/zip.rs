//! ZIP archives (PKWARE APPNOTE 6.3.10) that are no document themselves: zip, jar and its relatives, apk.
//!
//! Labels are the comments of the archive and of members, and the structured label that Boldon James writes into the
//! former (`sisl:`). A comment is a field of the format, removed by its address: `zip:comment`, `zip:member-comment`.
//! Members are files of their own.
//!
//! Blanked comments become spaces; the compact layout cuts the archive's off. Signed: Android packages whose signing
//! block covers the whole archive; members of a signed jar, though not its comments (JAR specification, "Signed JAR
//! File"). What stays behind: names of members, and extra fields that hold numbers.

use crate::containers::package::Package;
use crate::error::{ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::{Barrier, Scope, Survey};

/// ZIP archives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zip;

impl Format for Zip {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["zip", "jar", "war", "ear", "aar", "apk", "xpi", "whl", "kmz", "cbz", "nupkg", "vsix", "npz"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(b"PK\x03\x04") || input.starts_with(b"PK\x05\x06")
    }

    fn is_general(&self) -> bool {
        true
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let mut package = Package::open(input, false, limits)?;
        if package.archive().has_signing_block() {
            let barrier = Barrier::new(ErrorKind::Signed, "an Android signature covers the archive");
            package.guard(0, barrier, Scope::File);
        }
        let names = 0..package.archive().entries().len();
        let is_signed = names.into_iter().any(|entry| is_signature(package.archive().name(entry)));
        let seal = |_: &str| is_signed.then(|| Barrier::new(ErrorKind::Signed, "a signature of the archive lists it"));
        package.finish(|name| !name.ends_with('/'), seal);
        Ok(Box::new(package))
    }
}

/// Whether a member is the signature file of a jar.
fn is_signature(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.strip_prefix(b"meta-inf/").is_some_and(|file| file.ends_with(b".sf") && !file.contains(&b'/'))
}

#[cfg(test)]
mod tests {
    use crate::containers::zip::tests::{Member, Writer};
    use crate::engine::{Engine, list};
    use crate::error::ErrorKind;
    use crate::inside::Inside;
    use crate::limits::Limits;
    use crate::plan::Layout;
    use crate::report::{Outcome, Report};
    use crate::scan::Proof;
    use crate::source::Source;

    const SISL: &str = "<sisl xmlns=\"http://www.boldonjames.com/2008/01/sie/internal/label\" policy=\"p\">\
        <element uid=\"id_classification\" value=\"secret words\"/><element uid=\"other\" value=\"x\"/></sisl>";

    fn archive(comment: &str) -> Vec<u8> {
        let mut first = Member::new("a.txt", b"text of it");
        first.comment = "about a".into();
        let members = vec![first, Member::new("b/c.txt", b"more text")];
        Writer { members, comment: comment.into(), ..Writer::default() }.write()
    }

    fn strip(bytes: &[u8], labels: &[&str], layout: Layout) -> (Report, Vec<u8>) {
        let mut engine = Engine::builder().layout(layout).proof(Proof::Full).inside(Inside::Strip);
        for label in labels {
            engine = engine.label(*label);
        }
        let cleaned = engine.build().unwrap().strip(Source::from_bytes(bytes.to_vec())).unwrap();
        let mut output = Vec::new();
        if let Some(payload) = cleaned.payload() {
            payload.write_to(&mut output).unwrap();
        }
        (cleaned.report().clone(), output)
    }

    fn sites(bytes: &[u8]) -> Vec<(String, Option<String>)> {
        let listing = list(&Source::from_bytes(bytes.to_vec()), &Limits::default()).unwrap();
        assert_eq!(listing.format, "zip");
        listing.findings.sites.into_iter().map(|site| (site.address, site.value)).collect()
    }

    fn pair(address: &str, value: &str) -> (String, Option<String>) {
        (address.to_owned(), Some(value.to_owned()))
    }

    #[test]
    fn elements_of_a_structured_label_go_one_by_one() {
        let bytes = archive(SISL);
        let about = pair("zip:member-comment", "about a");
        let both = [pair("sisl:id_classification", "secret words"), pair("sisl:other", "x")];
        assert_eq!(sites(&bytes), [std::slice::from_ref(&about), &both[..]].concat());
        for layout in [Layout::Preserve, Layout::Compact] {
            let (report, output) = strip(&bytes, &["id_classification"], layout);
            assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
            assert_eq!(sites(&output), [about.clone(), both[1].clone()]);
            assert_eq!(output.len() == bytes.len(), layout == Layout::Preserve);
            let (report, output) = strip(&bytes, &["bjDocumentLabelXML"], layout);
            assert_eq!(report.outcome, Outcome::Stripped);
            assert_eq!(sites(&output), std::slice::from_ref(&about), "{layout:?}");
            assert!(memchr::memmem::find(&output, b"sisl").is_none());
            assert_eq!(strip(&output, &["bjDocumentLabelXML"], layout).0.outcome, Outcome::Clean);
        }
        let (_, output) = strip(&bytes, &["@boldon-james"], Layout::Compact);
        assert_eq!(sites(&output).len(), 1, "its family names it");
    }

    #[test]
    fn comments_go_by_their_address() {
        let bytes = archive("handed over\r\n");
        assert_eq!(sites(&bytes), [pair("zip:member-comment", "about a"), pair("zip:comment", "handed over\r\n")]);
        for layout in [Layout::Preserve, Layout::Compact] {
            let (report, output) = strip(&bytes, &["zip:comment"], layout);
            assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
            assert_eq!(sites(&output), [pair("zip:member-comment", "about a")]);
            let (report, output) = strip(&bytes, &["zip:*"], layout);
            assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
            assert_eq!(sites(&output), []);
        }
    }

    #[test]
    fn signatures_of_jars_hold_members_and_those_of_android_everything() {
        let document =
            Writer { members: vec![Member::new("a", b"b")], comment: SISL.into(), ..Writer::default() }.write();
        let jar = vec![Member::new("META-INF/CERT.SF", b"x"), Member::new("inner.zip", &document)];
        let jar = Writer { members: jar, comment: SISL.into(), ..Writer::default() }.write();
        let (report, _) = strip(&jar, &["other"], Layout::Preserve);
        assert_eq!(report.outcome, Outcome::Partial);
        assert_eq!(report.left.len(), 1);
        assert!(report.left[0].place.starts_with("inner.zip › "));

        let members = vec![Member::new("a", b"b")];
        let gap_before_directory = b"APK Sig Block 42".to_vec();
        let apk = Writer { members, comment: SISL.into(), gap_before_directory, ..Writer::default() }.write();
        let (report, _) = strip(&apk, &["other"], Layout::Preserve);
        assert_eq!(report.outcome, Outcome::Refused);
        assert!(report.reason.unwrap().starts_with(ErrorKind::Signed.name()));
    }

    #[test]
    fn a_comment_that_repeats_a_removed_label_is_no_clean_result() {
        let inner = archive(SISL);
        let members = vec![Member::new("inner.zip", &inner)];
        let bytes = Writer { members, comment: "secret words".into(), ..Writer::default() }.write();
        let (report, _) = strip(&bytes, &["id_classification"], Layout::Preserve);
        assert_eq!(report.outcome, Outcome::Partial, "{report:?}");
        let (report, _) = strip(&bytes, &["id_classification", "zip:comment"], Layout::Preserve);
        assert_eq!(report.outcome, Outcome::Stripped, "{:?} {:?}", report.reason, report.left);
    }
}
