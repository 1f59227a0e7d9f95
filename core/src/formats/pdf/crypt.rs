//! The standard security handler (ISO 32000-2 §7.6), opened with the empty user password: RC4 and AES, revisions 2 to 6.

use aes::{Aes128, Aes256};
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use md5::{Digest, Md5};
use sha2::{Sha256, Sha384, Sha512};

use super::document::Document;
use super::lexer::Lexer;
use super::value::{Dict, Reference, Value, ValueKind, is_name, string_bytes};

/// How the strings and streams of a document are encrypted.
#[derive(Debug)]
pub(super) enum Crypt {
    /// Not at all.
    None,
    /// In a way that the empty password does not open.
    Locked { reason: &'static str, clear_metadata: bool },
    /// In a way that it opens.
    Open(Handler),
}

#[derive(Debug)]
pub(super) struct Handler {
    key: Vec<u8>,
    streams: Method,
    strings: Method,
    /// Of attachments.
    files: Method,
    clear_metadata: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Identity,
    Rc4,
    /// AES-128 with a key for each object.
    AesV2,
    /// AES-256 with the key of the file.
    AesV3,
}

/// The cipher of one object.
#[derive(Debug)]
pub(super) struct Cipher {
    method: Method,
    key: Vec<u8>,
}

/// Length of an AES block.
const BLOCK: usize = 16;

impl Cipher {
    pub(super) fn decrypt(&self, data: &[u8]) -> Option<Vec<u8>> {
        match self.method {
            Method::Identity => Some(data.to_vec()),
            Method::Rc4 => Some(rc4(&self.key, data)),
            _ if data.is_empty() => Some(Vec::new()),
            Method::AesV2 | Method::AesV3 => {
                let (iv, blocks) = data.split_at_checked(BLOCK)?;
                match self.method {
                    Method::AesV2 => cbc::Decryptor::<Aes128>::new_from_slices(&self.key, iv)
                        .ok()?
                        .decrypt_padded_vec_mut::<Pkcs7>(blocks)
                        .ok(),
                    _ => cbc::Decryptor::<Aes256>::new_from_slices(&self.key, iv)
                        .ok()?
                        .decrypt_padded_vec_mut::<Pkcs7>(blocks)
                        .ok(),
                }
            }
        }
    }

    /// Encrypts `plain` in place of `old`, whose initialisation vector it keeps: the same plan gives the same bytes.
    pub(super) fn encrypt(&self, plain: &[u8], old: &[u8]) -> Option<Vec<u8>> {
        match self.method {
            Method::Identity => Some(plain.to_vec()),
            Method::Rc4 => Some(rc4(&self.key, plain)),
            Method::AesV2 | Method::AesV3 => {
                let iv = old.get(..BLOCK)?;
                let coded = match self.method {
                    Method::AesV2 => cbc::Encryptor::<Aes128>::new_from_slices(&self.key, iv)
                        .ok()?
                        .encrypt_padded_vec_mut::<Pkcs7>(plain),
                    _ => cbc::Encryptor::<Aes256>::new_from_slices(&self.key, iv)
                        .ok()?
                        .encrypt_padded_vec_mut::<Pkcs7>(plain),
                };
                Some([iv, &coded].concat())
            }
        }
    }

    /// The lengths of plain data whose encrypted form takes `length` bytes, longest first.
    pub(super) fn plain_lengths(&self, length: usize) -> std::iter::Rev<std::ops::Range<usize>> {
        let lengths = match self.method {
            Method::Identity | Method::Rc4 => length..length.saturating_add(1),
            Method::AesV2 | Method::AesV3 => length.saturating_sub(2 * BLOCK)..length.saturating_sub(BLOCK),
        };
        lengths.rev()
    }
}

impl Crypt {
    /// The encryption that the trailers name.
    pub(super) fn of(document: &Document<'_>) -> Self {
        let trailers = document.trailers.iter().rev();
        let Some(value) = trailers.filter_map(|trailer| trailer.dict.get(document.input, b"Encrypt")).find(|value| {
            // Writers that drop encryption leave `null` here.
            value.kind != ValueKind::Word
        }) else {
            return Self::None;
        };
        let dict =
            document.resolve(value).and_then(|value| Dict::read(&mut Lexer::at(document.input, value.range.start)));
        let Some(dict) = dict else { return locked("the encryption dictionary cannot be found", false) };
        let clear_metadata = dict
            .get(document.input, b"EncryptMetadata")
            .is_some_and(|value| document.input.get(value.range.clone()) == Some(b"false"));
        let settings = Settings { input: document.input, dict, clear_metadata };
        settings.open(&first_id(document)).unwrap_or_else(|reason| locked(reason, clear_metadata))
    }

