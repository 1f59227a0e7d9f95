//! Containers of real Swift servers as places of the contract.

mod own;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use md5::{Digest, Md5};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use unlabel_sinks::remote::{Objects, Transfer};
use unlabel_sinks::{Secret, Sink, Swift, SwiftConfig, SwiftLogin, SwiftPlace};

use crate::faults::{Make, Remote};
use crate::places::Place;
use crate::proxy::Proxy;
use crate::services::{self, services};
use crate::wait;

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// One server and one way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Swift,
    /// Takes no more than 10 MiB at once, and its tokens live four seconds.
    Small,
    Ceph,
    Password,
    Credential,
}

/// Those the whole contract is tried on. Keystone is asked for every request and takes its time: it has tests of its
/// own, since what lies behind it is the first of these.
const SERVERS: [Server; 3] = [Server::Swift, Server::Small, Server::Ceph];

/// The account of a server, as a program that is not ours sees it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Server {
    pub(crate) fn login(self) -> SwiftLogin {
        let it = services();
        let v1 = |swift: &services::Swift| SwiftLogin::V1 {
            auth_url: swift.auth_url.parse().unwrap(),
            user: swift.user.clone(),
            key: swift.key.as_str().into(),
        };
        let keystone = &it.keystone;
        match self {
            Self::Swift => v1(&it.swift),
            Self::Small => v1(&it.swift_small),
            Self::Ceph => v1(&it.rgw),
            Self::Password => SwiftLogin::Password {
                auth_url: keystone.auth_url.parse().unwrap(),
                user: keystone.user.clone(),
                password: keystone.password.as_str().into(),
                user_domain: None,
                project: keystone.project.clone(),
                project_domain: Some(keystone.domain.clone()),
                region: Some(keystone.region.clone()),
            },
            Self::Credential => SwiftLogin::ApplicationCredential {
                auth_url: keystone.auth_url.parse().unwrap(),
                id: keystone.app_credential_id.clone(),
                secret: keystone.app_credential_secret.as_str().into(),
                region: None,
            },
        }
    }

    /// Logs in with the words of the protocols, not with our code.
    pub(crate) fn account(self) -> Account {
        wait(async {
            let header = |answer: &Response, name| answer.headers()[name].to_str().unwrap().to_owned();
            if let SwiftLogin::V1 { auth_url, user, key } = self.login() {
                let request = CLIENT.get(auth_url).header("x-auth-user", user).header("x-auth-key", key.reveal());
                let answer = request.send().await.unwrap().error_for_status().unwrap();
                Account { url: header(&answer, "x-storage-url"), token: header(&answer, "x-auth-token") }
            } else {
                let it = &services().keystone;
                let domain = json!({ "name": it.domain });
                let user = json!({ "name": it.user, "password": it.password, "domain": domain });
                let body = json!({ "auth": {
                        "identity": { "methods": ["password"], "password": { "user": user } },
                        "scope": { "project": { "name": it.project, "domain": domain } } } });
                let request = CLIENT.post(format!("{}/auth/tokens", it.auth_url)).json(&body);
                let answer = request.send().await.unwrap().error_for_status().unwrap();
                let token = header(&answer, "x-subject-token");
                let body: Value = answer.json().await.unwrap();
                let services = body["token"]["catalog"].as_array().unwrap();
                let store = services.iter().find(|service| service["type"] == "object-store").unwrap();
                Account { url: store["endpoints"][0]["url"].as_str().unwrap().to_owned(), token }
            }
        })
    }
}

/// A container that was not there before, and is removed afterwards.
pub(crate) struct Container {
    pub(crate) server: Server,
    pub(crate) account: Account,
    pub(crate) name: String,
}

impl Container {
    pub(crate) fn new(server: Server) -> Self {
        let name = format!("test-{:016x}", fastrand::u64(..));
        let container = Self { server, account: server.account(), name };
        container.ask(&Method::PUT, "", |request| request);
        container
    }

    /// A sink for the container, by its name.
    pub(crate) fn sink(&self, transfer: Transfer) -> Objects {
        let place = SwiftPlace::Named(self.name.clone());
        let config = SwiftConfig { place, token: None, login: Some(self.server.login()) };
        Swift::new(config, &transfer).unwrap().into_sink("", transfer)
    }

    /// `path` is what follows the name of the container: nothing, `_segments`, and then a slash and a key.
    fn url(&self, path: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/.".contains(&byte);
        let encode = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        format!("{}/{}{}", self.account.url, self.name, path.bytes().map(encode).collect::<String>())
    }

