//! What a survey of a file lists, and its labels as reports print them.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use crate::survey::{Findings, Guard, Kind, Site};

/// What a survey of a file lists.
///
/// As JSON: `format`, `labels` of every kind, and `guards` in words.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The name of the format.
    pub format: &'static str,
    /// Its sites and guards.
    pub findings: Findings,
}

/// All sites of one label: one key with one value, of one kind.
///
/// As JSON: `key`, `value` where it is text, `kind`, and `sites`, each with `address`, `place`, `offset` in bytes, and
/// `barrier`, in words, where it cannot be removed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ListedLabel<'l> {
    /// Its key.
    pub key: &'l str,
    /// Its value, where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<&'l str>,
    /// Who chose the key.
    pub kind: Kind,
    /// Where it stands, in file order.
    #[serde(serialize_with = "sites")]
    pub sites: Vec<&'l Site>,
}

impl Listing {
    /// The labels, in file order; only those of which `kinds` is true.
    pub fn labels(&self, kinds: impl Fn(Kind) -> bool) -> Vec<ListedLabel<'_>> {
        let mut labels: Vec<ListedLabel<'_>> = Vec::new();
        let mut positions = HashMap::new();
        for site in self.findings.sites.iter().filter(|site| kinds(site.kind)) {
            let value = site.value.as_deref();
            let position = *positions.entry((site.key.as_str(), value, site.kind)).or_insert(labels.len());
            match labels.get_mut(position) {
                Some(label) => label.sites.push(site),
                None => labels.push(ListedLabel { key: &site.key, value, kind: site.kind, sites: vec![site] }),
            }
        }
        labels
    }

    /// What stands in the way of edits, in words.
    pub fn guards(&self) -> Vec<String> {
        self.findings.guards.iter().map(|guard: &Guard| guard.barrier.to_string()).collect()
    }
}

impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'l> {
            format: &'static str,
            labels: Vec<ListedLabel<'l>>,
            guards: Vec<String>,
        }
        let labels = self.labels(|_| true);
        Fields { format: self.format, labels, guards: self.guards() }.serialize(serializer)
    }
}

fn sites<S: Serializer>(sites: &[&Site], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields<'s> {
        address: &'s str,
        place: &'s str,
        offset: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        barrier: Option<String>,
    }
    serializer.collect_seq(sites.iter().map(|site| Fields {
        address: &site.address,
        place: &site.place,
        offset: site.offset,
        barrier: site.barrier.as_ref().map(ToString::to_string),
    }))
}
