//! Takes chosen labels out of files, completely, and leaves every other byte alone.
#![deny(unsafe_code)]

#[cfg(feature = "parallel")]
pub mod batch;
pub mod containers;
pub mod cursor;
mod engine;
mod error;
pub mod formats;
mod inside;
mod label;
mod limits;
mod listing;
mod needles;
mod payload;
mod plan;
mod report;
mod scan;
mod selector;
mod source;
mod summary;
mod survey;
mod verify;

pub use engine::{Cleaned, Engine, EngineBuilder, Job, list};
pub use error::{Error, ErrorKind, Result};
pub use formats::{FORMATS, Format, detect};
pub use inside::Inside;
pub use label::Label;
pub use limits::Limits;
pub use listing::{ListedLabel, Listing};
pub use needles::{Half, Needles, Occurrence};
pub use payload::Payload;
pub use plan::{Edit, Layout, Plan, Replacement, Segment};
pub use report::{LabelReport, Left, Outcome, Report, Status};
pub use scan::{Class, Hit, Proof, Scan, Stream};
pub use selector::{Choice, Rule, Selector};
pub use source::{MAP_FROM, PIECE, ReadAt, Snapshot, Source};
pub use survey::{Barrier, Findings, Guard, KeyCase, Kind, Look, Member, Planned, Removal, Scope, Site, Survey};
