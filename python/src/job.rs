//! Many files, one after the other or several at a time, each to its place, each with its row.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyList;
use unlabel_core::batch::Workers;
use unlabel_core::{Cleaned, Outcome, Payload, Report};
use unlabel_sinks::{Committed, IfExists, Prepared, Write, commit_all, group_size, is_unfinished, recover};

use crate::engine::{Engine, choose};
use crate::failure::{Failure, Result};
use crate::network::Settings;
use crate::output::{Delivered, Delivery, Output, Parcel, Sync, name};
use crate::place::{Opened, Place, Places, shown};
use crate::row::{Row, columns};

/// An engine, where files come from, and where results go.
#[pyclass(frozen, module = "unlabel._unlabel")]
#[derive(Debug)]
pub(crate) struct Job {
    engine: Py<Engine>,
    places: Places,
    output: Output,
    root: Option<Place>,
    delivery: Delivery,
    is_digested: bool,
    workers: Workers,
    worker: String,
}

#[pymethods]
impl Job {
    /// `output` of none edits in place.
    #[new]
    #[pyo3(signature = (engine, output, root, *, exact, write, if_exists, sync, digest, threads, worker, settings))]
    #[expect(clippy::too_many_arguments, reason = "each is an option by its name")]
    fn new(
        py: Python<'_>,
        engine: Py<Engine>,
        output: Option<PathBuf>,
        root: Option<PathBuf>,
        exact: bool,
        write: &str,
        if_exists: &str,
        sync: &str,
        digest: bool,
        threads: usize,
        worker: String,
        settings: HashMap<String, String>,
    ) -> PyResult<Self> {
        let write = choose("write", write, &[("atomic", Write::Atomic), ("patch", Write::Patch)])?;
        let if_exists = choose(
            "if_exists",
            if_exists,
            &[("error", IfExists::Error), ("skip", IfExists::Skip), ("overwrite", IfExists::Overwrite)],
        )?;
        let sync = choose("sync", sync, &[("none", Sync::None), ("file", Sync::File), ("batch", Sync::Batch)])?;
        let core = engine.get().core();
        let make = || {
            let settings = Settings::new(settings);
            let output = match output {
                Some(output) => Output::new(&output, exact, &settings)?,
                None => Output::InPlace(write),
            };
            if if_exists == IfExists::Skip {
                output.bind(core)?;
            }
            let places = Places::new(settings);
            let root = root.map(|root| places.find(&root)).transpose()?;
            Ok::<_, Failure>((output, places, root))
        };
        let (output, places, root) = py.detach(make)?;
        Ok(Self {
            engine,
            places,
            output,
            root,
            delivery: Delivery { if_exists, sync },
            is_digested: digest,
            workers: Workers::new().jobs(threads),
            worker,
        })
    }

    /// The columns of the report on these files, in their order. What is wrong with a file is in its row.
    #[expect(clippy::needless_pass_by_value, reason = "what Python has becomes ours on the way in")]
    fn run<'py>(&self, py: Python<'py>, paths: Vec<PathBuf>) -> PyResult<Vec<Bound<'py, PyList>>> {
        let engine = self.engine.get();
        let rows = py.detach(|| self.rows(engine, &paths))?;
        columns(py, &rows, &self.worker)
    }

    /// The columns of the report on one file.
    ///
    /// # Errors
    /// What is wrong with the file.
    #[expect(clippy::needless_pass_by_value, reason = "what Python has becomes ours on the way in")]
    fn run_one<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Vec<Bound<'py, PyList>>> {
        let engine = self.engine.get();
        let treated = py.detach(|| self.treat(engine, &path, self.delivery));
        match treated.failure {
            Some(failure) => Err(failure.for_path(Path::new(&shown(&path))).into()),
            None => columns(py, &[treated.row], &self.worker),
        }
    }
}

/// What became of a file so far.
struct Treated {
    row: Row,
    /// Why it is neither clean nor stripped.
    failure: Option<Failure>,
    waiting: Option<Box<Prepared>>,
}

