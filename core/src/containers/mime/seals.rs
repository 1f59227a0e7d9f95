//! Signatures of servers over a message: DKIM (RFC 6376), ARC (RFC 8617), `DomainKeys` (RFC 4870).

use std::collections::HashSet;

use super::Block;
use super::words::unfolded;
use crate::error::ErrorKind;
use crate::survey::Barrier;

/// What the signatures in one header cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seals {
    /// Lower-case names.
    names: HashSet<String>,
    /// Whether every field is covered: an old signature that does not list any.
    all: bool,
    /// Whether what follows the header is covered.
    pub(super) body: bool,
    /// Whether the fields of the chain that forwarders sign are sealed.
    chain: bool,
}

impl Seals {
    /// Reads every signature of a header.
    pub(super) fn read(bytes: &[u8], block: &Block) -> Self {
        let mut seals = Self::default();
        for field in &block.fields {
            let name = field.name(bytes);
            match &*name {
                "arc-seal" => seals.chain = true,
                "dkim-signature" | "arc-message-signature" | "x-google-dkim-signature" | "domainkey-signature" => {
                    seals.add(&unfolded(field.body(bytes)), name == "domainkey-signature");
                }
                _ => {}
            }
        }
        seals
    }

    /// Takes in a signature: a list of `tag=value`.
    fn add(&mut self, signature: &str, may_list_none: bool) {
        let tag = |wanted: &str| {
            let mut tags = signature.split(';').filter_map(|tag| tag.split_once('='));
            tags.find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim())
        };
        match tag("h") {
            Some(list) => self.names.extend(list.split(':').map(|name| name.trim().to_ascii_lowercase())),
            None => self.all |= may_list_none,
        }
        self.body |= tag("l") != Some("0");
    }

    /// Why the field with this lower-case name must stay.
    pub(super) fn over(&self, name: &str) -> Option<Barrier> {
        let signed = |reason| Some(Barrier::new(ErrorKind::Signed, reason));
        if self.all || self.names.contains(name) {
            return signed("a signature in the header (DKIM, ARC) lists this field");
        }
        if self.chain && name.starts_with("arc-") {
            return signed("the seal of a forwarder (ARC) covers this field");
        }
        None
    }

    /// Why what follows the header must stay.
    pub(super) fn over_body(&self) -> Option<Barrier> {
        let reason = "a signature in the header (DKIM, ARC) covers what follows it";
        self.body.then(|| Barrier::new(ErrorKind::Signed, reason))
    }
}
