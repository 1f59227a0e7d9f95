//! Strips hand-made files through the engine, for unit tests.

use crate::engine::Engine;
use crate::formats::detect;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Kind, Site};

/// Both layouts.
pub(crate) const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

/// The sites of a file.
pub(crate) fn sites(input: &[u8]) -> Vec<Site> {
    let limits = Limits::default();
    let survey = detect(input, None).unwrap().survey(input, &limits).unwrap();
    survey.findings().sites.clone()
}

/// The addresses of the sites of one kind.
pub(crate) fn addresses(input: &[u8], kind: Kind) -> Vec<String> {
    sites(input).into_iter().filter(|site| site.kind == kind).map(|site| site.address).collect()
}

/// Strips `label` (`*` for all custom ones): the report, and the result or the input.
pub(crate) fn strip(input: &[u8], label: &str, layout: Layout) -> (Report, Vec<u8>) {
    let builder = Engine::builder().layout(layout).proof(Proof::Full);
    let builder = if label == "*" { builder.all(true) } else { builder.label(label) };
    let cleaned = builder.build().unwrap().strip(Source::from_bytes(input.to_vec())).unwrap();
    let mut output = Vec::new();
    match cleaned.payload() {
        Some(payload) => payload.write_to(&mut output).unwrap(),
        None => output.extend_from_slice(input),
    }
    (cleaned.report().clone(), output)
}

/// The results of stripping `label` in both layouts, each clean at a second strip; preserve keeps the length.
pub(crate) fn stripped(input: &[u8], label: &str) -> [Vec<u8>; 2] {
    LAYOUTS.map(|layout| {
        let output = stripped_by(input, label, layout);
        match layout {
            Layout::Preserve => assert_eq!(output.len(), input.len(), "{label}"),
            Layout::Compact => assert!(output.len() <= input.len(), "{label}"),
        }
        output
    })
}

/// The result of stripping `label` in one layout, clean at a second strip.
pub(crate) fn stripped_by(input: &[u8], label: &str, layout: Layout) -> Vec<u8> {
    let (report, output) = strip(input, label, layout);
    assert_eq!(report.outcome, Outcome::Stripped, "{layout:?} {label}: {:?} {:?}", report.reason, report.left);
    let (report, again) = strip(&output, label, layout);
    assert_eq!((report.outcome, again == output), (Outcome::Clean, true), "{layout:?} {label}");
    output
}
