//! The formats, and how one is recognised.

mod jpeg;
mod odf;
mod ooxml;
mod pdf;
mod png;

use std::fmt::Debug;

use crate::error::Result;
use crate::limits::Limits;
use crate::survey::Survey;

/// A file format whose labels can be found and removed.
///
/// A format is one file in this folder and one line in [`FORMATS`].
pub trait Format: Debug + Send + Sync + 'static {
    /// The name in reports: unique, lower case (`png`).
    fn name(&self) -> &'static str;

    /// File name extensions, lower case, without the dot; used only when no format recognises the content.
    fn extensions(&self) -> &'static [&'static str];

    /// Whether `input` is of this format. Reads a few bytes at head and tail; never fails.
    fn sniff(&self, input: &[u8]) -> bool;

    /// Finds every site and guard of `input`.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed), [`Unsupported`](crate::ErrorKind::Unsupported) or
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), with the byte offset.
    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>>;
}

/// Every format, in sniffing order.
pub static FORMATS: &[&dyn Format] = &[&jpeg::Jpeg, &png::Png, &ooxml::Ooxml, &odf::Odf, &pdf::Pdf];

/// Whether some format is known by this extension, in lower case.
pub(crate) fn has_extension(extension: &str) -> bool {
    FORMATS.iter().any(|format| format.extensions().contains(&extension))
}

/// The format of `input`: by content, else by the `extension` of its name.
pub fn detect(input: &[u8], extension: Option<&str>) -> Option<&'static dyn Format> {
    let by_content = FORMATS.iter().find(|format| format.sniff(input));
    let by_name = || {
        let extension = extension?.to_ascii_lowercase();
        FORMATS.iter().find(|format| format.extensions().contains(&extension.as_str()))
    };
    by_content.or_else(by_name).copied()
}
