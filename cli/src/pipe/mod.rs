//! `unlabel pipe`: requests on standard input, answers on standard output, a line each.
//!
//! A thread reads lines into a short queue; workers take them from it. When the queue is full, nothing is read: who
//! writes requests faster than they are done, waits.

mod request;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use unlabel_core::batch::{self, Workers};
use unlabel_core::{Engine, Label};

use self::request::{Action, Request};
use crate::args::{Pipe, Strip};
use crate::exit::{Status, UsageError};
use crate::interrupt::Stop;
use crate::list;
use crate::remote::{Origin, Remote};
use crate::report::{json_file, json_line};
use crate::strip::{self, Destinations, Session, Shared};

/// Bytes of a request; a longer one is answered as wrong.
const LONGEST: u64 = 16 << 20;

/// How long the wait for a request may keep an interrupt from being seen.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Answers requests until they end.
///
/// # Errors
/// When threads cannot be started.
pub(crate) fn run(options: &Pipe) -> Result<Status, UsageError> {
    let stop = Stop::on_signals();
    let remote = Remote::new(&options.network);
    let walk = batch::Walk::new();
    let workers = Workers::new().jobs(options.jobs.map_or(0, usize::from)).cancel(stop.cancel());
    let (sender, receiver) = sync_channel(2 * workers.count());
    // Not waited for: at an interrupt it may be in a read that does not end.
    std::thread::spawn(move || read(&sender));
    let service = Service {
        shared: Shared::new(&remote),
        remote: &remote,
        walk: &walk,
        engines: Mutex::default(),
        answers: Arc::new(Answers { stop: stop.clone(), out: Mutex::new(io::stdout()) }),
    };
    let lines = Lines { receiver, stop: stop.clone() };
    workers.for_each(lines, |line| service.answer(line)).map_err(|error| UsageError::new(error.to_string()))?;
    service.shared.finish()?;
    let status = if stop.is_broken() { Status::SomeFailed } else { Status::Success };
    Ok(stop.status().unwrap_or(status))
}

/// A line of the input and its number, from 1.
struct Line {
    number: u64,
    bytes: Result<Vec<u8>, String>,
}

/// Reads lines until they end or nobody wants them.
fn read(sender: &SyncSender<Line>) {
    let mut reader = BufReader::new(io::stdin());
    for number in 1.. {
        let mut bytes = Vec::new();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes);
        let is_cut = bytes.len() as u64 == LONGEST && bytes.last() != Some(&b'\n');
        let (bytes, is_last) = match read {
            Ok(0) => return,
            Ok(_) if is_cut => {
                let skipped = reader.skip_until(b'\n');
                (Err(format!("a request of more than {LONGEST} bytes")), skipped.is_err())
            }
            Ok(_) => (Ok(bytes), false),
            Err(error) => (Err(format!("cannot read requests: {error}")), true),
        };
        if sender.send(Line { number, bytes }).is_err() || is_last {
            return;
        }
    }
}

/// The lines, as workers take them.
struct Lines {
    receiver: Receiver<Line>,
    stop: Stop,
}

impl Iterator for Lines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            match self.receiver.recv_timeout(LOOK_UP) {
                Ok(line) => return Some(line),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if self.stop.cancel().is_cancelled() => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

struct Service<'r> {
    shared: Shared<'r>,
    remote: &'r Remote,
    walk: &'r batch::Walk,
    /// The engine that was made last, and from what: requests of a kind come in rows.
    engines: Mutex<Option<(String, Arc<Engine>)>>,
    answers: Arc<Answers>,
}

#[derive(Serialize)]
struct Trouble<'t> {
    r#type: &'static str,
    id: &'t Value,
    line: u64,
    reason: &'t str,
}

impl Service<'_> {
    fn answer(&self, Line { number, bytes }: Line) {
        let bytes = match bytes {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => return,
            Ok(bytes) => bytes,
            Err(reason) => return self.answers.trouble(&Value::Null, number, &reason),
        };
        // Whose request it is is told even where the rest is wrong.
        let any: Option<Value> = serde_json::from_slice(&bytes).ok();
        let id = any.as_ref().and_then(|any| any.get("id")).cloned().unwrap_or_default();
        if let Err(reason) = self.serve(&bytes, &id) {
            self.answers.trouble(&id, number, &reason);
        }
    }

    fn serve(&self, bytes: &[u8], id: &Value) -> Result<(), String> {
        let failed = |error: UsageError| error.to_string();
        let Request { path, action } = Request::parse(bytes)?;
        let origins = [self.remote.origin(&path).map_err(failed)?];
        if origins.iter().any(Origin::is_many) {
            return Err("`path` names many files: name one".to_owned());
        }
        match action {
            Action::List { all_kinds } => {
                let mut found = crate::found::files(&origins[0], self.walk, self.remote, |_| false);
                let found = found.next().ok_or("there is no such file")?;
                self.answers.say(list::line(&found.item, self.remote, all_kinds, id));
            }
            Action::Strip { options, labels, send_back } => {
                let engine = self.engine(&options, &labels).map_err(failed)?;
                let destinations = match send_back {
                    Some(send_back) => Destinations::sent_back(send_back, &origins, self.remote),
                    None => Destinations::new(&options, &origins, self.remote),
                };
                let destinations = destinations.map_err(failed)?;
                let job = destinations.jobs(&origins, self.walk, self.remote, None).next();
                let in_place = strip::in_place(&options, None);
                let session = Session { engine: &engine, options: &options, shared: &self.shared, in_place: &in_place };
                let (answers, id, dry_run) = (Arc::clone(&self.answers), id.clone(), options.dry_run);
                session.file(job.ok_or("there is no such file")?, move |report| {
                    answers.say(json_file(&report, dry_run, Some(&id)));
                });
            }
        }
        Ok(())
    }

    fn engine(&self, options: &Strip, labels: &[Label]) -> Result<Arc<Engine>, UsageError> {
        let key = strip::engine_key(options, labels);
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, engine)) = engines.as_ref().filter(|(known, _)| *known == key) {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(strip::engine(options, labels)?);
        *engines = Some((key, Arc::clone(&engine)));
        Ok(engine)
    }
}

/// Writes answers, a line at a time.
struct Answers {
    out: Mutex<io::Stdout>,
    stop: Stop,
}

impl Answers {
    fn say(&self, line: io::Result<String>) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if line.and_then(|line| out.write_all(line.as_bytes()).and_then(|()| out.flush())).is_err() {
            // Nobody hears the answers.
            self.stop.set_broken();
        }
    }

    fn trouble(&self, id: &Value, line: u64, reason: &str) {
        self.say(json_line(&Trouble { r#type: "error", id, line, reason }));
    }
}
