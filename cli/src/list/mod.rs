//! `unlabel list`: the labels that files carry.

mod print;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use unlabel_core::{Error, ErrorKind, Limits, Listing, Result, batch};
use unlabel_sinks::File;
use unlabel_sinks::remote::Objects;

use self::print::Totals;
use crate::args::List;
use crate::exit::{Status, UsageError};
use crate::input;
use crate::interrupt::Stop;
use crate::remote::{Item, Origin, Remote, Walk};
use crate::text::Paint;

/// Lists the files that the options name, in their order, whoever is done first.
///
/// # Errors
/// When standard input is named twice.
pub(crate) fn run(options: &List) -> Result<Status, UsageError> {
    input::check(&options.paths, &[])?;
    let stop = Stop::on_signals();
    let printer = Mutex::new(Printer::new());
    let paint = Paint::on(&io::stdout());
    let limits = Limits::default();
    let remote = Remote::new(&options.network);
    let origins = options.paths.iter().map(|path| remote.origin(path)).collect::<Result<Vec<_>, _>>()?;
    let work = |(position, (item, found)): (usize, (Item, Result<()>))| {
        let listing = found
            .and_then(|()| remote.open(&item, &limits))
            .and_then(|opened| unlabel_core::list(&opened.source, &limits));
        let lines = Printed::new(&item.shown(), listing, options, paint);
        let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.and_then(|lines| printer.print(position, lines)).is_err() {
            stop.stop();
        }
    };
    batch::for_each(items(&origins, &remote).enumerate(), input::jobs(None, &origins), stop.flag(), work)
        .map_err(|error| UsageError::new(error.to_string()))?;

    let mut printer = printer.into_inner().unwrap_or_else(PoisonError::into_inner);
    let _ = printer.finish(options);
    Ok(match &printer.totals {
        _ if stop.is_interrupted() => Status::Interrupted,
        totals if totals.unsupported + totals.failed > 0 => Status::SomeFailed,
        // A reader that went away has seen what it wanted.
        _ => Status::Success,
    })
}

/// The files at and below the origins; what cannot be walked is an error in its place.
fn items<'i>(origins: &'i [Origin], remote: &'i Remote) -> impl Iterator<Item = (Item, Result<()>)> + Send + 'i {
    origins.iter().flat_map(move |origin| -> Box<dyn Iterator<Item = (Item, Result<()>)> + Send + 'i> {
        match origin {
            Origin::Path(path) if input::is_stream(path) => one(Item::Path(path.clone()), Ok(())),
            Origin::Path(path) => {
                Box::new(batch::entries([path.clone()], File::is_staged).map(move |entry| match entry {
                    Ok(entry) => (Item::Path(entry.path), Ok(())),
                    Err(error) => (Item::Path(error.path().unwrap_or(path).to_owned()), Err(error)),
                }))
            }
            Origin::Http(config) => one(Item::Http(config.clone()), Ok(())),
            Origin::Object { objects, key } => one(object(objects, key.clone()), Ok(())),
            Origin::Prefix { objects, prefix } => match remote.runtime() {
                Ok(runtime) => {
                    Box::new(Walk::new(runtime, Arc::clone(objects), prefix.clone()).map(|found| match found {
                        Ok((key, _)) => (object(objects, key), Ok(())),
                        Err(error) => (object(objects, prefix.clone()), Err(error)),
                    }))
                }
                Err(error) => one(object(objects, prefix.clone()), Err(Error::new(ErrorKind::Io, error.to_string()))),
            },
        }
    })
}

fn one<'i>(item: Item, found: Result<()>) -> Box<dyn Iterator<Item = (Item, Result<()>)> + Send + 'i> {
    Box::new(std::iter::once((item, found)))
}

fn object(objects: &Arc<Objects>, key: String) -> Item {
    Item::Object { objects: Arc::clone(objects), key }
}

/// One file's listing, ready to be written.
struct Printed {
    out: String,
    err: String,
    totals: Totals,
}

impl Printed {
    fn new(path: &Path, listing: Result<Listing>, options: &List, paint: Paint) -> io::Result<Self> {
        let mut totals = Totals { files: 1, ..Totals::default() };
        let (mut out, mut err) = (String::new(), String::new());
        match listing {
            Ok(listing) => {
                let labels = print::labels(&listing.findings, options.all_kinds);
                totals.labels = labels.len();
                out = if options.json {
                    print::json(path, &listing, &labels)?
                } else {
                    print::table(path, &listing, &labels, paint)
                };
            }
            Err(error) => {
                let is_unsupported = error.kind() == ErrorKind::Unsupported;
                let outcome = if is_unsupported { "unsupported" } else { "failed" };
                let count = if is_unsupported { &mut totals.unsupported } else { &mut totals.failed };
                *count = 1;
                if options.json {
                    out = print::json_trouble(path, outcome, &error)?;
                } else {
                    err = print::trouble(path, outcome, &error);
                }
            }
        }
        Ok(Self { out, err, totals })
    }
}

/// Writes listings in order: those that are ready too early wait.
struct Printer {
    next: usize,
    waiting: BTreeMap<usize, Printed>,
    totals: Totals,
    started: Instant,
}

impl Printer {
    fn new() -> Self {
        Self { next: 0, waiting: BTreeMap::new(), totals: Totals::default(), started: Instant::now() }
    }

    fn print(&mut self, position: usize, printed: Printed) -> io::Result<()> {
        self.waiting.insert(position, printed);
        while let Some(Printed { out, err, totals }) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.totals.files += totals.files;
            self.totals.labels += totals.labels;
            self.totals.unsupported += totals.unsupported;
            self.totals.failed += totals.failed;
            io::stdout().write_all(out.as_bytes())?;
            io::stderr().write_all(err.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, options: &List) -> io::Result<()> {
        let mut out = io::stdout();
        if options.json {
            out.write_all(print::json_summary(&self.totals, self.started.elapsed())?.as_bytes())?;
        } else if !options.quiet {
            out.write_all(print::summary(&self.totals).as_bytes())?;
        }
        out.flush()
    }
}