    /// A request that must succeed or find nothing.
    pub(crate) fn ask(
        &self,
        method: &Method,
        path: &str,
        change: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Option<(reqwest::header::HeaderMap, Vec<u8>)> {
        loop {
            let request = CLIENT.request(method.clone(), self.url(path)).header("x-auth-token", self.token());
            let request = change(request.timeout(Duration::from_secs(30)));
            let answer = wait(async { request.send().await }).unwrap();
            match answer.status() {
                StatusCode::NOT_FOUND => return None,
                StatusCode::UNAUTHORIZED if self.server == Server::Small => {}
                _ => {
                    let answer = answer.error_for_status().unwrap();
                    return Some((answer.headers().clone(), wait(async { answer.bytes().await }).unwrap().to_vec()));
                }
            }
        }
    }

    /// The tokens of the small server do not live through a test; it gives the old one out until its last moment.
    fn token(&self) -> String {
        if self.server != Server::Small {
            return self.account.token.clone();
        }
        self.server.account().token
    }

    /// Name and entity tag of everything in the container, or in that of the segments.
    fn listed(&self, suffix: &str) -> Vec<(String, String)> {
        let listing = self.ask(&Method::GET, suffix, |request| request.query(&[("format", "json")]));
        let listing: Vec<Value> = listing.map_or(Vec::new(), |(_, body)| serde_json::from_slice(&body).unwrap());
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        listing.iter().map(|entry| (text(entry, "name"), text(entry, "hash"))).collect()
    }

    /// The names of all segments, of whatever object.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.listed("_segments").into_iter().map(|(name, _)| name).collect()
    }

    /// The objects, and the segments that none of them is made of.
    pub(crate) fn visible(&self) -> Vec<String> {
        let mut visible: Vec<String> = self.listed("").into_iter().map(|(name, _)| name).collect();
        let mut uploads: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        // The second one is where Swift keeps the parts of its S3 interface.
        for (name, hash) in ["_segments", "+segments"].into_iter().flat_map(|suffix| self.listed(suffix)) {
            uploads.entry(name.rsplit_once('/').unwrap().0.to_owned()).or_default().push((name, hash));
        }
        let tags: BTreeSet<String> = if uploads.is_empty() { BTreeSet::new() } else { self.tags(&visible) };
        for mut segments in uploads.into_values() {
            // In the order of their numbers, which may lack zeros in front.
            segments.sort_by_key(|(name, _)| (name.len(), name.clone()));
            let mut md5 = Md5::new();
            for (_, hash) in &segments {
                md5.update(hash);
            }
            if !tags.contains(&format!("{:032x}", u128::from_be_bytes(md5.finalize().into()))) {
                visible.extend(segments.into_iter().map(|(name, _)| format!("a segment: {name}")));
            }
        }
        visible
    }

    fn tags(&self, names: &[String]) -> BTreeSet<String> {
        let heads = names.iter().filter_map(|name| self.ask(&Method::HEAD, &format!("/{name}"), |request| request));
        heads.map(|(headers, _)| headers["etag"].to_str().unwrap().trim_matches('"').to_owned()).collect()
    }

    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.ask(&Method::GET, &format!("/{name}"), |request| request).map(|(_, body)| body)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for suffix in ["_segments", "+segments", ""] {
            for (name, _) in self.listed(suffix) {
                self.ask(&Method::DELETE, &format!("{suffix}/{name}"), |request| request);
            }
            self.ask(&Method::DELETE, suffix, |request| request);
        }
    }
}

/// A container as a place.
struct Named {
    container: Container,
    sink: Objects,
}

impl Place for Named {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.container.read(name)
    }

    fn visible(&self) -> Vec<String> {
        self.container.visible()
    }

    /// Swift looks whether there is an object before it takes the bytes, and not again afterwards; Ceph's gateway does
    /// not look at all.
    fn is_atomic_create(&self) -> bool {
        false
    }

    fn takes_long(&self) -> bool {
        self.container.server == Server::Swift
    }
}

/// One object, by its URL and a token.
struct Exact {
    container: Container,
    sink: Objects,
}

const EXACT: &str = "in/a folder/ü.bin";

impl Place for Exact {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        self.container.read(EXACT)
    }

    fn visible(&self) -> Vec<String> {
        self.container.visible()
    }

    fn has_names(&self) -> bool {
        false
    }

    fn takes_long(&self) -> bool {
        false
    }

    fn is_atomic_create(&self) -> bool {
        false
    }
}

/// Behind a proxy. The way in is not: a login is no part of a delivery that goes wrong.
pub(crate) const REMOTES: [Make; 2] =
    [|transfer| remote("swift", Server::Swift, transfer), |transfer| remote("swift of Ceph", Server::Ceph, transfer)];

fn remote(name: &'static str, server: Server, transfer: Transfer) -> Remote {
    let container = Container::new(server);
    let proxy = Proxy::to(&container.account.url);
    let url = proxy.url(&format!("{}/{}", container.account.url, container.name));
    let place = SwiftPlace::Container(url.parse().unwrap());
    let config = SwiftConfig { place, token: None, login: Some(server.login()) };
    let sink = Swift::new(config, &transfer).unwrap().into_sink("", transfer);
    Remote { name, proxy, place: Box::new(Named { container, sink }), has_parts: true, has_checksum: true }
}

pub(crate) fn places() -> Vec<Box<dyn Place>> {
    let named = SERVERS.map(|server| {
        let container = Container::new(server);
        let sink = container.sink(Transfer::default());
        Box::new(Named { container, sink }) as Box<dyn Place>
    });
    let mut places = Vec::from(named);
    let container = Container::new(Server::Swift);
    let place = SwiftPlace::Object(container.url(&format!("/{EXACT}")).parse().unwrap());
    let token = Some(Secret::from(container.account.token.as_str()));
    let swift = Swift::new(SwiftConfig { place, token, login: None }, &Transfer::default()).unwrap();
    places.push(Box::new(Exact { container, sink: swift.into_sink("", Transfer::default()) }));
    places
}