    /// Whether there is encryption that stays closed.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// The cipher of a stream; nothing for one that is in clear.
    pub(super) fn stream_cipher(
        &self,
        id: Reference,
        is_metadata: bool,
        is_exempt: bool,
    ) -> Result<Option<Cipher>, &'static str> {
        match self {
            _ if is_exempt => Ok(None),
            Self::Locked { clear_metadata: true, .. } if is_metadata => Ok(None),
            Self::Open(handler) if is_metadata && handler.clear_metadata => Ok(None),
            Self::None => Ok(None),
            Self::Locked { reason, .. } => Err(reason),
            Self::Open(handler) => Ok(handler.cipher(handler.streams, id)),
        }
    }

    /// The cipher of a file inside; attachments may have one of their own.
    pub(super) fn file_cipher(
        &self,
        id: Reference,
        is_attachment: bool,
        is_exempt: bool,
    ) -> Result<Option<Cipher>, &'static str> {
        match self {
            Self::Open(handler) if is_attachment && !is_exempt => Ok(handler.cipher(handler.files, id)),
            _ => self.stream_cipher(id, false, is_exempt),
        }
    }

    /// The cipher of the strings of an object.
    pub(super) fn string_cipher(&self, id: Reference) -> Result<Option<Cipher>, &'static str> {
        match self {
            Self::None => Ok(None),
            Self::Locked { reason, .. } => Err(reason),
            Self::Open(handler) => Ok(handler.cipher(handler.strings, id)),
        }
    }
}

fn locked(reason: &'static str, clear_metadata: bool) -> Crypt {
    Crypt::Locked { reason, clear_metadata }
}

impl Handler {
    /// The cipher of an object (algorithms 1 and 1.A).
    fn cipher(&self, method: Method, id: Reference) -> Option<Cipher> {
        let key = match method {
            Method::Identity => return None,
            Method::AesV3 => self.key.clone(),
            Method::Rc4 | Method::AesV2 => {
                let mut hash = Md5::new();
                hash.update(&self.key);
                hash.update(id.number.to_le_bytes().get(..3).unwrap_or_default());
                hash.update(id.generation.to_le_bytes().get(..2).unwrap_or_default());
                if method == Method::AesV2 {
                    hash.update(b"sAlT");
                }
                let length = (self.key.len() + 5).min(16);
                hash.finalize().get(..length).unwrap_or_default().to_vec()
            }
        };
        Some(Cipher { method, key })
    }
}

/// The encryption dictionary.
struct Settings<'a> {
    input: &'a [u8],
    dict: Dict,
    clear_metadata: bool,
}

const PASSWORD: &str = "it does not open with the empty password";
const DAMAGED: &str = "the encryption dictionary is damaged";

