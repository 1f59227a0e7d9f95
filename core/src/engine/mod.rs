//! The embedded interface: from a source to cleaned bytes and a report.

mod attached;
mod builder;
mod followers;
mod job;
mod residue;

use std::collections::HashSet;

use self::attached::Attached;
pub use self::builder::EngineBuilder;
use self::followers::followed;
pub use self::job::Job;
use self::residue::{copy_of, is_copy, is_residue, needles_for};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::{Format, detect};
use crate::inside::{Before, Inside, Reach};
use crate::limits::Limits;
use crate::listing::Listing;
use crate::payload::Payload;
use crate::plan::{Layout, Plan};
use crate::report::{Left, Outcome, Report};
use crate::scan::{Hit, Proof};
use crate::selector::Selector;
use crate::source::Source;
use crate::summary::{Labels, label_reports};
use crate::survey::{Barrier, Findings, Guard, Removal, Scope, Site, Survey};
use crate::verify::verify;

/// Removes chosen labels from sources.
///
/// Built once, used for any number of files and from any thread.
///
/// ```
/// use unlabel_core::{Engine, Outcome, Source};
///
/// let engine = Engine::builder().label("id").label("MSIP_*").build()?;
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
/// match engine.strip(Source::open(path)?) {
///     Ok(cleaned) if cleaned.report().outcome == Outcome::Stripped => {
///         if let Some(payload) = cleaned.payload() {
///             payload.write_to(&mut std::io::sink())?;
///         }
///     }
///     Ok(cleaned) => println!("{}", cleaned.report().outcome.name()),
///     Err(error) => println!("{error}"),
/// }
/// # Ok::<(), unlabel_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    selector: Selector,
    layout: Layout,
    proof: Proof,
    allow_signed: bool,
    allow_partial: bool,
    inside: Inside,
    prune_empty: bool,
    limits: Limits,
}

/// Lists every label of `source`, of every kind, and of the files that stand inside it.
///
/// # Errors
/// As [`Engine::strip`].
pub fn list(source: &Source, limits: &Limits) -> Result<Listing> {
    with_path(source, || {
        source.settle(limits, |source| {
            let format = format_of(&source)?;
            if format.strides() {
                source.expect_strides();
            }
            let budget = Reach::budget(limits, Inside::Report);
            let reach = Reach::new(limits, Inside::Report, &budget);
            let survey = reach.survey(format, source.bytes()).map_err(|error| error.in_format(format.name()))?;
            let mut findings = survey.findings().with_attached(source.attached()).into_owned();
            // Nothing is to be removed here, so that it was not asked for stands in nobody's way.
            let nested = |barrier: &mut Barrier| barrier.kind == ErrorKind::Nested;
            findings.sites.iter_mut().for_each(|site| drop(site.barrier.take_if(nested)));
            Ok(Listing { format: format.name(), findings })
        })
    })
}

/// The outcome of one file, and its cleaned bytes if there are any to hand out.
#[derive(Clone, Debug)]
pub struct Cleaned {
    report: Report,
    payload: Option<Payload>,
    detached: Vec<usize>,
}

impl Cleaned {
    /// A file that was left out by choice.
    #[cfg(feature = "parallel")]
    pub(crate) fn left_out(report: Report) -> Self {
        Self { report, payload: None, detached: Vec::new() }
    }

    /// What became of the file and its labels.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The bytes to deliver: of a clean file the input, of a stripped one the result. None for a refused file, and
    /// for a partial one unless that was allowed.
    pub fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// Which of [`Source::attached`] go, by index, ascending. To be left out where the payload is stored.
    pub fn detached(&self) -> &[usize] {
        &self.detached
    }

    /// Has the report say the digest of the plan ([`Plan::digest`]), where there is one. Not done unasked: a report
    /// that nobody compares can do without.
    #[must_use]
    pub fn digest_plan(mut self) -> Self {
        self.report.plan_digest = self.payload.as_ref().map(|payload| payload.plan().digest());
        self
    }

    /// Report and payload.
    pub fn into_parts(self) -> (Report, Option<Payload>) {
        (self.report, self.payload)
    }
}

impl Engine {
    /// The settings, at their defaults.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Which labels go.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Plans and proves the removal of the chosen labels from `source`. Writes nothing.
    ///
    /// A file that is clean, stripped, partial or refused is an `Ok`; look at [`Report::outcome`].
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when no format treats the bytes, [`ErrorKind::Malformed`] and
    /// [`ErrorKind::LimitExceeded`] with the offset, [`ErrorKind::Unverified`] when the result did not pass
    /// verification. [`Outcome::from`] gives the outcome of an error.
    pub fn strip(&self, source: Source) -> Result<Cleaned> {
        let mut cleaned = with_path(&source, || {
            source.settle(&self.limits, |source| {
                let format = format_of(&source)?;
                self.strip_format(format, source).map_err(|error| error.in_format(format.name()))
            })
        })?;
        cleaned.payload = cleaned.payload.map(|payload| payload.without_view(source));
        Ok(cleaned)
    }