impl Job {
    fn rows(&self, engine: &Engine, paths: &[PathBuf]) -> Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(paths.len());
        for group in paths.chunks(group_size()) {
            let mut treated = Vec::with_capacity(group.len());
            let work = |path: &PathBuf| self.treat(engine, path, self.delivery);
            self.workers.clone().ordered(group.len()).run(group.iter(), work, |file| treated.push(file))?;
            self.commit(engine, group, &mut treated);
            rows.extend(treated.into_iter().map(|file| file.row));
        }
        Ok(rows)
    }

    /// Makes the results of a group visible and lasting.
    fn commit(&self, engine: &Engine, paths: &[PathBuf], group: &mut [Treated]) {
        let mut files = Vec::new();
        let mut writes = Vec::new();
        for (file, path) in group.iter_mut().zip(paths) {
            if let Some(write) = file.waiting.take() {
                files.push((file, path));
                writes.push(*write);
            }
        }
        for ((file, path), result) in files.into_iter().zip(commit_all(writes)) {
            match result {
                Ok(_) => file.row.committed = Some(Committed::New),
                // Somebody was quicker: see whether it is the same result.
                Err(error) if error.kind() == unlabel_sinks::ErrorKind::Exists => {
                    *file = self.treat(engine, path, Delivery { sync: Sync::File, ..self.delivery });
                }
                Err(error) => file.row.undeliver(&error.into()),
            }
        }
    }

    /// Treats one file: whatever happens is in the row.
    fn treat(&self, engine: &Engine, path: &Path, delivery: Delivery) -> Treated {
        let started = Instant::now();
        let mut treated = self.try_treat(engine, path, delivery).unwrap_or_else(|failure| {
            let report = Report::new(outcome_of(&failure), 0).because(failure.kind, &failure.reason);
            Treated { row: Row::new(shown(path), report), failure: Some(failure), waiting: None }
        });
        treated.row.elapsed_us = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        treated
    }

    fn try_treat(&self, engine: &Engine, path: &Path, delivery: Delivery) -> Result<Treated> {
        let place = self.places.find(path)?;
        let name = match self.output {
            Output::Directory(_) | Output::Far { .. } => name(&place, self.root.as_ref())?,
            Output::InPlace(_) | Output::File(_) => PathBuf::new(),
        };
        self.set_right(&place)?;
        let opened = self.places.open(&place)?;
        let shown = shown(path);
        let len = opened.source.len();
        let cleaned = match engine.run(opened.source.clone()) {
            Ok(cleaned) => cleaned.digest_plan(),
            Err(error) => {
                let row = Row::new(shown, Report::of_error(&error, len));
                return Ok(Treated { row, failure: Some(error.into()), waiting: None });
            }
        };
        let mut row = Row::new(shown, cleaned.report().clone());
        let Some(payload) = cleaned.payload() else {
            let failure = Some(Failure::of_report(cleaned.report()));
            return Ok(Treated { row, failure, waiting: None });
        };
        match self.deliver(&place, &opened, &cleaned, payload, &name, delivery) {
            Ok((digest, delivered)) => {
                row.output_digest = digest;
                let waiting = row.take(delivered);
                Ok(Treated { row, failure: None, waiting })
            }
            Err(failure) => {
                row.undeliver(&failure);
                Ok(Treated { row, failure: Some(failure), waiting: None })
            }
        }
    }

    /// Brings a result to its place, and tells its digest where that is wanted.
    fn deliver(
        &self,
        place: &Place,
        opened: &Opened,
        cleaned: &Cleaned,
        payload: &Payload,
        name: &Path,
        delivery: Delivery,
    ) -> Result<(Option<String>, Delivered)> {
        let digest = self.is_digested.then(|| payload.digest()).transpose()?;
        let options = opened.put_options(cleaned)?;
        let outcome = cleaned.report().outcome;
        let parcel = Parcel { place, payload, outcome, options, version: opened.version() };
        Ok((digest, self.output.deliver(&parcel, name, delivery)?))
    }

    /// Sets a file right whose patch was cut off, where it is replaced; refuses it elsewhere.
    fn set_right(&self, place: &Place) -> Result<()> {
        let Place::Path(path) = place else { return Ok(()) };
        if !is_unfinished(path)? {
            return Ok(());
        }
        if matches!(self.output, Output::InPlace(_)) {
            recover(path)?;
            return Ok(());
        }
        Err(Failure::new("changed", "a patch of it was cut off, or is at work: see `unlabel recover`"))
    }
}

fn outcome_of(failure: &Failure) -> Outcome {
    match failure.kind {
        "unsupported" => Outcome::Unsupported,
        _ => Outcome::Failed,
    }
}
