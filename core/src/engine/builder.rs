//! The settings of an engine.

use super::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::inside::Inside;
use crate::label::Label;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Proof;
use crate::selector::Selector;

/// Settings of an [`Engine`]. Every one has a default but the labels, of which there must be at least one.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct EngineBuilder {
    take: Vec<Take>,
    keep: Vec<String>,
    ignore_value: bool,
    layout: Layout,
    proof: Proof,
    allow_signed: bool,
    allow_partial: bool,
    inside: Inside,
    prune_empty: bool,
    limits: Limits,
}

#[derive(Debug)]
enum Take {
    Rule(String),
    Label(Label),
    All,
}

impl EngineBuilder {
    /// Removes what this rule names, written as [`Selector`] documents: `id`, `id=8888`, `MSIP_*`, `/^x-/`, `@msip`,
    /// `exif:ImageDescription`.
    #[must_use]
    pub fn label(mut self, rule: impl Into<String>) -> Self {
        self.take.push(Take::Rule(rule.into()));
        self
    }

    /// Removes these literal labels, whose keys are never patterns.
    #[must_use]
    pub fn labels(mut self, labels: impl IntoIterator<Item = Label>) -> Self {
        self.take.extend(labels.into_iter().map(Take::Label));
        self
    }

    /// Removes every custom label. Default false.
    #[must_use]
    pub fn all(mut self, all: bool) -> Self {
        if all {
            self.take.push(Take::All);
        }
        self
    }

    /// Holds back what this rule names, whatever else names it.
    #[must_use]
    pub fn keep(mut self, rule: impl Into<String>) -> Self {
        self.keep.push(rule.into());
        self
    }

    /// Ignores the values that labels name. Default false.
    #[must_use]
    pub fn ignore_value(mut self, ignore: bool) -> Self {
        self.ignore_value = ignore;
        self
    }

    /// How the result relates to the offsets of the input. Default [`Layout::Preserve`].
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// How much of the result is searched before it is handed out. Default [`Proof::Structural`].
    #[must_use]
    pub fn proof(mut self, proof: Proof) -> Self {
        self.proof = proof;
        self
    }

    /// Edits signed files too; the signature is then broken, and the report says so. Default false.
    #[must_use]
    pub fn allow_signed(mut self, allow: bool) -> Self {
        self.allow_signed = allow;
        self
    }

    /// Hands out the result although some sites had to stay. Default false.
    #[must_use]
    pub fn allow_partial(mut self, allow: bool) -> Self {
        self.allow_partial = allow;
        self
    }

    /// What becomes of labels in files that stand inside others. Default [`Inside::Report`].
    #[must_use]
    pub fn inside(mut self, inside: Inside) -> Self {
        self.inside = inside;
        self
    }

    /// Takes out whole parts that become empty, with what names them: the custom properties and the sensitivity labels
    /// of an office package. Such a result is shorter, whatever the layout. Default false.
    #[must_use]
    pub fn prune_empty(mut self, prune: bool) -> Self {
        self.prune_empty = prune;
        self
    }

    /// Bounds on what one file may cost.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The engine.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when no label is named, a key is empty, or an expression is invalid.
    pub fn build(self) -> Result<Engine> {
        let mut selector = Selector::default();
        for take in self.take {
            match take {
                Take::Rule(rule) => selector.take(&rule)?,
                Take::Label(label) => selector.take_label(label)?,
                Take::All => selector.take_all(),
            }
        }
        for rule in &self.keep {
            selector.keep(rule)?;
        }
        if selector.rules().is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no label named"));
        }
        selector.ignore_value(self.ignore_value);
        Ok(Engine {
            selector,
            layout: self.layout,
            proof: self.proof,
            allow_signed: self.allow_signed,
            allow_partial: self.allow_partial,
            inside: self.inside,
            prune_empty: self.prune_empty,
            limits: self.limits,
        })
    }
}