    fn strip_format(&self, format: &dyn Format, source: Source) -> Result<Cleaned> {
        let origin = source.clone();
        if self.strides(format) {
            source.expect_strides();
        }
        let budget = Reach::budget(&self.limits, self.inside);
        let reach = Reach::new(&self.limits, self.inside, &budget);
        let survey = reach.survey(format, origin.bytes())?;
        let findings = survey.findings();
        let mut report = Report::new(Outcome::Clean, source.len());
        report.format = Some(format.name());
        report.proof = self.proof;

        let chosen: Vec<usize> = positions(&findings.sites, |site| self.selector.choose(site).is_taken());
        let attached = Attached::choose(&self.selector, source.attached(), findings.sites.len());
        let hidden = self.standing(&findings.guards, Scope::Hidden);
        let (blocked, removable) = self.sort_out(findings, &chosen);
        let (blocked, removable) = self.with_followers(findings, blocked, removable);
        if chosen.is_empty() || removable.is_empty() {
            return Ok(self.keep_bytes(report, source, findings, blocked, attached));
        }

        let Removed { payload, hits, mut left, notes } = self.remove(format, source, survey.as_ref(), &removable)?;
        let (residue, mut copies): (Vec<Hit>, Vec<Hit>) = hits.into_iter().partition(|hit| is_residue(hit, findings));
        copies.retain(|hit| is_copy(hit, findings, self.proof));
        left.splice(0..0, blocked);
        left.sort_by_key(|(site, _)| *site);
        let is_left = |site: &usize| left.binary_search_by_key(site, |(site, _)| *site).is_ok();
        let gone = chosen.iter().filter(|site| !is_left(site)).count() + attached.detached.len();
        report.removed = gone as u64;
        report.notes = notes;
        report.followed = followed(findings, &removable, &chosen, &left);
        left.extend(attached.left);
        report.outcome = if gone == 0 { Outcome::Refused } else { Outcome::Stripped };
        if report.outcome == Outcome::Stripped && !(left.is_empty() && hidden.is_none() && residue.is_empty()) {
            report.outcome = Outcome::Partial;
        }
        let barrier = left.first().map(|(_, barrier)| barrier).or(hidden);
        report.reason = barrier.map(ToString::to_string);
        report.error_code = barrier.map(|barrier| barrier.kind.name());
        report.overrode_signature = self.allow_signed && overrides(findings, &removable);
        self.describe(&mut report, &findings.with_attached(payload.source().attached()), &left, &residue, &copies);
        Ok(self.deliver(report, payload, attached.detached))
    }

    /// The outcome of a file in whose bytes nothing is to be removed, or nothing can be.
    fn keep_bytes(
        &self,
        mut report: Report,
        source: Source,
        findings: &Findings,
        mut left: Vec<(usize, Barrier)>,
        attached: Attached,
    ) -> Cleaned {
        left.extend(attached.left);
        let barrier = left.first().map(|(_, barrier)| barrier.clone()).or_else(|| self.unseen(findings));
        report.outcome = match (&barrier, attached.detached.is_empty()) {
            (None, true) => Outcome::Clean,
            (None, false) => Outcome::Stripped,
            (Some(_), true) => Outcome::Refused,
            (Some(_), false) => Outcome::Partial,
        };
        report.reason = barrier.as_ref().map(ToString::to_string);
        report.error_code = barrier.map(|barrier| barrier.kind.name());
        report.removed = attached.detached.len() as u64;
        self.describe(&mut report, &findings.with_attached(source.attached()), &left, &[], &[]);
        let identity = Plan::identity(source.len());
        self.deliver(report, Payload::new(source, identity), attached.detached)
    }

    /// Hands the payload out if the outcome allows it.
    fn deliver(&self, mut report: Report, payload: Payload, detached: Vec<usize>) -> Cleaned {
        let delivers = match report.outcome {
            Outcome::Clean | Outcome::Stripped => true,
            Outcome::Partial => self.allow_partial,
            _ => false,
        };
        if !delivers {
            report.removed = 0;
            return Cleaned { report, payload: None, detached: Vec::new() };
        }
        report.bytes_out = payload.len();
        Cleaned { report, payload: Some(payload), detached }
    }

    /// Plans the removal and verifies its result.
    fn remove(&self, format: &dyn Format, source: Source, survey: &dyn Survey, removable: &[usize]) -> Result<Removed> {
        let findings = survey.findings();
        let mut needles = needles_for(findings, removable);
        let planned =
            survey.plan(&Removal { prunes: self.prune_empty, ..Removal::new(removable, &needles) }, self.layout)?;
        let mut removed = removable.to_vec();
        removed.retain(|site| !planned.left.iter().any(|(left, _)| left == site));
        if removed.is_empty() {
            let payload = Payload::new(source.clone(), Plan::identity(source.len()));
            return Ok(Removed { payload, hits: Vec::new(), left: planned.left, notes: Vec::new() });
        }
        if removed.len() < removable.len() {
            needles = needles_for(findings, &removed);
        }
        if planned.plan.is_identity() {
            return Err(Error::new(ErrorKind::Unverified, "the plan removes nothing"));
        }
        let payload = Payload::new(source, planned.plan);
        let view = payload.view()?;
        if self.strides(format) {
            view.expect_strides();
        }
        let budget = Reach::budget(&self.limits, self.inside);
        let mut reach = Reach::new(&self.limits, self.inside, &budget);
        if self.proof == Proof::Structural {
            reach = reach.after(Before { survey, plan: payload.plan() });
        }
        let hits = verify(format, &reach, &view, findings, &removed, &needles, self.proof)?;
        drop(view);
        Ok(Removed { payload, hits, left: planned.left, notes: planned.notes })
    }

