//! Unsynchronisation (ID3v2.4, section 6.1): a zero byte behind every `FF` that would look like the start of audio.

use std::borrow::Cow;

/// Bytes without unsynchronisation, and where it was.
#[derive(Debug)]
pub(super) struct Plain<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// Before which of the bytes a zero was taken out, ascending.
    taken: Vec<usize>,
}

impl<'a> Plain<'a> {
    /// Bytes that are not unsynchronised.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), taken: Vec::new() }
    }

    /// Takes the zeros out.
    pub(super) fn decode(bytes: &'a [u8]) -> Self {
        let mut plain = Vec::new();
        let mut taken = Vec::new();
        let mut position = 0;
        for at in memchr::memmem::find_iter(bytes, b"\xff\0") {
            plain.extend_from_slice(bytes.get(position..=at).unwrap_or_default());
            taken.push(plain.len());
            position = at + 2;
        }
        if taken.is_empty() {
            return Self::new(bytes);
        }
        plain.extend_from_slice(bytes.get(position..).unwrap_or_default());
        Self { bytes: Cow::Owned(plain), taken }
    }

    /// Whether the bytes stand otherwise in the tag.
    pub(super) fn is_coded(&self) -> bool {
        !self.taken.is_empty()
    }

    /// Where the byte at `position` stands in the coded bytes. A zero that was taken out belongs to what is before it.
    pub(super) fn coded(&self, position: usize) -> usize {
        position + self.taken.partition_point(|taken| *taken <= position)
    }
}

/// The same bytes unsynchronised, whatever follows them.
pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        coded.push(*byte);
        if *byte == 0xFF && bytes.get(index + 1).is_none_or(|next| *next >= 0xE0 || *next == 0) {
            coded.push(0);
        }
    }
    coded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zeros_are_taken_out_and_put_back() {
        let plain = Plain::decode(b"\xff\0\xe0a\xff\0\0\xff\0");
        assert_eq!(&*plain.bytes, b"\xff\xe0a\xff\0\xff");
        assert_eq!((0..=6).map(|at| plain.coded(at)).collect::<Vec<_>>(), [0, 2, 3, 4, 6, 7, 9]);
        assert_eq!(encode(&plain.bytes), b"\xff\0\xe0a\xff\0\0\xff\0");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes in prop::collection::vec(prop_oneof![Just(0xFFu8), Just(0), any::<u8>()], 0..40)) {
            let coded = encode(&bytes);
            prop_assert_eq!(&*Plain::decode(&coded).bytes, &bytes[..]);
            prop_assert!(!coded.windows(2).any(|pair| pair[0] == 0xFF && pair[1] >= 0xE0));
        }
    }
}
