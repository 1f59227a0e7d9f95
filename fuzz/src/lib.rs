//! What every fuzz target asserts.

use unlabel_core::{
    ErrorKind, FORMATS, Findings, Format, Kind, Layout, Limits, Needles, Proof, Removal, Scan, Scope, Site, detect,
};

/// Small enough that a hostile input is refused before it is slow.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.depth = 64;
    limits.items = 50_000;
    limits.part_bytes = 4 << 20;
    limits.total_bytes = 32 << 20;
    limits
}

/// Which sites go: all, those that somebody chose, none.
const TAKES: [fn(&Site) -> bool; 3] = [|_| true, |site| site.kind == Kind::Custom, |_| false];

/// Surveys `data` as `format`, removes every removable site, then only the custom ones, in both layouts, and surveys
/// each result.
///
/// # Panics
/// When a chosen site is left or a kept one changes, when the result cannot be read, when planned edits overlap, or
/// when a plan for nothing is not empty.
pub fn survey_plan(format: &str, data: &[u8]) {
    let _ = detect(data, None);
    let format = FORMATS.iter().copied().find(|known| known.name() == format).expect("the format is registered");
    let limits = limits();
    let Ok(survey) = format.survey(data, &limits) else { return };
    let findings = survey.findings();
    if findings.guards.iter().any(|guard| guard.scope == Scope::File) {
        return;
    }
    let nothing = Needles::default();
    let mut scan = Scan::new(&nothing, Proof::Full);
    let _ = survey.scan(&mut scan);
    for (layout, takes) in
        [Layout::Preserve, Layout::Compact].into_iter().flat_map(|layout| TAKES.map(|takes| (layout, takes)))
    {
        let sites = findings.sites.iter().enumerate();
        let chosen: Vec<usize> =
            sites.filter(|(_, site)| site.barrier.is_none() && takes(site)).map(|(index, _)| index).collect();
        let needles = needles(findings, &chosen);
        let planned = match survey.plan(&Removal::new(&chosen, &needles), layout) {
            Ok(planned) => planned,
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::Conflict, "{layout:?}: {error}");
                continue;
            }
        };
        if chosen.is_empty() {
            assert!(planned.plan.is_identity(), "{layout:?}: nothing chosen, {:?} planned", planned.plan.edits());
            continue;
        }
        let goes = |index: usize| chosen.contains(&index) && planned.left.iter().all(|(left, _)| *left != index);
        let sites = findings.sites.iter().enumerate();
        let kept: Vec<&Site> = sites.filter(|(index, _)| !goes(*index)).map(|(_, site)| site).collect();
        let output = planned.plan.apply(data).expect("a plan fits the input it was made for");
        check(format, &output, &kept, layout, &limits);
    }
}

/// Surveys a result: it must hold the kept sites, in order, and nothing else.
fn check(format: &dyn Format, output: &[u8], kept: &[&Site], layout: Layout, limits: &Limits) {
    let survey = match format.survey(output, limits) {
        Ok(survey) => survey,
        Err(error) => panic!("{layout:?}: the result cannot be read: {error}"),
    };
    let told = |site: &Site| (site.address.clone(), site.value.clone());
    let after: Vec<_> = survey.findings().sites.iter().map(told).collect();
    let kept: Vec<_> = kept.iter().map(|site| told(site)).collect();
    assert!(after == kept, "{layout:?}: kept were\n{kept:#?}\nthere are\n{after:#?}");
}

fn needles(findings: &Findings, chosen: &[usize]) -> Needles {
    Needles::new(chosen.iter().filter_map(|&index| findings.sites.get(index)).map(|site| {
        let key = (site.kind != Kind::Standard).then_some(site.key.as_str());
        (site.address.as_str(), key, site.value.as_deref())
    }))
}
