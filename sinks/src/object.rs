//! What a store knows of an object beside its bytes.

/// What is stored beside the bytes of an object.
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

impl Attributes {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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
