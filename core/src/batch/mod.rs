//! Many files: choosing them, and working on several at a time.
//!
//! [`Walk`] finds files, [`PathList`] reads their names from a list, [`Batch`] runs an [`Engine`](crate::Engine) on
//! them. [`Workers`] is what a batch stands on: for programs that open or deliver files in their own way.
//!
//! Nothing here grows with the number of files: ten million of them stream through.
//!
//! ```
//! use unlabel_core::Engine;
//! use unlabel_core::batch::{Batch, Walk};
//!
//! # let folder = tempfile::tempdir().map_err(|error| unlabel_core::Error::io("no folder", error))?;
//! # std::fs::write(folder.path().join("a.json"), r#"{"id": "8888", "text": 1}"#).unwrap();
//! # let folder = folder.path();
//! let engine = Engine::builder().label("id").build()?;
//! let walk = Walk::new().exclude("*.tmp")?;
//! let totals = Batch::new(engine).jobs(2).run(
//!     walk.files([folder.to_owned()]),
//!     // On the threads of the batch, for several files at a time: deliver the result here.
//!     |file| {
//!         let cleaned = file.cleaned().and_then(|cleaned| cleaned.payload()).map(|payload| payload.len());
//!         (file.path().to_owned(), file.outcome(), cleaned)
//!     },
//!     // One at a time.
//!     |(path, outcome, _)| println!("{}: {}", path.display(), outcome.name()),
//! )?;
//! assert_eq!((totals.files, totals.of(unlabel_core::Outcome::Stripped)), (1, 1));
//! # Ok::<(), unlabel_core::Error>(())
//! ```

mod cancel;
mod globs;
mod list;
mod run;
mod sequence;
mod shard;
mod walk;
mod workers;

pub use cancel::Cancel;
pub use list::PathList;
pub use run::{Batch, Outcomes, Totals, Treated};
pub use sequence::{Sequence, Slot};
pub use shard::Shard;
pub use walk::{Entry, Links, Walk};
pub use workers::{Workers, available};
