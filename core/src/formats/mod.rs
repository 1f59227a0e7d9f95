//! The formats, and how one is recognised.

mod appledouble;
mod arrow;
mod avro;
mod boxed;
mod dicom;
mod eml;
mod epub;
mod flac;
mod gguf;
mod gif;
mod hdf5;
mod heif;
mod html;
mod isobmff;
mod jpeg;
mod json;
mod matroska;
mod mp3;
mod msg;
mod netcdf;
mod odf;
mod ogg;
mod ole;
mod ooxml;
mod orc;
mod parquet;
mod pdf;
mod png;
mod psd;
mod riff;
mod rtf;
mod safetensors;
mod svg;
mod tiff;
#[cfg(test)]
mod trial;
mod xml;
mod xmp;
mod yaml;
mod zip;

use std::fmt::Debug;
use std::ops::Range;

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

    /// Whether other formats are made of this one (ZIP, XML, plain text), so that the name of a file tells more than
    /// such content. Default false.
    fn is_general(&self) -> bool {
        false
    }

    /// Whether `input` may be of this format although it is not recognised: then the name decides. Default true.
    fn admits(&self, input: &[u8]) -> bool {
        let _ = input;
        true
    }

    /// Whether labels, and what leads to them, stand in few places between long media. Default false.
    fn strides(&self) -> bool {
        false
    }

    /// Finds every site and guard of `input`.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed), [`Unsupported`](crate::ErrorKind::Unsupported) or
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), with the byte offset.
    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>>;

    /// The same, where an earlier survey of almost the same bytes found these [`Survey::media`], and they stand where they
    /// stood, byte for byte. Default: looks at all of them again.
    ///
    /// # Errors
    /// As [`survey`](Self::survey).
    fn survey_around<'a>(
        &self,
        input: &'a [u8],
        limits: &'a Limits,
        media: &[Range<u64>],
    ) -> Result<Box<dyn Survey + 'a>> {
        let _ = media;
        self.survey(input, limits)
    }
}

/// Every format, in sniffing order; text comes last.
pub static FORMATS: &[&dyn Format] = &[
    &jpeg::Jpeg,
    &png::Png,
    &heif::Heif,
    &flac::Flac,
    &ogg::Ogg,
    &mp3::APE,
    &mp3::AAC,
    &mp3::MP3,
    &isobmff::IsoBmff,
    &matroska::Matroska,
    &gif::Gif,
    // Before TIFF: its preamble may begin a TIFF as well.
    &dicom::Dicom,
    &tiff::Tiff,
    &psd::Psd,
    &riff::Webp,
    &riff::Wave,
    &riff::Avi,
    &riff::Aiff,
    &boxed::Jxl,
    &boxed::Jp2,
    &appledouble::AppleDouble,
    &ooxml::Ooxml,
    &odf::Odf,
    &epub::Epub,
    &zip::Zip,
    &msg::Msg,
    &ole::Ole,
    &pdf::Pdf,
    &rtf::Rtf,
    &arrow::Arrow,
    &avro::Avro,
    &netcdf::NetCdf,
    &orc::Orc,
    &parquet::Parquet,
    &gguf::Gguf,
    &hdf5::Hdf5,
    &safetensors::Safetensors,
    &eml::Eml,
    &html::Html,
    &svg::Svg,
    &xmp::Xmp,
    &xml::Xml,
    &json::Notebook,
    &json::Json,
    &yaml::Yaml,
    &yaml::Markdown,
];

/// Whether some format is known by this extension, in lower case.
pub(crate) fn has_extension(extension: &str) -> bool {
    FORMATS.iter().any(|format| format.extensions().contains(&extension))
}

/// The format of `input`: by content that is of one format only, else by the `extension` of its name, else by content
/// that many formats are made of.
pub fn detect(input: &[u8], extension: Option<&str>) -> Option<&'static dyn Format> {
    let recognised = |general: bool| {
        FORMATS.iter().filter(move |format| format.is_general() == general).find(|format| format.sniff(input))
    };
    let extension = extension.map(str::to_ascii_lowercase);
    let named = |admitted: bool| {
        let extension = extension.as_deref()?;
        let mut named = FORMATS.iter().filter(|format| format.extensions().contains(&extension));
        named.find(|format| format.admits(input) == admitted)
    };
    let found = recognised(false).or_else(|| named(true)).or_else(|| recognised(true)).or_else(|| named(false));
    found.copied()
}
