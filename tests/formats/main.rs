//! The formats, judged on real files by readers that are not ours.
//!
//! One module per format family holds what is particular to it; `family` holds what is true of every file. The files
//! come from `corpus`, the judges from `oracle` and `leak`. See `CONTRIBUTING.md` for how to run them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot read its files or start its judges must stop, with the reason"
)]

mod corpus;
mod epub;
mod examples;
mod family;
mod leak;
mod libreoffice;
mod malformed;
mod oracle;
mod packages;
mod strip;

mod audio;
mod boxed;
mod data;
mod gif;
mod heif;
mod isobmff;
mod jpeg;
mod mail;
mod markup;
mod matroska;
mod msg;
mod odf;
mod ole;
mod ooxml;
mod outline;
mod pdf;
mod png;
mod psd;
mod remote;
mod riff;
mod rtf;
mod tiff;
mod webp;
mod zip;
