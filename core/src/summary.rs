//! From sites to the labels of a report.

use crate::report::{LabelReport, Status};
use crate::scan::Hit;
use crate::selector::{Choice, Rule, Selector};
use crate::survey::{Barrier, Findings, Kind, Site};

/// What the rules came to in one file.
pub(crate) struct Labels {
    /// Those that the rules name or match.
    pub(crate) reports: Vec<LabelReport>,
    /// How many rules name a key that is not there, or only with other values.
    pub(crate) missing: u64,
    /// The addresses of standard fields that a bare key does not reach.
    pub(crate) hints: Vec<String>,
}

/// The labels that the rules name or match.
pub(crate) fn label_reports(
    selector: &Selector,
    findings: &Findings,
    left: &[(usize, Barrier)],
    residue: &[Hit],
) -> Labels {
    let mut summary = Summary { selector, findings, left, residue, reported: vec![false; findings.sites.len()] };
    let mut labels = Labels { reports: Vec::new(), missing: 0, hints: Vec::new() };
    for (index, rule) in selector.rules().iter().enumerate() {
        let mut found = summary.of_rule(index, rule);
        if found.is_empty() && summary.is_unmatched(rule) {
            found.push(absent(rule));
            labels.hints.extend(summary.hints(rule));
        }
        let is_missing = |label: &LabelReport| matches!(label.status, Status::Absent | Status::ValueMismatch);
        if rule.exact().is_some() && !found.is_empty() && found.iter().all(is_missing) {
            labels.missing += 1;
        }
        labels.reports.extend(found);
    }
    labels
}

struct Summary<'s> {
    selector: &'s Selector,
    findings: &'s Findings,
    left: &'s [(usize, Barrier)],
    residue: &'s [Hit],
    reported: Vec<bool>,
}

impl Summary<'_> {
    /// One report per key that the rule takes or mismatches.
    fn of_rule(&mut self, index: usize, rule: &Rule) -> Vec<LabelReport> {
        let mut labels: Vec<LabelReport> = Vec::new();
        for (position, site) in self.findings.sites.iter().enumerate() {
            if !rule.names(site) || self.reported.get(position) == Some(&true) {
                continue;
            }
            let status = match self.selector.choose(site) {
                Choice::Take(_) if self.selector.accepts(rule, site) => self.status_of(position, site),
                Choice::ValueMismatch(by) if by == index => Status::ValueMismatch,
                _ => continue,
            };
            if let Some(reported) = self.reported.get_mut(position) {
                *reported = true;
            }
            let key = rule.exact().unwrap_or(&site.key);
            // An item of a list that has another value is no site of the label that goes.
            let is_same = |label: &LabelReport| {
                label.key == key && (label.status == Status::ValueMismatch) == (status == Status::ValueMismatch)
            };
            if !labels.iter().any(is_same) {
                labels.push(LabelReport { key: key.to_owned(), value: None, status, sites: Vec::new() });
            }
            let entry = labels.iter_mut().find(|label| is_same(label));
            if let Some(label) = entry {
                label.value = label.value.take().or_else(|| site.value.clone());
                label.status = worse(label.status, status);
                label.sites.push(format!("{} at {}", site.address, site.place));
            }
        }
        labels
    }

    fn status_of(&self, position: usize, site: &Site) -> Status {
        let stays = self.left.iter().any(|(left, _)| *left == position);
        let has_copy = self.residue.iter().any(|hit| hit.label == site.address);
        if stays || has_copy { Status::Refused } else { Status::Removed }
    }

    /// Whether no site is named by the rule, so that it deserves a line of its own.
    fn is_unmatched(&self, rule: &Rule) -> bool {
        !self.findings.sites.iter().any(|site| rule.names(site))
    }

    fn hints(&self, rule: &Rule) -> Vec<String> {
        let Some(key) = rule.exact() else { return Vec::new() };
        let standard = self.findings.sites.iter().filter(|site| site.kind == Kind::Standard);
        let mut hints: Vec<String> =
            standard.filter(|site| site.key.eq_ignore_ascii_case(key)).map(|site| site.address.clone()).collect();
        hints.sort();
        hints.dedup();
        hints
    }
}

/// The status of a label of which sites ended differently: what stays outweighs what went.
fn worse(one: Status, other: Status) -> Status {
    let rank = |status| match status {
        Status::Absent => 0,
        Status::ValueMismatch => 1,
        Status::Removed => 2,
        Status::Refused => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}

fn absent(rule: &Rule) -> LabelReport {
    LabelReport {
        key: rule.exact().unwrap_or(rule.text()).to_owned(),
        value: rule.value().map(str::to_owned),
        status: Status::Absent,
        sites: Vec::new(),
    }
}
