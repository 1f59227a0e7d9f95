//! The labels beside the bytes: what a store keeps with an object.

use super::positions;
use crate::selector::Selector;
use crate::survey::{Barrier, Site};

/// What becomes of the labels beside the bytes.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// Those that go, by their index among the attached sites.
    pub(super) detached: Vec<usize>,
    /// Those that were chosen and stay, by their index after the sites of the bytes.
    pub(super) left: Vec<(usize, Barrier)>,
}

impl Attached {
    /// Chooses among these sites, which follow `inside` sites of the bytes. Nothing signs or encrypts them, so only
    /// their own barrier holds them.
    pub(super) fn choose(selector: &Selector, sites: &[Site], inside: usize) -> Self {
        let mut attached = Self::default();
        for index in positions(sites, |site| selector.choose(site).is_taken()) {
            match sites.get(index).and_then(|site| site.barrier.clone()) {
                Some(barrier) => attached.left.push((inside + index, barrier)),
                None => attached.detached.push(index),
            }
        }
        attached
    }
}
