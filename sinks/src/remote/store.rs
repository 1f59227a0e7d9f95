//! The language of an object store, as single requests.

use std::fmt::{Debug, Display};
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::body::hex;
use super::{Digest, Part};
use crate::error::Result;
use crate::{Attributes, ObjectRef};

/// One bucket or container of an object store.
///
/// Every method makes one request, or as few as the store needs for one step, and does not repeat it: [`Objects`](super::Objects)
/// does. Errors have the kinds that [`crate::ErrorKind`] names; in particular an object, bucket or
/// container that is not there is `NotFound`, and an unmet [`Condition`] is `Exists` or `Changed`.
///
/// Keys are the exact keys of the store, not encoded.
#[async_trait]
pub trait Store: Debug + Display + Send + Sync {
    /// Learns what the other methods need to know: called before each delivery, and cheap once it has succeeded.
    async fn prepare(&self) -> Result<()> {
        Ok(())
    }

    /// What the store takes.
    fn limits(&self) -> Limits;

    /// Which digests requests carry; they are there when a [`Part`] arrives.
    fn digests(&self) -> &'static [Digest] {
        &[Digest::Md5]
    }

    /// A URL of the object for people, without credentials.
    fn location(&self, key: &str) -> String;

    /// The version `object` of `key`, as something that this store, and others with the same endpoint and account, can
    /// copy from.
    fn object_ref(&self, key: &str, object: &Object) -> ObjectRef;

    /// Whether [`copy_part`](Self::copy_part) can copy from this version.
    fn can_copy(&self, from: &ObjectRef) -> bool;

    /// The entity tag that an object of these parts has, where the store's rule is known.
    ///
    /// By default the rule of S3: the MD5 of the parts' MD5s, a hyphen, and their number.
    fn multipart_etag(&self, parts: &[PartTag]) -> Option<String> {
        multipart_etag(parts)
    }

    /// Stores a whole object with one request. The store checks the digest before it makes the object visible where
    /// it can; the answer says what it has.
    async fn put(&self, key: &str, body: &Part, attributes: &Attributes, condition: &Condition) -> Result<Stored>;

    /// Begins an object that is sent in parts.
    async fn begin(&self, key: &str, attributes: &Attributes) -> Result<Upload>;

    /// Sends a part. Numbers begin at 1.
    async fn put_part(&self, upload: &Upload, number: u32, body: &Part) -> Result<PartTag>;

    /// Makes a part of bytes that the store has: `range` of `from`, if that is still the version it names.
    async fn copy_part(&self, upload: &Upload, number: u32, from: &ObjectRef, range: Range<u64>) -> Result<PartTag>;

    /// Makes the object of its parts, in order, visible.
    async fn complete(
        &self,
        upload: &Upload,
        parts: &[PartTag],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<Stored>;

    /// Removes everything that was sent for an object that is not to be. Succeeds when there is nothing (any more).
    async fn abort(&self, upload: &Upload) -> Result<()>;

    /// What is known of an object without its bytes; its tags come from [`tags`](Self::tags).
    async fn head(&self, key: &str) -> Result<Object>;

    /// The tags of an object; none where the store has no tags.
    async fn tags(&self, _key: &str) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    /// The same as [`head`](Self::head) of an object that [`can_copy`](Self::can_copy) accepts, which may be in another
    /// bucket.
    async fn head_ref(&self, object: &ObjectRef) -> Result<Object>;

    /// Exactly the bytes of `range` of the version with this `etag`; `Changed` when there is another one now.
    async fn read(&self, key: &str, range: Range<u64>, etag: &str) -> Result<Bytes>;

    /// One page of the objects whose key begins with `prefix`, in the order of their keys; `after` is
    /// [`Page::next`] of the page before.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page>;

    /// Removes an object. Succeeds when it is not there.
    async fn delete(&self, key: &str) -> Result<()>;
}

fn multipart_etag(parts: &[PartTag]) -> Option<String> {
    let mut md5 = Md5::new();
    for part in parts {
        let digits = part.etag.as_bytes().as_chunks::<2>().0;
        if part.etag.len() != 32 {
            return None;
        }
        for digit in digits {
            md5.update([u8::from_str_radix(std::str::from_utf8(digit).ok()?, 16).ok()?]);
        }
    }
    Some(format!("{}-{}", hex(&md5.finalize()), parts.len()))
}

/// What a store takes, in bytes and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest object of one request.
    pub put_max: u64,
    /// Shortest part, except the last one.
    pub part_min: u64,
    /// Longest part that is sent.
    pub part_max: u64,
    /// Longest part that is copied.
    pub copy_max: u64,
    /// Most parts of an object.
    pub parts_max: u32,
}

/// Under which condition an object is made visible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there is replaced.
    #[default]
    None,
    /// Nothing is there.
    Absent,
    /// The version with this entity tag is there.
    Matches(String),
}

/// What a store answers to a finished object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The entity tag, without quotes, if it was told.
    pub etag: Option<String>,
    /// Whether the entity tag is the MD5 of the content, so that it can be compared.
    pub is_md5: bool,
    /// The CRC-64/XZ of the content, if it was told.
    pub crc64: Option<u64>,
}

/// An object that is being sent in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The key of the object.
    pub key: String,
    /// How the store calls the upload: an identifier, or a prefix of the parts.
    pub id: String,
}

/// One finished part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTag {
    /// Its number, from 1.
    pub number: u32,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its length in bytes.
    pub len: u64,
    /// Where the store keeps parts as objects: the key of this one.
    pub key: Option<String>,
}

/// An object of a store, without its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Length in bytes.
    pub len: u64,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The CRC-64/XZ of the content, if the store tells it.
    pub crc64: Option<u64>,
    /// What is stored beside the bytes.
    pub attributes: Attributes,
}

/// Some of the objects under a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects, in the order of their keys.
    pub entries: Vec<Entry>,
    /// What to ask for the next page, if there is one.
    pub next: Option<String>,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Length in bytes.
    pub len: u64,
}
