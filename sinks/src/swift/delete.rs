//! Removing objects, and the segments that nothing refers to any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response};
use serde::Deserialize;

use super::segments::folder;
use super::wire::{self, Listed};
use super::{Swift, place};
use crate::BoxFuture;
use crate::error::{Error, ErrorKind, Result};

/// An object that stands where another one goes, and has segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    etag: String,
}

/// How long the segments of a replaced object are looked for. What replaced it is visible already.
const SWEEP_PATIENCE: Duration = Duration::from_secs(20);

impl Swift {
    /// Removes an object with its segments. Where the container keeps versions, the segments belong to these too.
    pub(super) async fn delete_object(&self, key: &str) -> Result<()> {
        let is_gone = |error: &Error| error.kind() == ErrorKind::NotFound;
        let container = &self.place.container;
        let has_segments = match self.look(container, key).await {
            Ok(described) => described.is_large && !self.keeps_versions().await?,
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        if !has_segments {
            return self.delete_one(container, key).await;
        }
        let query = [("multipart-manifest", "delete")];
        let delete =
            || Ok(self.request(Method::DELETE, container, key)?.query(&query).header(ACCEPT, "application/json"));
        let answer = self.send(delete).await?;
        deleted(wire::success(answer).await?).await
    }

    async fn delete_one(&self, container: &str, key: &str) -> Result<()> {
        match wire::success(self.send(|| self.request(Method::DELETE, container, key)).await?).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes many objects: by few requests, where the server offers it.
    pub(super) async fn delete_all(&self, container: &str, names: &BTreeSet<String>) -> Result<()> {
        let at_once = self.info().bulk_delete;
        if at_once == 0 || names.len() < 3 {
            let deletes: Vec<BoxFuture<'_, Result<()>>> =
                names.iter().map(|name| Box::pin(self.delete_one(container, name)) as _).collect();
            return stream::iter(deletes).buffer_unordered(8).try_collect().await;
        }
        let names: Vec<_> =
            names.iter().map(|name| format!("/{}/{}\n", place::encoded(container), place::encoded(name))).collect();
        for names in names.chunks(at_once) {
            let post = || {
                let request = self.request(Method::POST, "", "")?.query(&[("bulk-delete", "")]);
                Ok(request.header(ACCEPT, "application/json").header(CONTENT_TYPE, "text/plain").body(names.concat()))
            };
            deleted(wire::success(self.send(post).await?).await?).await?;
        }
        Ok(())
    }

    async fn keeps_versions(&self) -> Result<bool> {
        let head = || self.request(Method::HEAD, &self.place.container, "");
        let answer = wire::success(self.send(head).await?).await?;
        let names = ["x-versions-enabled", "x-versions-location", "x-history-location"];
        Ok(names.iter().any(|name| answer.headers().get(*name).is_some_and(|value| value != "False")))
    }

    /// The large object under `key`, if there is one to be replaced. Whoever fails to see it leaves its segments.
    pub(super) async fn replaced(&self, key: &str, is_new: bool) -> Option<Replaced> {
        if is_new {
            return None;
        }
        let described = self.look(&self.place.container, key).await.ok()?;
        described.is_large.then_some(Replaced { etag: described.object.etag })
    }

    /// Removes the segments of an object that was replaced by the upload `own`, or by a plain object.
    ///
    /// As far as possible: the object is stored, and a failure here is not its failure.
    pub(super) async fn remove_replaced(&self, key: &str, replaced: Option<Replaced>, own: Option<&str>) {
        if let Some(replaced) = replaced {
            let _ = tokio::time::timeout(SWEEP_PATIENCE, self.sweep(key, &replaced, own)).await;
        }
    }

    async fn sweep(&self, key: &str, replaced: &Replaced, own: Option<&str>) -> Result<()> {
        let container = self.segments();
        let folder = folder(key);
        let listed = self.listed_whole(&container, &folder).await?;
        if let Some(names) = segments_of(&listed, &folder, &replaced.etag, own)
            && !self.keeps_versions().await?
        {
            self.delete_all(&container, &names).await?;
        }
        Ok(())
    }
}

/// The segments that make the object with this entity tag: those of the one upload whose tags give it.
///
/// Ceph's gateway does not tell the manifest. Two uploads of the same bytes look the same: then one of them may be in
/// the making, and both stay.
fn segments_of(listed: &[Listed], folder: &str, etag: &str, own: Option<&str>) -> Option<BTreeSet<String>> {
    let mut uploads: BTreeMap<&str, Vec<&Listed>> = BTreeMap::new();
    for segment in listed {
        let (id, number) = segment.name.strip_prefix(folder)?.split_once('/').unwrap_or_default();
        let is_ours = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours && number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit()) && own != Some(id) {
            uploads.entry(id).or_default().push(segment);
        }
    }
    let mut found = uploads.into_values().filter(|segments| {
        let tags = segments.iter().map(|segment| segment.hash.as_str());
        wire::large_etag(tags) == etag
    });
    match (found.next(), found.next()) {
        (Some(segments), None) => Some(segments.iter().map(|segment| segment.name.clone()).collect()),
        _ => None,
    }
}

/// What became of a request that removes many objects. Its status is always a success.
#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "Response Status", default)]
    status: String,
    #[serde(rename = "Errors", default)]
    errors: Vec<(String, String)>,
}

