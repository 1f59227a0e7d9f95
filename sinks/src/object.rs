//! What a store knows of an object beside its bytes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use unlabel_core::{Barrier, ErrorKind, KeyCase, Kind, Site};

/// What is stored beside the bytes of an object.
///
/// User metadata and tags are labels too: [`sites`](Self::sites) lists them, and [`without`](Self::without) leaves the
/// chosen ones out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, as an HTTP date.
    pub expires: Option<String>,
    /// User metadata: keys without the vendor's prefix (`x-amz-meta-`, `X-Object-Meta-`…), values as they are sent.
    pub metadata: Vec<(String, String)>,
    /// Object tags, where the store has them.
    pub tags: Vec<(String, String)>,
}

/// Keys that programs keep in user metadata for themselves: modification times and file attributes.
const BOOKKEEPING: &[&str] =
    &["mtime", "btime", "atime", "s3cmd-attrs", "s3b-last-modified", "hdi_isfolder", "x-timestamp"];

impl Attributes {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The labels among them, for [`Source::with_attached`](unlabel_core::Source::with_attached): user metadata as
    /// `object-meta:KEY`, then tags as `object-tag:KEY`, in their order.
    pub fn sites(&self) -> Vec<Site> {
        let metadata = self.metadata.iter().map(|(key, value)| {
            let text = decoded(value);
            Site {
                raw_value: (text != *value).then(|| value.clone()),
                // Headers have no letter case.
                case: KeyCase::Insensitive,
                ..site("object-meta", "object metadata", key, text)
            }
        });
        let tags = self.tags.iter().map(|(key, value)| site("object-tag", "object tags", key, value.clone()));
        metadata.chain(tags).collect()
    }

    /// The same without the labels that have these positions in [`sites`](Self::sites).
    #[must_use]
    pub fn without(&self, positions: &[usize]) -> Self {
        let mut kept = self.clone();
        let mut position = 0;
        let mut stays = |_: &(String, String)| {
            position += 1;
            !positions.contains(&(position - 1))
        };
        kept.metadata.retain(&mut stays);
        kept.tags.retain(&mut stays);
        kept
    }
}

fn site(carrier: &str, place: &str, key: &str, value: String) -> Site {
    let is_own = BOOKKEEPING.iter().any(|own| key.eq_ignore_ascii_case(own));
    Site {
        key: key.to_owned(),
        value: Some(value),
        address: format!("{carrier}:{key}"),
        kind: if is_own { Kind::Bookkeeping } else { Kind::Custom },
        place: place.to_owned(),
        barrier: protection(key),
        ..Site::default()
    }
}

/// The barrier over a label of this key beside the bytes, if law protects it.
pub(crate) fn protection(key: &str) -> Option<Barrier> {
    let reason = "AIGC marks are required by law (GB 45438) and stay";
    key.eq_ignore_ascii_case("AIGC").then(|| Barrier::new(ErrorKind::Protected, reason))
}

/// The value of a header as text: stores that take only ASCII write the rest as encoded words (RFC 2047), in UTF-8.
fn decoded(value: &str) -> String {
    let word = |text: &str| -> Option<String> {
        let (encoding, text) = text
            .get(..8)
            .filter(|start| start.eq_ignore_ascii_case("=?utf-8?"))
            .and_then(|_| text.get(8..)?.strip_suffix("?=")?.split_once('?'))?;
        let bytes = match encoding {
            "B" | "b" => BASE64_STANDARD.decode(text).ok()?,
            "Q" | "q" => quoted(text)?,
            _ => return None,
        };
        String::from_utf8(bytes).ok()
    };
    // White space between encoded words is no part of the text.
    let words: Option<String> = value.split_ascii_whitespace().map(word).collect();
    words.filter(|words| !words.is_empty()).unwrap_or_else(|| value.to_owned())
}

/// The bytes of a `Q` encoded word.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'_' => b' ',
            b'=' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(out)
}

/// A version of an object in a store, to copy from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// Endpoint and account, as the store names them: tells whether two objects are in one store.
    pub store: String,
    /// The bucket or container.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version's entity tag, without quotes.
    pub etag: String,
    /// Length in bytes.
    pub len: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn metadata_and_tags_are_sites_that_can_be_left_out() {
        let attributes = Attributes {
            metadata: pairs(&[("id", "8888"), ("mtime", "1"), ("note", "=?UTF-8?B?w7xiZXI=?=")]),
            tags: pairs(&[("id", "8888"), ("AIGC", "1")]),
            content_type: Some("text/plain".into()),
            ..Attributes::default()
        };
        let sites = attributes.sites();
        let addresses: Vec<_> = sites.iter().map(|site| site.address.as_str()).collect();
        assert_eq!(
            addresses,
            ["object-meta:id", "object-meta:mtime", "object-meta:note", "object-tag:id", "object-tag:AIGC"]
        );
        assert_eq!(sites[1].kind, Kind::Bookkeeping);
        assert_eq!(sites[2].value.as_deref(), Some("über"));
        assert!(sites[4].barrier.is_some());
        let kept = attributes.without(&[0, 3]);
        assert_eq!(kept.metadata, pairs(&[("mtime", "1"), ("note", "=?UTF-8?B?w7xiZXI=?=")]));
        assert_eq!(kept.tags, pairs(&[("AIGC", "1")]));
        assert_eq!(kept.content_type, attributes.content_type);
    }

    #[test]
    fn encoded_words_are_read_and_others_left() {
        for (value, text) in [
            ("plain text", "plain text"),
            ("=?UTF-8?Q?a_b=C3=BC?=", "a bü"),
            ("=?utf-8?b?YWI=?= =?utf-8?b?Y2Q=?=", "abcd"),
            ("=?latin1?Q?a?=", "=?latin1?Q?a?="),
            ("=?UTF-8?B?!!?=", "=?UTF-8?B?!!?="),
            ("", ""),
            ("ü=?UTF-8", "ü=?UTF-8"),
        ] {
            assert_eq!(decoded(value), text);
        }
    }
}