    /// Whether a file of this format is touched in few places.
    fn strides(&self, format: &dyn Format) -> bool {
        format.strides() && self.proof == Proof::Structural
    }

    /// Splits chosen sites into those that a barrier keeps, and the others.
    fn sort_out(&self, findings: &Findings, chosen: &[usize]) -> (Vec<(usize, Barrier)>, Vec<usize>) {
        let over_file = self.standing(&findings.guards, Scope::File);
        let mut blocked = Vec::new();
        let mut removable = Vec::new();
        for &index in chosen {
            let own = findings.sites.get(index).and_then(|site| site.barrier.as_ref());
            match own.filter(|barrier| self.stands(barrier)).or(over_file) {
                Some(barrier) => blocked.push((index, barrier.clone())),
                None => removable.push(index),
            }
        }
        (blocked, removable)
    }

    /// A reason why the absence of the chosen labels cannot be told.
    fn unseen(&self, findings: &Findings) -> Option<Barrier> {
        let over_file = findings.guards.iter().find(|guard| guard.barrier.kind == ErrorKind::Encrypted);
        let barrier = over_file.map(|guard| &guard.barrier).or(self.standing(&findings.guards, Scope::Hidden));
        barrier.cloned()
    }

    fn standing<'g>(&self, guards: &'g [Guard], scope: Scope) -> Option<&'g Barrier> {
        guards.iter().filter(|guard| guard.scope == scope).map(|guard| &guard.barrier).find(|it| self.stands(it))
    }

    /// Whether a barrier holds: a signature may be overridden by choice, nothing else.
    fn stands(&self, barrier: &Barrier) -> bool {
        !(barrier.kind == ErrorKind::Signed && self.allow_signed)
    }

    fn describe(
        &self,
        report: &mut Report,
        findings: &Findings,
        left: &[(usize, Barrier)],
        residue: &[Hit],
        copies: &[Hit],
    ) {
        let Labels { reports, missing, hints } = label_reports(&self.selector, findings, left, residue);
        (report.labels, report.labels_missing, report.hints) = (reports, missing, hints);
        let left = left.iter().filter_map(|(index, barrier)| Some((findings.sites.get(*index)?, barrier)));
        report.left = left
            .map(|(site, barrier)| Left {
                what: site.address.clone(),
                place: site.place.clone(),
                offset: site.offset,
                reason: barrier.to_string(),
            })
            .chain(residue.iter().map(|hit| copy_of(hit, "which no rule of the format explains")))
            .collect();
        // One of a place is enough: which of its words repeat the label is for people to see.
        let mut seen = HashSet::new();
        let first = copies.iter().filter(|hit| seen.insert((&hit.label, &hit.place, hit.half)));
        report.copies = first.map(|hit| copy_of(hit, "which is not this label")).collect();
        report.residue = residue.len();
        if let Some(hit) = residue.first() {
            report.error_code.get_or_insert("residue");
            report.reason.get_or_insert_with(|| format!("residue: {} is still in {}", hit.label, hit.place));
        }
    }
}

struct Removed {
    payload: Payload,
    hits: Vec<Hit>,
    left: Vec<(usize, Barrier)>,
    notes: Vec<String>,
}

fn format_of(source: &Source) -> Result<&'static dyn Format> {
    detect(source.bytes(), source.extension()).ok_or_else(|| {
        let name = source.extension().map_or_else(String::new, |extension| format!(" (.{extension})"));
        Error::unsupported(format!("no format here treats this file{name}"))
    })
}

fn with_path<T>(source: &Source, work: impl FnOnce() -> Result<T>) -> Result<T> {
    work().map_err(|error| match source.path() {
        Some(path) => error.for_path(path),
        None => error,
    })
}

fn positions(sites: &[Site], wanted: impl Fn(&Site) -> bool) -> Vec<usize> {
    sites.iter().enumerate().filter(|(_, site)| wanted(site)).map(|(index, _)| index).collect()
}

/// Whether a signature covers the file or one of these sites.
fn overrides(findings: &Findings, sites: &[usize]) -> bool {
    let signed = |barrier: &Barrier| barrier.kind == ErrorKind::Signed;
    let by_site = sites.iter().filter_map(|&index| findings.sites.get(index)?.barrier.as_ref()).any(signed);
    by_site || findings.guards.iter().any(|guard| guard.scope == Scope::File && signed(&guard.barrier))
}

#[cfg(test)]
mod tests;
