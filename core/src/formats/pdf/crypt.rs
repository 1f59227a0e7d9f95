//! The standard security handler (ISO 32000-2 §7.6), opened with the empty user password.

use super::document::Document;
use super::value::Reference;

/// How the strings and streams of a document are encrypted.
#[derive(Debug)]
pub(super) enum Crypt {
    /// Not at all.
    None,
    /// In a way that the empty password does not open.
    Locked(&'static str),
}

/// The cipher of one object.
#[derive(Debug)]
pub(super) enum Cipher {}

impl Cipher {
    pub(super) fn decrypt(&self, _data: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }
}

impl Crypt {
    pub(super) fn of(document: &Document<'_>) -> Self {
        let encrypted = document.trailers.iter().any(|trailer| trailer.dict.get(document.input, b"Encrypt").is_some());
        if encrypted { Self::Locked("the document is encrypted") } else { Self::None }
    }

    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Locked(_))
    }

    pub(super) fn stream_cipher(
        &self,
        _id: Reference,
        _metadata: bool,
        exempt: bool,
    ) -> Result<Option<Cipher>, &'static str> {
        match self {
            Self::None => Ok(None),
            Self::Locked(_) if exempt => Ok(None),
            Self::Locked(reason) => Err(reason),
        }
    }

    pub(super) fn string_cipher(&self, _id: Reference) -> Result<Option<Cipher>, &'static str> {
        match self {
            Self::None => Ok(None),
            Self::Locked(reason) => Err(reason),
        }
    }
}
