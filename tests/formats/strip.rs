//! Stripping through the public interface, with everything that a judge may want to see.

use unlabel_core::{Engine, Inside, Label, Layout, Limits, Outcome, Proof, Report, Result, Site, Source, list};

/// Both layouts, for loops.
pub(crate) const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

/// What is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What<'w> {
    /// The label with this key or address.
    Label(&'w str),
    /// Every label that somebody chose.
    Custom,
    /// Those, and the fields that describe a document to people.
    Described,
    /// Those, and every standard field.
    Everything,
}

/// Fields that no program takes its behaviour from.
const DESCRIBING: [&str; 8] =
    ["core:*", "dc:*", "meta:keyword", "info:Title", "info:Subject", "info:Author", "info:Keywords", "info:Comments"];

impl What<'_> {
    fn engine(self, layout: Layout) -> Result<Engine> {
        let builder = Engine::builder().layout(layout).proof(Proof::Full).allow_partial(true).inside(Inside::Strip);
        match self {
            Self::Label(key) => builder.labels([Label::new(key)]),
            Self::Custom => builder.all(true),
            Self::Described => DESCRIBING.iter().fold(builder.all(true), |builder, field| builder.label(*field)),
            Self::Everything => builder.all(true).label("*:*"),
        }
        .build()
    }
}

/// What a strip gave.
#[derive(Debug)]
pub(crate) struct Stripped {
    /// What the engine reports.
    pub(crate) report: Report,
    /// The sites of the input that went.
    pub(crate) removed: Vec<Site>,
    /// The sites of the input that were to stay, in order.
    pub(crate) kept: Vec<Site>,
    /// The sites of the result.
    pub(crate) after: Vec<Site>,
    /// The result; the input where nothing is handed out.
    pub(crate) output: Vec<u8>,
}

/// The sites of a file, of every kind.
pub(crate) fn sites(name: &str, bytes: &[u8]) -> Result<Vec<Site>> {
    let source = Source::from_bytes(bytes.to_vec()).with_name(name);
    Ok(list(&source, &Limits::default())?.findings.sites)
}

/// Strips `what` from `input`, with the full proof. Sites that must stay do not hold the others back.
pub(crate) fn strip(name: &str, input: &[u8], layout: Layout, what: What<'_>) -> Result<Stripped> {
    let engine = what.engine(layout)?;
    let cleaned = engine.strip(Source::from_bytes(input.to_vec()).with_name(name))?;
    let report = cleaned.report().clone();
    let delivered = cleaned.payload().filter(|payload| !payload.is_identity());
    let mut output = Vec::new();
    match delivered {
        Some(payload) => payload.write_to(&mut output)?,
        None => output.extend_from_slice(input),
    }
    let stays = |site: &Site| {
        let left = |left: &unlabel_core::Left| (&left.what, &left.place) == (&site.address, &site.place);
        let followed = report.followed.contains(&format!("{} at {}", site.address, site.place));
        let chosen = engine.selector().choose(site).is_taken() || followed;
        delivered.is_none() || !chosen || report.left.iter().any(left)
    };
    let (kept, removed) = sites(name, input)?.into_iter().partition(stays);
    let after = sites(name, &output)?;
    Ok(Stripped { report, removed, kept, after, output })
}

/// What a second strip of an output does that it should not.
pub(crate) fn second(name: &str, output: &[u8], layout: Layout, what: What<'_>, first: Outcome) -> Option<String> {
    let again = what.engine(layout).and_then(|engine| {
        let cleaned = engine.strip(Source::from_bytes(output.to_vec()).with_name(name))?;
        let changes = cleaned.payload().is_some_and(|payload| !payload.is_identity());
        Ok((cleaned.report().outcome, changes))
    });
    match again {
        Ok((_, true)) => Some("a second strip changes the file again".into()),
        Ok((outcome, false)) if first == Outcome::Stripped && outcome != Outcome::Clean => {
            Some(format!("a second strip says {}", outcome.name()))
        }
        Ok(_) => None,
        Err(error) => Some(format!("a second strip fails: {error}")),
    }
}
