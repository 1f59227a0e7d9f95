//! The private data of codecs (`CodecPrivate`).

use std::ops::Range;

use crate::containers::ebml::Element;
use crate::error::Result;
use crate::limits::Limits;
use crate::scan::{Class, Scan};
use crate::survey::Site;

/// The private data of the codec of a track.
#[derive(Debug)]
pub(super) struct Private<'a> {
    input: &'a [u8],
    element: Element,
    master: usize,
}

impl<'a> Private<'a> {
    pub(super) fn read(
        input: &'a [u8],
        element: Element,
        master: usize,
        _codec: &str,
        _is_coded: bool,
        _limits: &Limits,
    ) -> Result<Self> {
        Ok(Self { input, element, master })
    }

    pub(super) fn hidden(&self) -> Option<&'static str> {
        None
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.element.data.clone()
    }

    pub(super) fn base(&self) -> usize {
        self.element.data.start
    }

    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        let bytes = self.input.get(self.range()).unwrap_or_default();
        if scan.wants_text(bytes.len() as u64) {
            scan.raw_region(Class::Content, "CodecPrivate", self.base() as u64, bytes, &[]);
        }
    }

    pub(super) fn sites(&self) -> &[Site] {
        &[]
    }
}
