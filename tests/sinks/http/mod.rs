//! Servers that take uploads as places of the contract: a receiver of forms and bare bodies, and nginx.

mod own;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;
use unlabel_sinks::remote::Transfer;
use unlabel_sinks::{HttpUpload, HttpUploadConfig, Sink, UploadForm};

use crate::faults::{Make, Remote};
use crate::places::{Place, files_below};
use crate::proxy::Proxy;
use crate::services::services;

/// A name that nobody has taken.
fn unique() -> String {
    format!("test-{:016x}", fastrand::u64(..))
}

pub(crate) fn config(url: &str, form: UploadForm) -> HttpUploadConfig {
    HttpUploadConfig { url: url.parse().unwrap(), form, headers: BTreeMap::new(), bearer: None, metadata: None }
}

pub(crate) fn upload(url: &str, form: UploadForm) -> HttpUpload {
    HttpUpload::new(config(url, form), Transfer::default()).unwrap()
}

/// What the receiver wrote down under a name of its own: one upload after the other, none of which replaces another.
pub(crate) struct Received {
    pub(crate) name: String,
    seen: Mutex<usize>,
}

impl Received {
    pub(crate) fn new() -> Self {
        Self { name: unique(), seen: Mutex::new(0) }
    }

    /// Where uploads go; `before` is what the receiver does before.
    pub(crate) fn url(&self, before: &str) -> String {
        format!("{}/{before}{}", services().receiver.url, self.name)
    }

    fn directory(&self) -> PathBuf {
        services().receiver.root.join(&self.name)
    }

    pub(crate) fn count(&self) -> usize {
        (1..1000).take_while(|number| self.directory().join(number.to_string()).exists()).count()
    }

    /// The bytes of the upload with this number.
    pub(crate) fn body(&self, number: usize) -> Vec<u8> {
        std::fs::read(self.directory().join(format!("{number}/body"))).unwrap()
    }

    /// What else came with it.
    pub(crate) fn upload(&self, number: usize) -> Value {
        let json = std::fs::read(self.directory().join(format!("{number}/upload.json"))).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    pub(crate) fn visible(&self) -> Vec<String> {
        if self.directory().exists() { files_below(&self.directory()) } else { Vec::new() }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.directory());
    }
}

struct Receiver {
    received: Received,
    sink: HttpUpload,
}

impl Receiver {
    fn new(form: UploadForm) -> Self {
        let received = Received::new();
        Self { sink: upload(&received.url(""), form), received }
    }
}

impl Place for Receiver {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        let mut seen = self.received.seen.lock().unwrap();
        let count = self.received.count();
        let is_new = std::mem::replace(&mut *seen, count) < count;
        Some(if is_new { self.received.body(count) } else { Vec::new() })
    }

    fn visible(&self) -> Vec<String> {
        self.received.visible()
    }

    fn has_names(&self) -> bool {
        false
    }

    /// Every upload is one of its own.
    fn has_objects(&self) -> bool {
        false
    }
}

/// A directory behind nginx.
pub(crate) struct Behind {
    pub(crate) name: String,
    is_https: bool,
    sink: HttpUpload,
}

impl Behind {
    fn new(server: &str, transfer: Transfer) -> Self {
        let name = unique();
        let sink = HttpUpload::new(config(&format!("{server}/{name}/"), UploadForm::Put), transfer).unwrap();
        Self { name, is_https: server.starts_with("https:"), sink }
    }

    fn directory(&self) -> PathBuf {
        services().nginx.root.join(&self.name)
    }
}

impl Place for Behind {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.directory().join(name)).ok()
    }

    fn visible(&self) -> Vec<String> {
        if self.directory().exists() { files_below(&self.directory()) } else { Vec::new() }
    }

    fn takes_long(&self) -> bool {
        self.is_https
    }

    /// nginx does not know `If-None-Match` when it stores.
    fn is_atomic_create(&self) -> bool {
        false
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.directory());
    }
}

/// Trusts the authority of the tests.
pub(crate) fn trusting(ca: &Path) -> Transfer {
    let mut transfer = Transfer::default();
    transfer.ca_file = Some(ca.to_owned());
    transfer
}

/// Behind a proxy.
pub(crate) const REMOTES: [Make; 3] = [
    |transfer| receiver("form", UploadForm::Multipart, transfer),
    |transfer| receiver("post", UploadForm::Post, transfer),
    |transfer| {
        let proxy = Proxy::to(&services().nginx.http);
        let place = Box::new(Behind::new(&proxy.url(&services().nginx.http), transfer));
        Remote { name: "nginx", proxy, place, has_parts: false, has_checksum: false }
    },
];

fn receiver(name: &'static str, form: UploadForm, transfer: Transfer) -> Remote {
    let (received, proxy) = (Received::new(), Proxy::to(&services().receiver.url));
    let sink = HttpUpload::new(config(&proxy.url(&received.url("")), form), transfer).unwrap();
    Remote { name, proxy, place: Box::new(Receiver { received, sink }), has_parts: false, has_checksum: false }
}

pub(crate) fn places() -> Vec<Box<dyn Place>> {
    let nginx = &services().nginx;
    vec![
        Box::new(Receiver::new(UploadForm::Multipart)),
        Box::new(Receiver::new(UploadForm::Post)),
        Box::new(Behind::new(&nginx.http, Transfer::default())),
        Box::new(Behind::new(&nginx.https, trusting(&nginx.ca))),
    ]
}
