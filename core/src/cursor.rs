//! The bounds-checked reader through which all untrusted bytes are read.

use crate::error::{Error, Result};

/// A reader over a slice that knows where the slice lies in the input.
///
/// Reads past the end fail with [`ErrorKind::Malformed`](crate::ErrorKind::Malformed) and the byte offset in the
/// input; nothing here panics.
///
/// ```
/// use unlabel_core::cursor::Cursor;
/// let mut cursor = Cursor::new(&[0, 1, 0, 0, 0, 7]);
/// assert_eq!(cursor.u16_be().unwrap(), 1);
/// assert_eq!(cursor.u32_be().unwrap(), 7);
/// assert_eq!(cursor.u8().unwrap_err().offset(), Some(6));
/// ```
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    base: u64,
}

macro_rules! integers {
    ($($le:ident $be:ident $type:ty),+) => {$(
        #[doc = concat!("Reads a little-endian `", stringify!($type), "`.")]
        pub fn $le(&mut self) -> Result<$type> {
            Ok(<$type>::from_le_bytes(self.array()?))
        }

        #[doc = concat!("Reads a big-endian `", stringify!($type), "`.")]
        pub fn $be(&mut self) -> Result<$type> {
            Ok(<$type>::from_be_bytes(self.array()?))
        }
    )+};
}

impl<'a> Cursor<'a> {
    /// A cursor over a whole input.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::within(bytes, 0)
    }

    /// A cursor over a slice whose first byte is byte `base` of the input.
    pub fn within(bytes: &'a [u8], base: u64) -> Self {
        Self { bytes, position: 0, base }
    }

    /// The byte offset of the next read, counted from the start of the input.
    pub fn offset(&self) -> u64 {
        self.base.saturating_add(self.position as u64)
    }

    /// The position of the next read, counted from the start of this slice.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Whether no byte is left.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The bytes left, without reading them.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Moves to `position`, counted from the start of this slice.
    pub fn seek(&mut self, position: usize) -> Result<()> {
        if position > self.bytes.len() {
            return Err(self.malformed("points past the end"));
        }
        self.position = position;
        Ok(())
    }

    /// Reads `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some(taken) = self.rest().get(..count) else {
            return Err(self.malformed(format!("{count} bytes wanted, {} left", self.remaining())));
        };
        self.position += count;
        Ok(taken)
    }

    /// Skips `count` bytes.
    pub fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(drop)
    }

    /// Reads `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some(array) = self.rest().first_chunk() else {
            return Err(self.malformed(format!("{N} bytes wanted, {} left", self.remaining())));
        };
        self.position += N;
        Ok(*array)
    }

    /// Reads one byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    integers!(u16_le u16_be u16, u32_le u32_be u32, u64_le u64_be u64);

    /// Whether the next bytes are `expected`; reads nothing.
    pub fn starts_with(&self, expected: &[u8]) -> bool {
        self.rest().starts_with(expected)
    }

    /// An error at the current offset.
    #[cold]
    pub fn malformed(&self, reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::malformed(self.offset(), reason)
    }
}
