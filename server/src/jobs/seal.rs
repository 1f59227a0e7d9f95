//! Encryption of what jobs keep: requests hold the keys of stores.

use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, OsRng, Payload};
use chacha20poly1305::{AeadCore, Key, XChaCha20Poly1305, XNonce};
use unlabel_sinks::Secret;

use crate::error::{Error, Result};
use crate::tls::{turn, write_private};

/// Length of the nonce, which stands before the ciphertext.
const NONCE: usize = 24;

/// XChaCha20-Poly1305 with the server's key.
pub(crate) struct Seal(XChaCha20Poly1305);

impl Seal {
    /// The configured key, or the one in `state`, made where it is missing.
    pub(crate) fn open(key: Option<&Secret>, state: &Path) -> Result<Self> {
        let path = state.join("jobs.key");
        let text = if let Some(key) = key {
            key.reveal().to_owned()
        } else {
            let _turn = turn(state)?;
            made_once(&path)?
        };
        let wrong = || Error::config("the key of jobs is not 64 hexadecimal digits");
        let text = text.trim();
        let digits = (text.len() == 64 && text.is_ascii()).then_some(text).ok_or_else(wrong)?;
        let bytes: Option<Vec<u8>> =
            (0..32).map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()).collect();
        Ok(Self(XChaCha20Poly1305::new(Key::from_slice(&bytes.ok_or_else(wrong)?))))
    }

    /// Encrypts `text`, which belongs to `owner`.
    pub(crate) fn close(&self, text: &str, owner: &str) -> Option<Vec<u8>> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload { msg: text.as_bytes(), aad: owner.as_bytes() };
        let sealed = self.0.encrypt(&nonce, payload).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// What was encrypted; None under another key, for another owner, or when it was changed.
    pub(crate) fn reveal(&self, sealed: &[u8], owner: &str) -> Option<String> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        String::from_utf8(self.0.decrypt(XNonce::from_slice(nonce), payload).ok()?).ok()
    }
}

/// The key in the file at `path`, made where it is missing.
fn made_once(path: &Path) -> Result<String> {
    if !path.exists() {
        let made = XChaCha20Poly1305::generate_key(&mut OsRng);
        let digits = made.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        write_private(path, digits.as_bytes())?;
    }
    std::fs::read_to_string(path).map_err(|error| Error::io(format!("cannot read {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_and_the_owner_reveal() {
        let state = tempfile::tempdir().unwrap();
        let seal = Seal::open(None, state.path()).unwrap();
        let sealed = seal.close("hush", "a").unwrap();
        assert!(!sealed.windows(4).any(|it| it == b"hush"));
        let again = Seal::open(None, state.path()).unwrap();
        assert_eq!(again.reveal(&sealed, "a").as_deref(), Some("hush"));
        assert_eq!(again.reveal(&sealed, "b"), None);
        assert_eq!(again.reveal(&sealed[..10], "a"), None);
        let other = Seal::open(Some(&"00".repeat(32).into()), state.path()).unwrap();
        assert_eq!(other.reveal(&sealed, "a"), None);
        assert!(Seal::open(Some(&"00".into()), state.path()).is_err());
    }
}
