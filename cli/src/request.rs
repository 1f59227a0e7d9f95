//! `unlabel request`: a request document, treated as the server would treat it, and the envelope of the answer.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unlabel_core::{Cleaned, Engine, Limits};
use unlabel_sinks::{Envelope, File, PutOptions, Receipt, SendBack, Sink, Stdout, StoredObject};

use crate::args::Request;
use crate::exit::{Status, UsageError};
use crate::input::{is_stream, put_options};
use crate::remote::{Item, Remote};
use crate::text;

/// Does what the document says.
///
/// # Errors
/// When the options contradict each other or the document.
pub(crate) fn run(options: &Request) -> Result<Status, UsageError> {
    let words = read(&options.metadata)?;
    let request = match unlabel_sinks::Request::parse(&words) {
        Ok(request) => request,
        Err(error) => {
            print(&Envelope::new(400, error), false);
            return Ok(Status::Usage);
        }
    };
    let is_filter = request.send_back == SendBack::Response && options.output.is_none();
    let remote = Remote::new(&options.network);
    let item = item(options, &request, &remote)?;
    let mut envelope = treat(options, &request, &remote, &item);
    if let Some(id) = &request.query_id {
        envelope = envelope.with("queryID", id.as_str());
    }
    print(&envelope, is_filter);
    Ok(if envelope.is_success() { Status::Success } else { Status::SomeFailed })
}

fn read(path: &Path) -> Result<String, UsageError> {
    let mut words = String::new();
    let read = if is_stream(path) {
        io::stdin().read_to_string(&mut words).map(drop)
    } else {
        fs::read_to_string(path).map(|text| words = text)
    };
    read.map(|()| words).map_err(|error| UsageError::new(format!("{}: {error}", text::path(path))))
}

/// What to treat: the object of the document, or the file that was named.
fn item(options: &Request, request: &unlabel_sinks::Request, remote: &Remote) -> Result<Item, UsageError> {
    match (&request.object, &options.file) {
        (Some(object), None) => {
            let objects = remote.objects(object)?;
            let key = match object {
                StoredObject { key: Some(key), .. } => key.clone(),
                // The key is part of the URL.
                StoredObject { key: None, .. } => String::new(),
            };
            Ok(Item::Object { objects: Arc::new(objects), key })
        }
        (None, Some(file)) if is_stream(file) && is_stream(&options.metadata) => {
            Err(UsageError::new("`-` is given twice: standard input can be read once"))
        }
        (None, Some(file)) => Ok(Item::Path(file.clone())),
        (Some(_), Some(_)) => Err(UsageError::new("the document names an object, and a file is given too")),
        (None, None) => Err(UsageError::new("no file: the document names no object, so give one")),
    }
}

fn treat(options: &Request, request: &unlabel_sinks::Request, remote: &Remote, item: &Item) -> Envelope {
    let engine = match Engine::builder().labels(request.labels.iter().cloned()).build() {
        Ok(engine) => engine,
        Err(error) => return Envelope::of_error(&error),
    };
    let opened = match remote.open(item, &Limits::default()) {
        Ok(opened) => opened,
        Err(error) => return Envelope::of_error(&error),
    };
    let cleaned = match engine.strip(opened.source.clone()) {
        Ok(cleaned) => cleaned,
        Err(error) => return Envelope::of_error(&error),
    };
    let envelope = Envelope::of_report(cleaned.report());
    if cleaned.payload().is_none() {
        return envelope;
    }
    let put = match put_options(&cleaned, opened.reader.as_deref()) {
        Ok(put) => put,
        Err(error) => return Envelope::of_error(&error),
    };
    match deliver(options, request, remote, item, &cleaned, &put) {
        Ok(receipt) => envelope.with("location", receipt.location).with("bytes", receipt.bytes),
        Err(error) => Envelope { data: envelope.data, ..Envelope::of_delivery(&error) },
    }
}

fn deliver(
    options: &Request,
    request: &unlabel_sinks::Request,
    remote: &Remote,
    item: &Item,
    cleaned: &Cleaned,
    put: &PutOptions,
) -> unlabel_sinks::Result<Receipt> {
    let failed = |error: UsageError| unlabel_sinks::Error::new(unlabel_sinks::ErrorKind::Config, error.to_string());
    let Some(payload) = cleaned.payload() else {
        return Err(unlabel_sinks::Error::new(unlabel_sinks::ErrorKind::Io, "there is nothing to send"));
    };
    let near = |sink: &dyn Sink| futures_executor::block_on(sink.put("", payload, put));
    match (&request.send_back, &options.output) {
        (SendBack::Response, Some(path)) => near(&File::at(path)),
        (SendBack::Response, None) => near(&Stdout::new()),
        (send_back, _) => {
            let runtime = remote.runtime().map_err(failed)?;
            let sink = send_back.clone().into_sink(remote.transfer())?;
            runtime.block_on(sink.put(&name(item), payload, put))
        }
    }
}

/// The name of the result where the document names none: that of the file.
fn name(item: &Item) -> String {
    let shown: PathBuf = item.shown();
    shown.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn print(envelope: &Envelope, to_stderr: bool) {
    let line = format!("{}\n", envelope.to_json());
    // Who does not read the answer has the exit status.
    let _ = if to_stderr { io::stderr().write_all(line.as_bytes()) } else { io::stdout().write_all(line.as_bytes()) };
}
