//! The engine's rules, on a format made for the purpose: one line, one thing.

use super::*;
use crate::plan::Edit;
use crate::scan::{Class, Scan};
use crate::survey::{KeyCase, Kind, Planned};

/// `key=value` is a label; a leading `s` before `:` signs it, `p` protects it, `x` cannot be planned, `.` makes it a
/// standard field. Other lines: `%file`, `%hidden` are guards, `#…` slack, `+…` other metadata,
/// `-…` content.
#[derive(Debug)]
struct Lines;

struct LineSurvey<'a> {
    input: &'a [u8],
    findings: Findings,
    ranges: Vec<(std::ops::Range<usize>, bool)>,
}

impl Format for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    fn sniff(&self, _: &[u8]) -> bool {
        true
    }

    fn survey<'a>(&self, input: &'a [u8], _: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let mut survey = LineSurvey { input, findings: Findings::default(), ranges: Vec::new() };
        let mut start = 0;
        for line in std::str::from_utf8(input).unwrap().split_inclusive('\n') {
            let range = start..start + line.len();
            start = range.end;
            survey.read(line.trim(), range);
        }
        Ok(Box::new(survey))
    }
}

impl LineSurvey<'_> {
    fn read(&mut self, line: &str, range: std::ops::Range<usize>) {
        let guard = |kind, scope| Guard { barrier: Barrier::new(kind, "a guard"), scope, offset: range.start as u64 };
        match line {
            "%file" => return self.findings.guards.push(guard(ErrorKind::Signed, Scope::File)),
            "%hidden" => return self.findings.guards.push(guard(ErrorKind::Encrypted, Scope::Hidden)),
            _ if line.is_empty() || line.starts_with(['#', '+', '-']) => return,
            _ => {}
        }
        let (flags, label) = line.split_once(':').unwrap_or(("", line));
        let (key, value) = label.split_once('=').unwrap();
        let barrier = match flags {
            "s" => Some(ErrorKind::Signed),
            "p" => Some(ErrorKind::Protected),
            _ => None,
        };
        self.findings.sites.push(Site {
            key: key.into(),
            value: Some(value.into()),
            address: format!("line:{key}"),
            kind: if flags == "." { Kind::Standard } else { Kind::Custom },
            place: "the file".into(),
            offset: range.start as u64,
            barrier: barrier.map(|kind| Barrier::new(kind, "by its flag")),
            ..Site::default()
        });
        self.ranges.push((range, flags == "x"));
    }
}

