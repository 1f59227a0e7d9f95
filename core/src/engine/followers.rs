//! Sites that only say more of others, and go with them.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Engine;
use crate::error::ErrorKind;
use crate::survey::{Barrier, Findings};

/// Chosen sites that stay, with the reason.
type Blocked = Vec<(usize, Barrier)>;

impl Engine {
    /// Adds to `removable` what follows its sites. A site stays when something that follows it has to stay.
    pub(super) fn with_followers(
        &self,
        findings: &Findings,
        mut blocked: Blocked,
        removable: Vec<usize>,
    ) -> (Blocked, Vec<usize>) {
        if findings.follows.is_empty() {
            return (blocked, removable);
        }
        let held = self.held(findings);
        let mut followers: HashMap<usize, Vec<usize>> = HashMap::new();
        for (site, target) in &findings.follows {
            followers.entry(*target).or_default().push(*site);
        }
        let (stay, mut next): (Vec<usize>, Vec<usize>) = removable.into_iter().partition(|site| held.contains(site));
        let reason = "what says more of it stays";
        blocked.extend(stay.into_iter().map(|site| (site, Barrier::new(ErrorKind::Conflict, reason))));
        blocked.sort_by_key(|(site, _)| *site);
        let mut going = BTreeSet::new();
        while let Some(site) = next.pop() {
            if going.insert(site) {
                next.extend(followers.get(&site).into_iter().flatten());
            }
        }
        (blocked, going.into_iter().collect())
    }

    /// The sites that are held back by something that follows them.
    fn held(&self, findings: &Findings) -> HashSet<usize> {
        let targets: HashMap<usize, usize> = findings.follows.iter().copied().collect();
        let stays = |site: &usize| {
            let site = findings.sites.get(*site);
            site.is_some_and(|site| {
                let is_barred = site.barrier.as_ref().is_some_and(|barrier| self.stands(barrier));
                is_barred || self.selector.keeps(site)
            })
        };
        let mut held = HashSet::new();
        for site in targets.keys().filter(|site| stays(site)) {
            let mut next = targets.get(site);
            while let Some(target) = next.filter(|target| held.insert(**target)) {
                next = targets.get(target);
            }
        }
        held
    }
}

/// What went without being chosen, as `address at place`.
pub(super) fn followed(findings: &Findings, removed: &[usize], chosen: &[usize], left: &Blocked) -> Vec<String> {
    let is_chosen = |site: &usize| chosen.binary_search(site).is_ok();
    let is_left = |site: &usize| left.iter().any(|(left, _)| left == site);
    let followed = removed.iter().filter(|site| !is_chosen(site) && !is_left(site));
    let sites = followed.filter_map(|site| findings.sites.get(*site));
    sites.map(|site| format!("{} at {}", site.address, site.place)).collect()
}
