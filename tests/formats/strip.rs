//! Stripping at the seam of the formats: survey, plan, apply, survey again, scan.

use unlabel_core::{
    Barrier, Class, Findings, Format, Hit, Layout, Limits, Needles, Proof, Removal, Result, Scan, Site,
};

/// Both layouts, for loops.
pub(crate) const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

/// What a strip gave, with everything that a test may want to judge.
#[derive(Debug)]
pub(crate) struct Stripped {
    /// The findings of the input.
    pub(crate) before: Findings,
    /// Indices of the chosen sites, without those under a barrier.
    pub(crate) chosen: Vec<usize>,
    /// Sites the plan could not remove.
    pub(crate) left: Vec<(usize, Barrier)>,
    /// Whether the plan has no edit.
    pub(crate) identity: bool,
    /// The result.
    pub(crate) output: Vec<u8>,
    /// The findings of the result.
    pub(crate) after: Findings,
    /// What the product's own full scan of the result found in metadata and slack.
    pub(crate) residue: Vec<Hit>,
}

impl Stripped {
    /// The sites that went.
    pub(crate) fn removed(&self) -> impl Iterator<Item = &Site> {
        let left = |index: &usize| self.left.iter().any(|(site, _)| site == index);
        self.chosen.iter().filter(move |index| !left(index)).map(|&index| &self.before.sites[index])
    }

    /// The sites that must still be there, in order.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Site> {
        let goes = |index: usize| self.chosen.contains(&index) && !self.left.iter().any(|(site, _)| *site == index);
        self.before.sites.iter().enumerate().filter(move |(index, _)| !goes(*index)).map(|(_, site)| site)
    }
}

/// Strips the sites that `choose` takes, at the seam. Sites under a barrier stay.
pub(crate) fn strip(
    format: &dyn Format,
    input: &[u8],
    layout: Layout,
    choose: impl Fn(&Site) -> bool,
) -> Result<Stripped> {
    let limits = Limits::default();
    let survey = format.survey(input, &limits)?;
    let before = survey.findings().clone();
    let chosen: Vec<usize> = (0..before.sites.len())
        .filter(|&index| before.sites[index].barrier.is_none() && choose(&before.sites[index]))
        .collect();
    // A value that a kept label has too is no residue.
    let kept = |value: &str| {
        let stays = |(index, site): (usize, &Site)| !chosen.contains(&index) && site.value.as_deref() == Some(value);
        before.sites.iter().enumerate().any(stays)
    };
    let halves: Vec<_> = chosen
        .iter()
        .map(|&index| &before.sites[index])
        .map(|site| {
            let shared =
                before.sites.iter().enumerate().any(|(i, other)| !chosen.contains(&i) && other.key == site.key);
            let key = (site.kind != unlabel_core::Kind::Standard && !shared).then_some(site.key.as_str());
            (key, site.value.as_deref().filter(|value| !kept(value)))
        })
        .collect();
    let needles = Needles::new(halves);
    let planned = survey.plan(&Removal { sites: &chosen, needles: &needles }, layout)?;
    let output = planned.plan.apply(input)?;
    let again = format.survey(&output, &limits)?;
    let mut scan = Scan::new(&needles, Proof::Full);
    again.scan(&mut scan)?;
    let residue = scan.into_hits().into_iter().filter(|hit| hit.class != Class::Content).collect();
    let after = again.findings().clone();
    drop(again);
    Ok(Stripped { before, chosen, left: planned.left, identity: planned.plan.is_identity(), output, after, residue })
}