impl Settings<'_> {
    fn open(&self, id: &[u8]) -> Result<Crypt, &'static str> {
        if !self.get(b"Filter").is_some_and(|value| is_name(self.input, &value.range, b"Standard")) {
            return Err("it is encrypted for certificates or by rights management");
        }
        let version = self.number(b"V").ok_or(DAMAGED)?;
        let revision = self.number(b"R").ok_or(DAMAGED)?;
        let (streams, strings) = match version {
            1 | 2 => (Method::Rc4, Method::Rc4),
            4 | 5 => (self.method(b"StmF").ok_or(DAMAGED)?, self.method(b"StrF").ok_or(DAMAGED)?),
            _ => return Err("its encryption is of an unknown version"),
        };
        let key = match revision {
            2..=4 => self.key_from_md5(revision, id),
            5 | 6 => self.key_from_sha(revision),
            _ => return Err("its encryption is of an unknown revision"),
        };
        let key = key.ok_or(PASSWORD)?;
        let named = if matches!(version, 4 | 5) { self.get(b"EFF") } else { None };
        let files = if named.is_some() { self.method(b"EFF").ok_or(DAMAGED)? } else { streams };
        Ok(Crypt::Open(Handler { key, streams, strings, files, clear_metadata: self.clear_metadata }))
    }

    fn get(&self, key: &[u8]) -> Option<&Value> {
        self.dict.get(self.input, key)
    }

    /// An integer, with a sign where it has one.
    fn number(&self, key: &[u8]) -> Option<i64> {
        let text = self.input.get(self.get(key)?.range.clone())?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    fn string(&self, key: &[u8]) -> Option<Vec<u8>> {
        let value = self.get(key)?;
        let is_string = matches!(value.kind, ValueKind::Literal | ValueKind::Hex);
        is_string.then(|| string_bytes(self.input.get(value.range.clone()).unwrap_or_default()))
    }

    /// The method of the crypt filter that `key` names.
    fn method(&self, key: &[u8]) -> Option<Method> {
        let Some(name) = self.get(key) else { return Some(Method::Identity) };
        if is_name(self.input, &name.range, b"Identity") {
            return Some(Method::Identity);
        }
        let name = super::value::name_bytes(self.input.get(name.range.start + 1..name.range.end)?);
        let filters = Dict::read(&mut Lexer::at(self.input, self.get(b"CF")?.range.start))?;
        let filter = Dict::read(&mut Lexer::at(self.input, filters.get(self.input, &name)?.range.start))?;
        let Some(method) = filter.get(self.input, b"CFM") else { return Some(Method::Identity) };
        let methods: [(&[u8], Method); 4] =
            [(b"None", Method::Identity), (b"V2", Method::Rc4), (b"AESV2", Method::AesV2), (b"AESV3", Method::AesV3)];
        methods.iter().find(|(name, _)| is_name(self.input, &method.range, name)).map(|(_, method)| *method)
    }

    /// Algorithms 2, 4 and 5: the key, if it is the one of the empty password.
    fn key_from_md5(&self, revision: i64, id: &[u8]) -> Option<Vec<u8>> {
        let (owner, user) = (self.string(b"O")?, self.string(b"U")?);
        // Writers give the 32 bits with or without a sign.
        let permissions = u32::try_from(self.number(b"P")? & 0xFFFF_FFFF).ok()?;
        let mut hash = Md5::new();
        hash.update(PADDING);
        hash.update(owner.get(..32)?);
        hash.update(permissions.to_le_bytes());
        hash.update(id);
        if revision >= 4 && self.clear_metadata {
            hash.update([0xFF; 4]);
        }
        let first = hash.finalize();
        let named = self.number(b"Length").and_then(|bits| usize::try_from(bits / 8).ok());
        // Writers disagree on what the length counts; the check value tells which one is meant.
        let lengths = [if revision == 2 { Some(5) } else { named }, Some(16), Some(5)];
        lengths.into_iter().flatten().filter(|length| (5..=16).contains(length)).find_map(|length| {
            let mut key = first.get(..length)?.to_vec();
            if revision >= 3 {
                for _ in 0..50 {
                    key = Md5::digest(&key).get(..length)?.to_vec();
                }
            }
            let check = if revision == 2 {
                rc4(&key, &PADDING)
            } else {
                let hash = Md5::new().chain_update(PADDING).chain_update(id).finalize();
                (0..20_u8).fold(hash.to_vec(), |data, round| {
                    rc4(&key.iter().map(|byte| byte ^ round).collect::<Vec<_>>(), &data)
                })
            };
            (user.get(..check.len()) == Some(&check)).then_some(key)
        })
    }

    /// Algorithm 2.A: the key, if the empty password opens it.
    fn key_from_sha(&self, revision: i64) -> Option<Vec<u8>> {
        let (user, coded) = (self.string(b"U")?, self.string(b"UE")?);
        let hash = |salt: &[u8]| if revision == 5 { Sha256::digest(salt).to_vec() } else { hardened_hash(salt) };
        if hash(user.get(32..40)?) != user.get(..32)? {
            return None;
        }
        let between = hash(user.get(40..48)?);
        cbc::Decryptor::<Aes256>::new_from_slices(&between, &[0; BLOCK])
            .ok()?
            .decrypt_padded_vec_mut::<NoPadding>(coded.get(..32)?)
            .ok()
    }
}

