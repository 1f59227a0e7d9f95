//! How a token is got: the first authentication protocol of Swift, and Keystone v3 (`OpenStack` Identity API).

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::sensitive;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Client, status_error};
use crate::{Secret, SwiftLogin};

/// What a login gives.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) token: Secret,
    /// The URL of the account, without a slash at its end.
    pub(super) account: String,
}

/// Gets a token.
pub(super) async fn log_in(client: &Client, login: &SwiftLogin) -> Result<Ticket> {
    let ticket = match login {
        SwiftLogin::V1 { auth_url, user, key } => first_version(client, auth_url, user, key).await,
        SwiftLogin::Password { auth_url, region, .. } | SwiftLogin::ApplicationCredential { auth_url, region, .. } => {
            keystone(client, auth_url, &identity(login), region.as_deref()).await
        }
    };
    let (SwiftLogin::V1 { auth_url, .. }
    | SwiftLogin::Password { auth_url, .. }
    | SwiftLogin::ApplicationCredential { auth_url, .. }) = login;
    ticket.and_then(|ticket| as_safe(ticket, auth_url)).map_err(|error| error.doing("cannot log in"))
}

/// A token that came through TLS is not sent in the clear because a server behind a proxy does not know better.
fn as_safe(ticket: Ticket, auth_url: &Url) -> Result<Ticket> {
    if auth_url.scheme() == "https" && !ticket.account.starts_with("https:") {
        let reason = "the login over https leads to an account over http: name the container by its URL";
        return Err(Error::new(ErrorKind::Config, reason));
    }
    Ok(Ticket { account: ticket.account.trim_end_matches('/').to_owned(), ..ticket })
}

async fn answered(request: RequestBuilder) -> Result<Response> {
    let answer = request.send().await?;
    if answer.status().is_success() { Ok(answer) } else { Err(status_error(answer).await.0) }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Swift answers 200 and Ceph 204; older servers name the token `X-Storage-Token` only.
async fn first_version(client: &Client, auth_url: &Url, user: &str, key: &Secret) -> Result<Ticket> {
    let user = HeaderValue::from_bytes(user.as_bytes());
    let user = user.map_err(|_| Error::new(ErrorKind::Config, "the user's name cannot be sent"))?;
    let request = client
        .request(Method::GET, auth_url.clone())?
        .header("x-auth-user", user)
        .header("x-auth-key", sensitive(key)?);
    let answer = answered(request).await?;
    let headers = answer.headers();
    let token = text(headers, "x-auth-token").or_else(|| text(headers, "x-storage-token"));
    match (token, text(headers, "x-storage-url")) {
        (Some(token), Some(account)) => Ok(Ticket { token: token.into(), account }),
        _ => Err(Error::new(ErrorKind::Rejected, "the answer holds no token, or no URL of an account")),
    }
}

fn identity(login: &SwiftLogin) -> Value {
    match login {
        SwiftLogin::V1 { .. } => Value::Null,
        SwiftLogin::Password { user, password, user_domain, project, project_domain, .. } => {
            let domain = |name: &Option<String>| json!({ "name": name.as_deref().unwrap_or("Default") });
            let user = json!({ "name": user, "password": password.reveal(), "domain": domain(user_domain) });
            json!({ "auth": {
                "identity": { "methods": ["password"], "password": { "user": user } },
                "scope": { "project": { "name": project, "domain": domain(project_domain) } },
            } })
        }
        SwiftLogin::ApplicationCredential { id, secret, .. } => {
            let credential = json!({ "id": id, "secret": secret.reveal() });
            let methods = ["application_credential"];
            json!({ "auth": { "identity": { "methods": methods, "application_credential": credential } } })
        }
    }
}

/// Asks Keystone, and looks the object store up in its catalogue.
async fn keystone(client: &Client, auth_url: &Url, identity: &Value, region: Option<&str>) -> Result<Ticket> {
    let answer = answered(client.request(Method::POST, tokens_url(auth_url))?.json(identity)).await?;
    let token = text(answer.headers(), "x-subject-token")
        .ok_or_else(|| Error::new(ErrorKind::Rejected, "the answer holds no token"))?;
    let body: Answer = answer.json().await?;
    let account = object_store(&body.token.catalog, region)?;
    Ok(Ticket { token: token.into(), account })
}

/// `…/v3/auth/tokens`, whether or not the version was given.
fn tokens_url(auth_url: &Url) -> Url {
    let mut url = auth_url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    let path = if path.ends_with("/v3") { path } else { format!("{path}/v3") };
    url.set_path(&format!("{path}/auth/tokens"));
    url
}

#[derive(Deserialize)]
struct Answer {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    region_id: Option<String>,
    url: String,
}

fn object_store(catalog: &[Service], region: Option<&str>) -> Result<String> {
    let mut endpoints = catalog.iter().filter(|service| service.kind == "object-store").flat_map(|it| &it.endpoints);
    let is_there = |endpoint: &Endpoint| {
        region.is_none() || [&endpoint.region, &endpoint.region_id].into_iter().any(|name| name.as_deref() == region)
    };
    let found = endpoints.find(|endpoint| endpoint.interface == "public" && is_there(endpoint));
    found.map(|endpoint| endpoint.url.clone()).ok_or_else(|| {
        let place = region.map_or(String::new(), |region| format!(" in the region {region:?}"));
        Error::new(ErrorKind::Config, format!("the catalogue names no public object store{place}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_added_where_it_is_missing() {
        for given in ["http://h:5000", "http://h:5000/", "http://h:5000/v3", "http://h:5000/v3/"] {
            assert_eq!(tokens_url(&given.parse().unwrap()).as_str(), "http://h:5000/v3/auth/tokens");
        }
        assert_eq!(tokens_url(&"https://h/identity".parse().unwrap()).path(), "/identity/v3/auth/tokens");
    }

    #[test]
    fn the_region_chooses_among_the_public_endpoints() {
        let catalog = r#"{"token": {"catalog": [
            {"type": "compute", "endpoints": [{"interface": "public", "region": "A", "url": "http://compute"}]},
            {"type": "object-store", "endpoints": [
                {"interface": "admin", "region": "A", "url": "http://admin"},
                {"interface": "public", "region": "A", "region_id": "A", "url": "http://a"},
                {"interface": "public", "region_id": "B", "url": "http://b"}]}]}}"#;
        let catalog = serde_json::from_str::<Answer>(catalog).unwrap().token.catalog;
        assert_eq!(object_store(&catalog, None).unwrap(), "http://a");
        assert_eq!(object_store(&catalog, Some("B")).unwrap(), "http://b");
        assert_eq!(object_store(&catalog, Some("C")).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn a_token_from_tls_is_not_sent_in_the_clear() {
        let ticket = || Ticket { token: "t".into(), account: "http://h/v1/AUTH_a/".into() };
        let error = as_safe(ticket(), &"https://h/auth/v1.0".parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(as_safe(ticket(), &"http://h/auth/v1.0".parse().unwrap()).unwrap().account, "http://h/v1/AUTH_a");
    }
}
