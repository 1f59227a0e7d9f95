//! Takes chosen labels out of files, completely, and leaves every other byte alone.
#![deny(unsafe_code)]

pub mod containers;
pub mod cursor;
mod error;
pub mod formats;
mod label;
mod limits;
mod needles;
mod plan;
mod scan;
mod survey;

pub use error::{Error, ErrorKind, Result};
pub use formats::{FORMATS, Format, detect};
pub use label::Label;
pub use limits::Limits;
pub use needles::{Half, Needles, Occurrence};
pub use plan::{Edit, Layout, Plan, Replacement, Segment};
pub use scan::{Class, Hit, Proof, Scan, Stream};
pub use survey::{Barrier, Findings, Guard, KeyCase, Kind, Planned, Removal, Scope, Site, Survey};