async fn deleted(answer: Response) -> Result<()> {
    let body = answer.bytes().await?;
    let unreadable = |error| Error::new(ErrorKind::Network, format!("the answer cannot be read: {error}"));
    outcome(&serde_json::from_slice(&body).map_err(unreadable)?)
}

fn outcome(Deleted { status, errors }: &Deleted) -> Result<()> {
    let refused: Vec<&str> =
        errors.iter().map(|(_, status)| status.as_str()).filter(|it| !it.starts_with("404")).collect();
    let status = refused.first().copied().unwrap_or(status);
    if refused.is_empty() && (status.starts_with("200") || status.starts_with("404")) {
        return Ok(());
    }
    let code = status.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or_default();
    let kind = match code {
        400 | 500..=599 => ErrorKind::Unavailable,
        401 | 403 => ErrorKind::Denied,
        _ => ErrorKind::Rejected,
    };
    Err(Error::new(kind, format!("the server answered {status:?} to a request to delete")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swift::md5_hex;

    fn listed(name: String, hash: &str) -> Listed {
        Listed { name, bytes: 1, hash: hash.to_owned() }
    }

    #[test]
    fn the_segments_of_the_old_object_are_known_by_its_tag() {
        let [a, b, c] = ["a", "b", "c"].map(|letter| letter.repeat(32));
        let page = [
            listed(format!("k/{a}/00000001"), "11"),
            listed(format!("k/{a}/00000002"), "22"),
            listed(format!("k/{b}/00000001"), "33"),
            listed(format!("k/notes/{c}/00000001"), "33"),
            listed("k/1700000000/5/00000001".into(), "1122"),
        ];
        let found = segments_of(&page, "k/", &md5_hex(["1122"]), None).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [&*page[0].name, &*page[1].name]);
        assert_eq!(segments_of(&page, "k/", &md5_hex(["33"]), Some(&b)), None);
        assert_eq!(segments_of(&page, "k/", "other", None), None);
    }

    #[test]
    fn of_two_uploads_that_look_the_same_none_is_removed() {
        let page = ["a", "b"].map(|letter| listed(format!("k/{}/00000001", letter.repeat(32)), "11"));
        assert_eq!(segments_of(&page, "k/", &md5_hex(["11"]), None), None);
        assert!(segments_of(&page, "k/", &md5_hex(["11"]), Some(&"b".repeat(32))).is_some());
    }

    #[test]
    fn a_deletion_tells_its_outcome_in_its_body() {
        let outcome = |text: &str| outcome(&serde_json::from_str(text).unwrap()).map_err(|error| error.kind());
        assert_eq!(outcome(r#"{"Response Status": "200 OK", "Number Deleted": 3, "Errors": []}"#), Ok(()));
        assert_eq!(outcome(r#"{"Response Status": "404 Not Found", "Errors": []}"#), Ok(()));
        let partly = r#"{"Response Status": "400 Bad Request", "Errors": [["/c/o", "403 Forbidden"]]}"#;
        assert_eq!(outcome(partly), Err(ErrorKind::Denied));
        assert_eq!(outcome(r#"{"Response Status": "502 Bad Gateway", "Errors": []}"#), Err(ErrorKind::Unavailable));
    }
}
