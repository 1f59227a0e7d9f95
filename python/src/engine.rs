//! The engine: which labels go, and how. What it says of bytes and of single files.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use unlabel_core::{
    Cleaned, Error, ErrorKind, Inside, Kind, Label, Layout, Limits, Payload, Proof, Replacement, Source,
};

use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::network::Settings;
use crate::place::Places;

/// Settings that say which labels go, and how.
#[pyclass(frozen, module = "unlabel._unlabel")]
#[derive(Debug)]
pub(crate) struct Engine(unlabel_core::Engine);

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        rules, labels, keep, *, all, ignore_value, layout, proof, allow_signed, allow_partial, prune_empty, recursive
    ))]
    #[expect(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "each is an option by its name")]
    fn new(
        rules: Vec<String>,
        labels: Vec<(String, Option<String>)>,
        keep: Vec<String>,
        all: bool,
        ignore_value: bool,
        layout: &str,
        proof: &str,
        allow_signed: bool,
        allow_partial: bool,
        prune_empty: bool,
        recursive: bool,
    ) -> PyResult<Self> {
        let layout = choose("layout", layout, &[("preserve", Layout::Preserve), ("compact", Layout::Compact)])?;
        let proof = choose("proof", proof, &[("structural", Proof::Structural), ("full", Proof::Full)])?;
        let labels = labels.into_iter().map(|(key, value)| Label::with_value(key, value.unwrap_or_default()));
        let mut builder = unlabel_core::Engine::builder()
            .labels(labels)
            .all(all)
            .ignore_value(ignore_value)
            .layout(layout)
            .proof(proof)
            .allow_signed(allow_signed)
            .allow_partial(allow_partial)
            .prune_empty(prune_empty)
            .inside(if recursive { Inside::Strip } else { Inside::Report });
        for rule in rules {
            builder = builder.label(rule);
        }
        for rule in keep {
            builder = builder.keep(rule);
        }
        Ok(Self(builder.build().map_err(Failure::from)?))
    }

    /// The result of stripping bytes. Bytes that are clean come back as they are, without a copy.
    fn strip<'py>(&self, data: &Bound<'py, PyAny>, name: Option<&str>) -> PyResult<Bound<'py, PyBytes>> {
        let py = data.py();
        let input = Input::of(data, name)?;
        let payload = py.detach(|| self.payload(input.open(&Places::default())?))?;
        if payload.is_identity()
            && let Ok(bytes) = data.cast::<PyBytes>()
        {
            return Ok(bytes.clone());
        }
        let len = usize::try_from(payload.len()).map_err(|_| Failure::new("limit", "the result is too long"))?;
        PyBytes::new_with(py, len, |out| py.detach(|| fill(out, &payload)).map_err(PyErr::from))
    }

    /// The edits that strip bytes or a file.
    fn plan(
        &self,
        source: &Bound<'_, PyAny>,
        name: Option<&str>,
        settings: HashMap<String, String>,
    ) -> PyResult<Vec<Edit>> {
        let input = Input::of(source, name)?;
        let places = Places::new(Settings::new(settings));
        let payload = source.py().detach(|| self.payload(input.open(&places)?))?;
        Ok(payload.plan().edits().iter().cloned().map(Edit).collect())
    }
}

impl Engine {
    /// Runs the engine. A panic in it is a defect of one format: it fails the file, not the process.
    pub(crate) fn run(&self, source: Source) -> unlabel_core::Result<Cleaned> {
        let result = catch_unwind(AssertUnwindSafe(|| self.0.strip(source)));
        result.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unverified, "a defect of this program")))
    }

    /// The engine of the core.
    pub(crate) fn core(&self) -> &unlabel_core::Engine {
        &self.0
    }

    fn payload(&self, source: Source) -> Result<Payload> {
        match self.run(source)?.into_parts() {
            (_, Some(payload)) => Ok(payload),
            (report, None) => Err(Failure::of_report(&report)),
        }
    }
}

/// Writes a result where it is wanted.
fn fill(mut out: &mut [u8], payload: &Payload) -> Result<()> {
    for chunk in payload.chunks() {
        let chunk = chunk?;
        let Some((now, rest)) = out.split_at_mut_checked(chunk.len()) else {
            return Err(Failure::new("changed", "the input grew while it was being treated"));
        };
        now.copy_from_slice(&chunk);
        out = rest;
    }
    if out.is_empty() { Ok(()) } else { Err(Failure::new("changed", "the input shrank while it was being treated")) }
}

/// The one of the `known` that goes by this name.
pub(crate) fn choose<T: Copy>(option: &str, name: &str, known: &[(&str, T)]) -> Result<T> {
    let found = known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        Failure::usage(format!("{option} is `{name}`: one of {}", known.join(", ")))
    })
}

/// One range of the input, and what takes its place.
#[pyclass(frozen, module = "unlabel._unlabel")]
pub(crate) struct Edit(unlabel_core::Edit);

#[pymethods]
impl Edit {
    /// Where the range starts, in bytes.
    #[getter]
    fn start(&self) -> u64 {
        self.0.range.start
    }

    /// Where it ends.
    #[getter]
    fn end(&self) -> u64 {
        self.0.range.end
    }

    /// The bytes that take its place, made when they are asked for.
    #[getter]
    fn replacement<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        match &self.0.with {
            Replacement::Bytes(bytes) => Ok(PyBytes::new(py, bytes)),
            Replacement::Fill { byte, len } => PyBytes::new_with(py, *len as usize, |out| {
                out.fill(*byte);
                Ok(())
            }),
        }
    }

    /// How many bytes take its place.
    fn __len__(&self) -> usize {
        self.0.with.len() as usize
    }

    /// Lengths only: what takes the place is content of the file.
    fn __repr__(&self) -> String {
        format!("<Edit of bytes {}..{} to {} others>", self.0.range.start, self.0.range.end, self.0.with.len())
    }
}

/// The labels of bytes or of a file, as JSON.
#[pyfunction]
pub(crate) fn list_labels(
    source: &Bound<'_, PyAny>,
    name: Option<&str>,
    all_kinds: bool,
    settings: HashMap<String, String>,
) -> PyResult<String> {
    let input = Input::of(source, name)?;
    let places = Places::new(Settings::new(settings));
    let list = || {
        let listing = unlabel_core::list(&input.open(&places)?, &Limits::default())?;
        let labels = listing.labels(|kind| all_kinds || kind == Kind::Custom);
        let json = serde_json::json!({"format": listing.format, "labels": labels, "guards": listing.guards()});
        Ok::<_, Failure>(json.to_string())
    };
    Ok(source.py().detach(list)?)
}