impl Survey for LineSurvey<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, _: Layout) -> Result<Planned> {
        let mut edits = Vec::new();
        let mut left = Vec::new();
        for &site in removal.sites {
            let (range, is_fixed) = &self.ranges[site];
            if *is_fixed {
                left.push((site, Barrier::new(ErrorKind::Unsupported, "cannot be planned")));
            } else {
                edits.push(Edit::fill(range.start as u64..range.end as u64 - 1, b' '));
            }
        }
        Ok(Planned { plan: Plan::new(edits, self.input.len() as u64)?, left, ..Planned::default() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        for line in std::str::from_utf8(self.input).unwrap().lines() {
            let class = match line.as_bytes().first() {
                Some(b'#') => Class::Slack,
                Some(b'+') => Class::Metadata,
                Some(b'-') if scan.wants_content() => Class::Content,
                _ => continue,
            };
            scan.region(class, "a line", 0, line.as_bytes(), &[]);
        }
        Ok(())
    }
}

fn strip(builder: EngineBuilder, text: &str) -> Cleaned {
    builder.build().unwrap().strip_format(&Lines, Source::from_bytes(text.as_bytes().to_vec())).unwrap()
}

fn outcome(text: &str) -> Outcome {
    strip(Engine::builder().label("one"), text).report().outcome
}

fn statuses(cleaned: &Cleaned) -> Vec<(&str, &str)> {
    cleaned.report().labels.iter().map(|label| (label.key.as_str(), label.status.name())).collect()
}

#[test]
fn a_label_goes_and_the_rest_stays() {
    let cleaned = strip(Engine::builder().label("one"), "one=1\ntwo=2\n");
    assert_eq!(cleaned.report().outcome, Outcome::Stripped);
    assert_eq!(statuses(&cleaned), [("one", "removed")]);
    let mut bytes = Vec::new();
    cleaned.payload().unwrap().write_to(&mut bytes).unwrap();
    assert_eq!(bytes, b"     \ntwo=2\n");
}

#[test]
fn nothing_to_remove_is_clean_and_hands_out_the_input() {
    let cleaned = strip(Engine::builder().label("three").label("two=9"), "one=1\ntwo=2\n");
    assert_eq!(cleaned.report().outcome, Outcome::Clean);
    assert_eq!(statuses(&cleaned), [("three", "absent"), ("two", "value_mismatch")]);
    assert!(cleaned.payload().unwrap().is_identity());
}

#[test]
fn items_with_other_values_are_no_sites_of_the_label_that_goes() {
    let cleaned = strip(Engine::builder().label("one=1"), "one=1\none=2\n");
    assert_eq!(cleaned.report().outcome, Outcome::Stripped);
    assert_eq!(statuses(&cleaned), [("one", "removed"), ("one", "value_mismatch")]);
    assert!(cleaned.report().labels.iter().all(|label| label.sites.len() == 1));
}

#[test]
fn barriers_refuse_or_make_the_result_partial() {
    assert_eq!(outcome("s:one=1\n"), Outcome::Refused);
    assert_eq!(outcome("p:one=1\n"), Outcome::Refused);
    assert_eq!(outcome("x:one=1\n"), Outcome::Refused);
    assert_eq!(outcome("%file\none=1\n"), Outcome::Refused);
    assert_eq!(outcome("%file\ntwo=1\n"), Outcome::Clean);
    assert_eq!(outcome("%hidden\ntwo=1\n"), Outcome::Refused);
    assert_eq!(outcome("%hidden\none=1\n"), Outcome::Partial);
    for text in ["one=1\ns:one=1\n", "one=1\np:one=1\n", "one=1\nx:one=1\n"] {
        let cleaned = strip(Engine::builder().label("one"), text);
        assert_eq!(cleaned.report().outcome, Outcome::Partial, "{text}");
        assert_eq!(statuses(&cleaned), [("one", "refused")]);
        assert_eq!(cleaned.report().left.len(), 1);
        assert!(cleaned.payload().is_none(), "a partial result is not handed out unasked");
        let allowed = strip(Engine::builder().label("one").allow_partial(true), text);
        assert!(allowed.payload().is_some());
    }
}

#[test]
fn a_row_of_a_table_counts_what_went_and_what_was_not_there() {
    let row = |builder: EngineBuilder, text| {
        let report = strip(builder, text).digest_plan().into_parts().0;
        (report.removed, report.labels_missing, report.error_code, report.plan_digest.is_some())
    };
    let wanted = || Engine::builder().label("one").label("two=2").label("three").label("four*");
    assert_eq!(row(wanted(), "one=1\none=7\ntwo=3\n"), (2, 2, None, true));
    assert_eq!(row(wanted(), "two=2\ntwo=3\nfour4=4\n"), (2, 2, None, true), "one item of a list is the label");
    assert_eq!(row(wanted(), "five=5\n"), (0, 3, None, true), "a pattern that matches nothing misses no label");
    assert_eq!(row(wanted(), "one=1\np:three=3\n"), (0, 1, Some("protected"), false), "nothing is handed out");
    assert_eq!(row(wanted().allow_partial(true), "one=1\np:three=3\n"), (1, 1, Some("protected"), true));
    assert_eq!(row(wanted(), "s:one=1\n"), (0, 2, Some("signed"), false));
    assert_eq!(row(wanted(), "%hidden\nfive=1\n"), (0, 3, Some("encrypted"), false));
    assert_eq!(row(wanted().allow_partial(true), "one=a value\n# a value\n"), (1, 2, Some("residue"), true));
    assert!(strip(wanted(), "one=1\n").report().plan_digest.is_none(), "not unasked");
}

#[test]
fn labels_beside_the_bytes_are_chosen_with_those_in_them() {
    let beside = |key: &str, value: &str| Site {
        key: key.into(),
        value: Some(value.into()),
        address: format!("object-meta:{key}"),
        place: "object metadata".into(),
        case: KeyCase::Insensitive,
        ..Site::default()
    };
    let strip_with = |text: &str, sites: Vec<Site>| {
        let source = Source::from_bytes(text.to_owned()).with_attached(sites);
        Engine::builder().label("one").build().unwrap().strip_format(&Lines, source).unwrap()
    };
    let both = strip_with("one=1\ntwo=2\n", vec![beside("Zero", "0"), beside("ONE", "1")]);
    assert_eq!((both.report().outcome, both.detached()), (Outcome::Stripped, &[1][..]));
    assert_eq!((both.report().labels[0].sites.len(), both.report().removed), (2, 2));
    assert!(!both.payload().unwrap().is_identity());

    let beside_only = strip_with("two=2\n", vec![beside("one", "1")]);
    assert_eq!((beside_only.report().outcome, beside_only.detached()), (Outcome::Stripped, &[0][..]));
    assert!(beside_only.payload().unwrap().is_identity() && beside_only.report().removed == 1);
    let none = strip_with("two=2\n", vec![beside("zero", "1")]);
    assert_eq!((none.report().outcome, none.detached()), (Outcome::Clean, &[][..]));

    let signed_inside = strip_with("s:one=1\n", vec![beside("one", "1")]);
    assert_eq!((signed_inside.report().outcome, signed_inside.detached()), (Outcome::Partial, &[][..]));
    assert!(signed_inside.payload().is_none());
    let mut protected = beside("one", "1");
    protected.barrier = Some(Barrier::new(ErrorKind::Protected, "by law"));
    assert_eq!(strip_with("two=2\n", vec![protected.clone()]).report().outcome, Outcome::Refused);
    assert_eq!(strip_with("one=1\n", vec![protected]).report().outcome, Outcome::Partial);
}

#[test]
fn only_a_signature_can_be_overridden() {
    let signed = strip(Engine::builder().label("one").allow_signed(true), "%file\ns:one=1\n");
    assert_eq!(signed.report().outcome, Outcome::Stripped);
    assert!(signed.report().overrode_signature);
    let protected = strip(Engine::builder().all(true).allow_signed(true).allow_partial(true), "p:one=1\n");
    assert_eq!(protected.report().outcome, Outcome::Refused);
    assert!(protected.payload().is_none());
}

#[test]
fn residue_makes_it_partial_and_visible_copies_do_not() {
    let text = "one=a value\n# a value\n- a value\n";
    let cleaned = strip(Engine::builder().label("one").proof(Proof::Full), text);
    assert_eq!(cleaned.report().outcome, Outcome::Partial);
    assert_eq!((cleaned.report().residue, cleaned.report().copies.len()), (1, 1));
    let visible = strip(Engine::builder().label("one").proof(Proof::Full), "one=a value\n- a value\n");
    assert_eq!(visible.report().outcome, Outcome::Stripped);
    assert_eq!((visible.report().residue, visible.report().copies.len()), (0, 1));
}

#[test]
fn words_of_a_standard_field_elsewhere_are_another_fact() {
    let by_address = |text| strip(Engine::builder().label("line:title"), text);
    let elsewhere = by_address(".:title=a value\n+ a value\n");
    assert_eq!(elsewhere.report().outcome, Outcome::Stripped);
    assert_eq!(elsewhere.report().copies.len(), 1);
    assert_eq!(by_address(".:title=a value\n# a value\n").report().outcome, Outcome::Partial);
    let metadata = |text| strip(Engine::builder().label("title"), text).report().outcome;
    assert_eq!(metadata("title=a value\n+ a value\n"), Outcome::Stripped, "a word that may stand there by chance");
    assert_eq!(metadata("title=a longer value\n+ a longer value\n"), Outcome::Partial);
    assert_eq!(metadata("title=a value\n+ its title was other\n"), Outcome::Partial);
    let short = strip(Engine::builder().label("id"), "id=8888\n+ id: 8888\n");
    assert_eq!(short.report().outcome, Outcome::Partial, "key and value together are the label");
}

#[test]
fn all_keeps_standard_fields_and_what_is_held_back() {
    let text = ".:title=1\none=1\ntwo=2\n";
    let cleaned = strip(Engine::builder().all(true).keep("two"), text);
    assert_eq!(statuses(&cleaned), [("one", "removed")]);
    let by_address = strip(Engine::builder().label("line:title"), text);
    assert_eq!(statuses(&by_address), [("line:title", "removed")]);
    let by_key = strip(Engine::builder().label("Title"), text);
    assert_eq!(statuses(&by_key), [("Title", "absent")]);
    assert_eq!(by_key.report().hints, ["line:title"]);
}

/// Says it removes, and does not.
#[derive(Debug)]
struct Liar;

struct LiarSurvey<'a>(LineSurvey<'a>);

impl Format for Liar {
    fn name(&self) -> &'static str {
        "liar"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    fn sniff(&self, _: &[u8]) -> bool {
        true
    }

    fn survey<'a>(&self, input: &'a [u8], _: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let mut survey = LineSurvey { input, findings: Findings::default(), ranges: Vec::new() };
        survey.read("one=1", 0..6);
        Ok(Box::new(LiarSurvey(survey)))
    }
}

impl Survey for LiarSurvey<'_> {
    fn findings(&self) -> &Findings {
        self.0.findings()
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        self.0.plan(removal, layout)
    }

    fn scan(&self, _: &mut Scan<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_result_that_still_holds_the_label_is_an_error() {
    let engine = Engine::builder().label("one").build().unwrap();
    let error = engine.strip_format(&Liar, Source::from_bytes(b"one=1\n".to_vec())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unverified);
    assert_eq!(Outcome::from(&error), Outcome::Failed);
}