/// The first half of the file identifier.
fn first_id(document: &Document<'_>) -> Vec<u8> {
    let ids = document.trailers.iter().rev().filter_map(|trailer| {
        let array = document.resolve(trailer.dict.get(document.input, b"ID")?)?;
        let mut lexer = Lexer::at(document.input.get(..array.range.end)?, array.range.start + 1);
        let first = super::value::value(&mut lexer)?;
        document.input.get(first.range).map(string_bytes)
    });
    ids.into_iter().next().unwrap_or_default()
}

/// What fills up a password to 32 bytes.
const PADDING: [u8; 32] = [
    0x28, 0xBF, 0x4E, 0x5E, 0x4E, 0x75, 0x8A, 0x41, 0x64, 0x00, 0x4E, 0x56, 0xFF, 0xFA, 0x01, 0x08, 0x2E, 0x2E, 0x00,
    0xB6, 0xD0, 0x68, 0x3E, 0x80, 0x2F, 0x0C, 0xA9, 0xFE, 0x64, 0x53, 0x69, 0x7A,
];

/// Algorithm 2.B for the empty user password.
fn hardened_hash(salt: &[u8]) -> Vec<u8> {
    let mut key = Sha256::digest(salt).to_vec();
    for round in 0_usize.. {
        let (Some(cipher_key), Some(iv)) = (key.get(..16), key.get(16..32)) else { break };
        let Ok(cipher) = cbc::Encryptor::<Aes128>::new_from_slices(cipher_key, iv) else { break };
        let coded = cipher.encrypt_padded_vec_mut::<NoPadding>(&key.repeat(64));
        let remainder = coded.iter().take(16).map(|&byte| usize::from(byte)).sum::<usize>() % 3;
        key = match remainder {
            0 => Sha256::digest(&coded).to_vec(),
            1 => Sha384::digest(&coded).to_vec(),
            _ => Sha512::digest(&coded).to_vec(),
        };
        let last = coded.last().copied().map_or(0, usize::from);
        // At least 64 rounds; the last byte ends it after at most 287.
        if round >= 63 && last <= round + 1 - 32 {
            break;
        }
    }
    key.truncate(32);
    key
}

fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|index| index as u8);
    let at = |state: &[u8; 256], index: u8| state.get(usize::from(index)).copied().unwrap_or(0);
    let mut second = 0_u8;
    for (first, key) in (0..=255_u8).zip(key.iter().cycle()) {
        second = second.wrapping_add(at(&state, first)).wrapping_add(*key);
        state.swap(usize::from(first), usize::from(second));
    }
    let (mut first, mut second) = (0_u8, 0_u8);
    let stream = data.iter().map(|byte| {
        first = first.wrapping_add(1);
        second = second.wrapping_add(at(&state, first));
        state.swap(usize::from(first), usize::from(second));
        byte ^ at(&state, at(&state, first).wrapping_add(at(&state, second)))
    });
    stream.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_agrees_with_its_published_vectors() {
        assert_eq!(rc4(b"Key", b"Plaintext"), [0xBB, 0xF3, 0x16, 0xE8, 0xD9, 0x40, 0xAF, 0x0A, 0xD3]);
        assert_eq!(rc4(b"Wiki", b"pedia"), [0x10, 0x21, 0xBF, 0x04, 0x20]);
    }

    #[test]
    fn what_is_encrypted_in_the_same_place_is_read_back() {
        for (method, key) in [(Method::Rc4, 16), (Method::AesV2, 16), (Method::AesV3, 32)] {
            let cipher = Cipher { method, key: vec![7; key] };
            for length in 0..40 {
                let plain = vec![9; length];
                let coded = cipher.encrypt(&plain, &[3; 16]).unwrap();
                assert!(cipher.plain_lengths(coded.len()).any(|fits| fits == length), "{method:?} {length}");
                assert_eq!(cipher.decrypt(&coded).unwrap(), plain);
            }
        }
    }
}
