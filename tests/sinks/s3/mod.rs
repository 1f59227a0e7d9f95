//! Buckets of real S3 servers as places of the contract. What is in them is seen through the other interface of the same
//! servers, that of Swift.

mod own;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use unlabel_sinks::remote::{Objects, Transfer};
use unlabel_sinks::{Keys, S3, S3Config, Sink};

use crate::faults::{Make, Remote};
use crate::places::Place;
use crate::proxy::Proxy;
use crate::services::{self, services};
use crate::swift::{Container, Server};
use crate::wait;

/// A bucket that was not there before, and is removed afterwards.
struct Bucket {
    container: Container,
    sink: Objects,
}

fn server(server: Server) -> &'static services::S3 {
    match server {
        Server::Ceph => &services().rgw.s3,
        _ => &services().swift.s3,
    }
}

fn config(bucket: &str, server: &services::S3) -> S3Config {
    S3Config {
        bucket: bucket.to_owned(),
        region: Some(server.region.clone()),
        endpoint_url: Some(server.endpoint_url.parse().unwrap()),
        keys: Some(Keys::new(server.access_key.as_str(), server.secret_key.as_str())),
        ..S3Config::default()
    }
}

fn objects(config: S3Config, transfer: Transfer) -> Objects {
    Objects::under(std::sync::Arc::new(S3::new(config, &transfer).unwrap()), "", transfer)
}

impl Bucket {
    fn new(which: Server) -> Self {
        let container = Container::new(which);
        let sink = objects(config(&container.name, server(which)), Transfer::default());
        Self { container, sink }
    }

    /// Uploads that Ceph has in the making: only S3 itself tells them. Elsewhere they are objects of another container.
    fn unfinished(&self) -> Vec<String> {
        if self.container.server != Server::Ceph {
            return Vec::new();
        }
        let answer = signed_get(server(Server::Ceph), &format!("/{}", self.container.name), "uploads=");
        let keys = answer.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| format!("unfinished: {key}")).collect()
    }
}

/// A GET as AWS Signature Version 4 has it.
fn signed_get(server: &services::S3, path: &str, query: &str) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let keyed = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let (host, time) = (services::authority(&server.endpoint_url), time::OffsetDateTime::now_utc());
    let date = format!("{:04}{:02}{:02}", time.year(), u8::from(time.month()), time.day());
    let stamp = format!("{date}T{:02}{:02}{:02}Z", time.hour(), time.minute(), time.second());
    let scope = format!("{date}/{}/s3/aws4_request", server.region);
    let names = "host;x-amz-content-sha256;x-amz-date";
    let request = format!(
        "GET\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{stamp}\n\n{names}\n\
         UNSIGNED-PAYLOAD"
    );
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let first = keyed(format!("AWS4{}", server.secret_key).as_bytes(), &date);
    let key = [server.region.as_str(), "s3", "aws4_request"].iter().fold(first, |key, text| keyed(&key, text));
    let signature = hex(&keyed(&key, &text));
    let credential = format!("{}/{scope}", server.access_key);
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
    wait(async {
        let request = reqwest::Client::new().get(format!("{}{path}?{query}", server.endpoint_url));
        let request = request.header("x-amz-date", stamp).header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        let answer = request.header("authorization", authorization).send().await.unwrap();
        answer.error_for_status().unwrap().text().await.unwrap()
    })
}

impl Place for Bucket {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.container.read(name)
    }

    fn visible(&self) -> Vec<String> {
        let mut visible = self.container.visible();
        visible.extend(self.unfinished());
        visible
    }

    fn takes_long(&self) -> bool {
        self.container.server == Server::Ceph
    }

    /// Ceph holds two conditional requests at the same moment to be both the first; so does Swift.
    fn is_atomic_create(&self) -> bool {
        false
    }
}

pub(crate) fn places() -> Vec<Box<dyn Place>> {
    [Server::Swift, Server::Ceph].map(|server| Box::new(Bucket::new(server)) as Box<dyn Place>).into()
}

/// Behind a proxy.
pub(crate) const REMOTES: [Make; 2] = [
    |transfer| remote("s3 of Swift", Server::Swift, transfer),
    |transfer| remote("s3 of Ceph", Server::Ceph, transfer),
];

fn remote(name: &'static str, which: Server, transfer: Transfer) -> Remote {
    let container = Container::new(which);
    let mut config = config(&container.name, server(which));
    let proxy = Proxy::to(&server(which).endpoint_url);
    config.endpoint_url = Some(proxy.url(&server(which).endpoint_url).parse().unwrap());
    let sink = objects(config, transfer);
    Remote { name, proxy, place: Box::new(Bucket { container, sink }), has_parts: true, has_checksum: true }
}
