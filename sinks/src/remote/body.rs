//! The bytes of one request: a range of a payload, its digests, and a body that streams it.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc64Xz;
use http_body::{Frame, SizeHint};
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;
use unlabel_core::Payload;

use crate::error::{Error, ErrorKind, Result};

/// A digest that a store checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// `Content-MD5`, or the entity tag of a plain object.
    Md5,
    /// CRC-64/XZ, which its vendors call CRC-64 ECMA.
    Crc64,
}

/// The digests of one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// MD5 (RFC 1321).
    pub md5: Option<[u8; 16]>,
    /// CRC-64/XZ.
    pub crc64: Option<u64>,
}

/// A range of the result, to be sent by one request. Cheap to clone; each body it gives is the same bytes.
#[derive(Clone, Debug)]
pub struct Part {
    payload: Payload,
    range: Range<u64>,
    digests: Arc<OnceLock<Digests>>,
    sent: Arc<AtomicU64>,
}

/// Lower-case hexadecimal digits, as entity tags and signatures are written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Pieces that are read ahead of the connection.
const AHEAD: usize = 2;

impl Part {
    /// The bytes `range` of the result of `payload`.
    pub fn new(payload: &Payload, range: Range<u64>) -> Self {
        Self { payload: payload.clone(), range, digests: Arc::default(), sent: Arc::default() }
    }

    /// The whole result.
    pub fn whole(payload: &Payload) -> Self {
        Self::new(payload, 0..payload.len())
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digests that were asked for by [`digest`](Self::digest).
    pub fn digests(&self) -> Digests {
        self.digests.get().copied().unwrap_or_default()
    }

    /// The MD5 as stores print entity tags: 32 lower-case hexadecimal digits.
    pub fn md5_hex(&self) -> Option<String> {
        self.digests().md5.map(|md5| hex(&md5))
    }

    /// The MD5 as `Content-MD5` wants it: Base64 (RFC 1864).
    pub fn md5_base64(&self) -> Option<String> {
        use base64::Engine;
        self.digests().md5.map(|md5| base64::prelude::BASE64_STANDARD.encode(md5))
    }

    /// Bytes that bodies of this part have handed out so far, over all of them: moves when a connection moves.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Reads the bytes once and keeps their digests, off the runtime's own threads.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub async fn digest(&self, wanted: &'static [Digest]) -> Result<()> {
        if wanted.is_empty() || self.digests.get().is_some() {
            return Ok(());
        }
        let part = self.clone();
        let digests = tokio::task::spawn_blocking(move || part.compute(wanted)).await;
        let digests = digests.map_err(|_| Error::new(ErrorKind::Io, "the runtime is shutting down"))??;
        let _ = self.digests.set(digests);
        Ok(())
    }

    fn compute(&self, wanted: &[Digest]) -> Result<Digests> {
        let mut md5 = wanted.contains(&Digest::Md5).then(Md5::new);
        let mut crc64 = wanted.contains(&Digest::Crc64).then(|| crc_fast::Digest::new(Crc64Xz));
        for piece in self.payload.pieces(self.range.clone()) {
            let piece = piece?;
            if let Some(md5) = &mut md5 {
                md5.update(&piece);
            }
            if let Some(crc64) = &mut crc64 {
                crc64.update(&piece);
            }
        }
        Ok(Digests { md5: md5.map(|md5| md5.finalize().into()), crc64: crc64.map(|crc| crc.finalize()) })
    }

