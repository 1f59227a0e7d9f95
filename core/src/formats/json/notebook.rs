//! The metadata of a notebook, of its cells and of their outputs.

use super::labels::{Carrier, Reader, own_kind};
use crate::containers::json::decoded;
use crate::containers::outline::{Outline, Picture};
use crate::error::Result;
use crate::limits::Limits;
use crate::survey::Kind;

/// What a notebook is made of.
const PARTS: [&str; 6] = ["cells", "metadata", "nbformat", "nbformat_minor", "orig_nbformat", "worksheets"];

/// Metadata of a notebook that its programs keep: without some of it a notebook is not valid.
const PROGRAM: &[&str] = &[
    "kernelspec",
    "language_info",
    "orig_nbformat",
    "kernel_info",
    "signature",
    "widgets",
    "colab",
    "accelerator",
    "gpuClass",
    "jupytext",
    "toc",
    "toc-autonumbering",
    "toc-showcode",
    "toc-showmarkdowntxt",
    "varInspector",
    "nbTranslate",
    "nteract",
    "vscode",
    "application/vnd.databricks.v1+notebook",
    "kaggle",
    "latex_envs",
    "hide_input",
    "interpreter",
    "nbdime-conflicts",
    "nav_menu",
    "anaconda-cloud",
    "celltoolbar",
    "livereveal",
    "rise",
    "papermill",
];

/// The same of cells and outputs.
const CELL: &[&str] = &[
    "collapsed",
    "scrolled",
    "trusted",
    "deletable",
    "editable",
    "format",
    "jupyter",
    "execution",
    "ExecuteTime",
    "slideshow",
    "id",
    "outputId",
    "colab",
    "colab_type",
    "executionInfo",
    "vscode",
    "pycharm",
    "papermill",
    "hidden",
    "run_control",
    "hide_input",
    "isolated",
    "needs_background",
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "application/json",
    "application/vnd.databricks.v1+cell",
    "source_hidden",
    "outputs_hidden",
    "_cell_guid",
    "_uuid",
    "_kg_hide-input",
    "_kg_hide-output",
];

/// Reads a notebook.
pub(super) fn document(input: &[u8], limits: &Limits) -> Result<Outline> {
    let mut reader = Reader::new(input, limits)?;
    reader.scanner.peek();
    let start = reader.scanner.position();
    let mut slots = Vec::new();
    let mut cells = 0;
    let mut is_first = true;
    while let Some(key) = reader.scanner.member(&mut is_first)? {
        let name = decoded(reader.scanner.slice(key.clone()));
        let first = reader.outline.sites.len();
        let next = reader.scanner.peek();
        let stays = PARTS.contains(&&*name);
        match (&*name, next) {
            ("metadata", Some(b'{')) => {
                reader.outline.claims.push(key.clone());
                reader.describe(&Carrier { name: "notebook", place: "notebook", kind: notebook_kind })?;
            }
            ("cells", Some(b'[')) => reader.cells(&mut cells)?,
            ("worksheets", Some(b'[')) => reader.worksheets(&mut cells)?,
            _ if stays => drop(reader.scanner.value()?),
            _ => drop(reader.entry(&Carrier { name: "json", place: "top level", kind: own_kind }, name, &key)?),
        }
        slots.push(reader.slot(key.start, first, stays));
    }
    reader.collect(start, slots);
    reader.scanner.end()?;
    Ok(reader.outline)
}

impl Reader<'_> {
    fn cells(&mut self, cells: &mut usize) -> Result<()> {
        let mut is_first = true;
        while self.scanner.item(&mut is_first)? {
            let name = format!("cell[{cells}]");
            self.object(|reader, member, next| match (member, next) {
                ("metadata", Some(b'{')) => reader.metadata(&name),
                ("outputs", Some(b'[')) => reader.outputs(&name),
                ("attachments", Some(b'{')) => reader.object(|reader, file, next| match next {
                    Some(b'{') => reader.pictures(&format!("{name} › {file}")),
                    _ => reader.scanner.value().map(drop),
                }),
                _ => reader.scanner.value().map(drop),
            })?;
            *cells += 1;
        }
        Ok(())
    }

    /// Format 3 keeps its cells in sheets.
    fn worksheets(&mut self, cells: &mut usize) -> Result<()> {
        let mut is_first = true;
        let mut sheets = 0;
        while self.scanner.item(&mut is_first)? {
            self.object(|reader, member, next| match (member, next) {
                ("metadata", Some(b'{')) => reader.metadata(&format!("worksheet[{sheets}]")),
                ("cells", Some(b'[')) => reader.cells(cells),
                _ => reader.scanner.value().map(drop),
            })?;
            sheets += 1;
        }
        Ok(())
    }

    fn outputs(&mut self, cell: &str) -> Result<()> {
        let mut is_first = true;
        let mut outputs = 0;
        while self.scanner.item(&mut is_first)? {
            let name = format!("{cell}.output[{outputs}]");
            self.object(|reader, member, next| match (member, next) {
                ("metadata", Some(b'{')) => reader.metadata(&name),
                ("data", Some(b'{')) => reader.pictures(&name),
                _ => reader.scanner.value().map(drop),
            })?;
            outputs += 1;
        }
        Ok(())
    }

    fn metadata(&mut self, name: &str) -> Result<()> {
        self.describe(&Carrier { name, place: name, kind: cell_kind })
    }

    /// A bundle of one thing in several media types.
    fn pictures(&mut self, place: &str) -> Result<()> {
        self.object(|reader, kind, next| {
            let start = reader.scanner.position();
            reader.scanner.value()?;
            let extension = match kind {
                "image/png" => "png",
                "image/jpeg" => "jpg",
                "application/pdf" => "pdf",
                _ => return Ok(()),
            };
            if next == Some(b'"') {
                let range = start + 1..reader.scanner.position() - 1;
                reader.outline.pictures.push(Picture { place: format!("{place}.{extension}"), range });
            }
            Ok(())
        })
    }

    /// Shows every member of the object that comes next to `take`, which reads its value. What is no object is read
    /// over.
    fn object(&mut self, mut take: impl FnMut(&mut Self, &str, Option<u8>) -> Result<()>) -> Result<()> {
        if self.scanner.peek() != Some(b'{') {
            return self.scanner.value().map(drop);
        }
        let mut is_first = true;
        while let Some(key) = self.scanner.member(&mut is_first)? {
            let name = decoded(self.scanner.slice(key));
            let next = self.scanner.peek();
            take(self, &name, next)?;
        }
        Ok(())
    }
}

fn notebook_kind(key: &str) -> Kind {
    match key {
        "title" | "authors" | "name" => Kind::Standard,
        _ if PROGRAM.contains(&key) => Kind::Bookkeeping,
        _ => Kind::Custom,
    }
}

fn cell_kind(key: &str) -> Kind {
    match key {
        "name" | "tags" => Kind::Standard,
        _ if CELL.contains(&key) => Kind::Bookkeeping,
        _ => Kind::Custom,
    }
}
