//! Proving a result before anything is written.

use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::inside::Reach;
use crate::needles::Needles;
use crate::scan::{Hit, Proof, Scan};
use crate::survey::{Findings, Site};

/// Surveys `result` again, checks that exactly the sites `removed` are gone, and searches it for residue.
///
/// # Errors
/// [`ErrorKind::Unverified`] when the result cannot be surveyed, a removed site is still there, or a kept one changed.
pub(crate) fn verify(
    format: &dyn Format,
    reach: &Reach<'_>,
    result: &[u8],
    before: &Findings,
    removed: &[usize],
    needles: &Needles,
    proof: Proof,
) -> Result<Vec<Hit>> {
    let survey = reach.survey(format, result).map_err(|error| {
        let reason = format!("the result cannot be read back: {}", error.reason());
        Error::new(ErrorKind::Unverified, reason).at(error.offset().unwrap_or(0))
    })?;
    compare(before, removed, &survey.findings().sites)?;
    let mut scan = Scan::new(needles, proof);
    survey.scan(&mut scan)?;
    Ok(scan.into_hits())
}

/// Checks that `after` is `before` without the sites `removed`, in the same order.
fn compare(before: &Findings, removed: &[usize], after: &[Site]) -> Result<()> {
    let kept = before.sites.iter().enumerate().filter(|(index, _)| removed.binary_search(index).is_err());
    let mut after = after.iter();
    for (_, want) in kept {
        match after.next() {
            Some(got) if same_label(want, got) => {}
            Some(got) => {
                let reason = format!("{} was to stay, but {} stands in its place", want.address, got.address);
                return Err(Error::new(ErrorKind::Unverified, reason).at(got.offset));
            }
            None => {
                let reason = format!("{} was to stay, but is gone", want.address);
                return Err(Error::new(ErrorKind::Unverified, reason).at(want.offset));
            }
        }
    }
    match after.next() {
        Some(extra) => {
            let reason = format!("{} is still there", extra.address);
            Err(Error::new(ErrorKind::Unverified, reason).at(extra.offset))
        }
        None => Ok(()),
    }
}

fn same_label(one: &Site, other: &Site) -> bool {
    one.address == other.address && one.value == other.value && one.raw_value == other.raw_value
}