    /// A body of exactly [`len`](Self::len) bytes.
    ///
    /// What is in memory is sent from there. What has to be read is read on a thread that may block, a few pieces ahead
    /// of the connection, and only as fast as that takes them. A source that changed fails the body before its last
    /// piece, so that the store never sees the whole of it.
    pub fn body(&self) -> Body {
        let source = self.payload.source();
        let pieces = if source.is_mapped() || source.is_remote() {
            let (pieces, receiver) = mpsc::channel(AHEAD);
            let part = self.clone();
            tokio::task::spawn_blocking(move || part.produce(&pieces));
            Pieces::Coming(receiver)
        } else {
            let pieces = source.verify_unchanged().and_then(|()| self.payload.pieces(self.range.clone()).collect());
            Pieces::Here(pieces.map_err(Error::from))
        };
        Body { pieces, left: self.len(), sent: Arc::clone(&self.sent) }
    }

    fn produce(&self, out: &mpsc::Sender<Result<Bytes>>) {
        let mut held: Option<Bytes> = None;
        for piece in self.payload.pieces(self.range.clone()) {
            // A closed channel is a request that is over.
            if let Some(held) = held.take()
                && out.blocking_send(Ok(held)).is_err()
            {
                return;
            }
            match piece {
                Ok(piece) => held = Some(piece),
                Err(error) => {
                    let _ = out.blocking_send(Err(error.into()));
                    return;
                }
            }
        }
        let last = self.payload.source().verify_unchanged().map(|()| held).map_err(Error::from);
        if let Some(last) = last.transpose() {
            let _ = out.blocking_send(last);
        }
    }
}

/// The stream of a [`Part`].
#[derive(Debug)]
pub struct Body {
    pieces: Pieces,
    left: u64,
    sent: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Pieces {
    Here(Result<VecDeque<Bytes>>),
    Coming(mpsc::Receiver<Result<Bytes>>),
}

impl Pieces {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        match self {
            Self::Here(pieces) => Poll::Ready(match std::mem::replace(pieces, Ok(VecDeque::new())) {
                Ok(mut left) => {
                    let piece = left.pop_front();
                    *pieces = Ok(left);
                    piece.map(Ok)
                }
                Err(error) => Some(Err(error)),
            }),
            Self::Coming(pieces) => pieces.poll_recv(context),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = ready!(self.pieces.poll_next(context));
        Poll::Ready(Some(match piece {
            Some(Ok(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                self.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                Ok(Frame::data(piece))
            }
            Some(Err(error)) => Err(error.into()),
            None => Err(Error::new(ErrorKind::Changed, "the source ended too early").into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use unlabel_core::{Edit, Plan, Source};

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    fn payload() -> Payload {
        let source = Source::from_bytes("id=8888;123456789");
        Payload::new(source, Plan::new(vec![Edit::delete(0..8)], 17).unwrap())
    }

    #[test]
    fn digests_are_those_of_the_cleaned_bytes() {
        let part = Part::whole(&payload());
        runtime().block_on(part.digest(&[Digest::Md5, Digest::Crc64])).unwrap();
        // The check values of the two algorithms over "123456789".
        assert_eq!(part.md5_hex().unwrap(), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(part.digests().crc64, Some(0x995d_c9bb_df19_39fa));
        assert_eq!(part.md5_base64().unwrap(), "JfnnlDI7RTiF9RgfG2JNCw==");
    }

    #[test]
    fn a_body_can_be_had_again_and_again() {
        let part = Part::new(&payload(), 2..7);
        for round in 1..=3 {
            let bytes = runtime().block_on(async {
                let body = part.body();
                assert_eq!(http_body::Body::size_hint(&body).exact(), Some(5));
                body.collect().await.unwrap().to_bytes()
            });
            assert_eq!(bytes, "34567");
            assert_eq!(part.sent(), 5 * round);
        }
    }

    #[test]
    fn a_source_that_changes_meanwhile_fails_the_body() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 1 << 20]).unwrap();
        let source = Source::open(file.path()).unwrap();
        let payload = Payload::new(source, Plan::identity(1 << 20));
        std::fs::write(file.path(), vec![8; (1 << 20) + 1]).unwrap();
        let error = runtime().block_on(async { Part::whole(&payload).body().collect().await.unwrap_err() });
        assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Changed);
    }
}
