//! Objects in parts: how they are cut, and how the parts are sent.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crc_fast::CrcAlgorithm::Crc64Xz;
use crc_fast::checksum_combine;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;
use unlabel_core::{Payload, Segment};

use super::objects::Delivery;
use super::{Limits, Object, Part, PartTag, Store, Stored, Transfer, Upload};
use crate::error::{Error, ErrorKind, Result};
use crate::{BoxFuture, ObjectRef};

/// One part of an object that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// These bytes of the result travel.
    Send(Range<u64>),
    /// These bytes of the original are copied by the store.
    Copy(Range<u64>),
}

impl Piece {
    /// Bytes that travel.
    pub(super) fn sent(&self) -> u64 {
        match self {
            Self::Send(range) => range.end - range.start,
            Self::Copy(_) => 0,
        }
    }
}

/// Parts of an object that travels whole.
pub(super) fn sent_whole(len: u64, limits: &Limits, transfer: &Transfer) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    cut(0..len, part_size(len, limits, transfer), limits.part_max, |range| pieces.push(Piece::Send(range)));
    if pieces.len() > limits.parts_max as usize {
        return Err(Error::new(ErrorKind::TooLarge, format!("{len} bytes are more than the store takes")));
    }
    Ok(pieces)
}

/// The length of parts: as asked for, within the limits, and long enough that there are not too many.
fn part_size(len: u64, limits: &Limits, transfer: &Transfer) -> u64 {
    let asked = transfer.part_size.max(len.div_ceil(u64::from(limits.parts_max.max(1))));
    asked.clamp(limits.part_min.max(1), limits.part_max)
}

/// Cuts `range` into parts of about `size`: none of them shorter but a single one, unless they would be longer than
/// `most`.
fn cut(range: Range<u64>, size: u64, most: u64, mut part: impl FnMut(Range<u64>)) {
    let len = range.end - range.start;
    let count = (len / size).max(len.div_ceil(most)).max(1);
    for number in 0..count {
        let at = |number: u64| {
            range.start + u64::try_from(u128::from(len) * u128::from(number) / u128::from(count)).unwrap_or(len)
        };
        part(at(number)..at(number + 1));
    }
}

/// Parts in which the ranges that the plan keeps are copied by the store, where they are long enough; None where that
/// saves nothing.
///
/// Every part but the last one has at least [`Limits::part_min`] bytes, so a new range that is shorter takes some of the
/// kept bytes behind it along.
pub(super) fn with_copies(payload: &Payload, limits: &Limits, transfer: &Transfer) -> Option<Vec<Piece>> {
    let len = payload.len();
    let size = part_size(len, limits, transfer);
    let mut pieces = Vec::new();
    let mut copied = 0;
    let (mut unsent, mut start) = (0, 0);
    for segment in payload.segments() {
        let end = start + segment.len();
        if let Segment::Kept(kept) = &segment {
            let pending = start - unsent;
            let taken = if pending == 0 { 0 } else { limits.part_min.saturating_sub(pending) };
            let copy = start + taken..end;
            if copy.start < copy.end && copy.end - copy.start >= limits.part_min.max(MIN_COPY) {
                if copy.start > unsent {
                    cut(unsent..copy.start, size, limits.part_max, |range| pieces.push(Piece::Send(range)));
                }
                let from = kept.start + taken;
                let size = limits.copy_max.min(COPY_SIZE).max(limits.part_min);
                cut(from..kept.end, size, limits.copy_max, |range| {
                    pieces.push(Piece::Copy(range));
                });
                copied += copy.end - copy.start;
                unsent = end;
            }
        }
        start = end;
    }
    if unsent < len {
        cut(unsent..len, size, limits.part_max, |range| pieces.push(Piece::Send(range)));
    }
    (copied > 0 && pieces.len() <= limits.parts_max as usize).then_some(pieces)
}

/// Shorter ranges are not worth a request of their own.
const MIN_COPY: u64 = 1 << 20;

/// Length of copied parts: short enough that a store answers each in a while, long enough to be few.
const COPY_SIZE: u64 = 512 << 20;

/// Sends the parts and makes the object visible; after a failure nothing of it is left.
pub(super) async fn run(delivery: &Delivery<'_>, pieces: &[Piece], origin: Option<&ObjectRef>) -> Result<Stored> {
    let Delivery { store, key, options, retry, .. } = delivery;
    let upload = retry.run(|| store.begin(key, &options.attributes)).await?;
    let pending = Pending { store: Arc::clone(store), upload: Some(upload.clone()), runtime: Handle::current() };
    match finish(delivery, &upload, pieces, origin).await {
        Ok(stored) => {
            pending.keep();
            Ok(stored)
        }
        Err(error) => match retry.run(|| store.abort(&upload)).await {
            Ok(()) => {
                pending.keep();
                Err(error)
            }
            Err(abort) => Err(error.doing(&format!("parts may be left ({abort})"))),
        },
    }
}

async fn finish(
    delivery: &Delivery<'_>,
    upload: &Upload,
    pieces: &[Piece],
    origin: Option<&ObjectRef>,
) -> Result<Stored> {
    let store = delivery.store;
    let mut sends: Vec<BoxFuture<'_, Result<Sent>>> = Vec::with_capacity(pieces.len());
    for (piece, number) in pieces.iter().zip(1..) {
        sends.push(Box::pin(send(delivery, upload, number, piece, origin)));
    }
    let mut parts: Vec<Sent> =
        stream::iter(sends).buffer_unordered(delivery.transfer.parts_in_flight.max(1)).try_collect().await?;
    parts.sort_by_key(|(part, _)| part.number);
    let crc64 = whole_crc64(&parts);
    let parts: Vec<PartTag> = parts.into_iter().map(|(part, _)| part).collect();
    delivery.payload.source().verify_unchanged()?;
    if let Some(origin) = origin {
        verify_origin(delivery, origin).await?;
    }

    let attributes = &delivery.options.attributes;
    let parts = parts.as_slice();
    let stored = delivery
        .conditionally(|condition| {
            delivery.retry.run_slow(move || store.complete(upload, parts, attributes, condition))
        })
        .await;
    let expected = store.multipart_etag(parts);
    let stored = match stored {
        // The completion itself says that all of it is there.
        Ok(stored) if stored.crc64.is_some() && stored.crc64 == crc64 => return Ok(stored),
        Ok(stored) => delivery.check_length(stored).await?,
        Err(error) => {
            let is_ours = |object: &Object| {
                expected.as_ref() == Some(&object.etag) || object.crc64.is_some() && object.crc64 == crc64
            };
            return delivery.reconcile(error, is_ours).await;
        }
    };
    if matches!((stored.crc64, crc64), (Some(there), Some(sent)) if there != sent) {
        return Err(delivery.withdraw("the checksum of what is stored is another").await);
    }
    Ok(stored)
}

/// The CRC of the whole object, where that of every part is known: not where the store copied some.
fn whole_crc64(parts: &[Sent]) -> Option<u64> {
    parts.iter().try_fold(0, |whole, (part, crc64)| Some(checksum_combine(Crc64Xz, whole, (*crc64)?, part.len)))
}

/// A part, and the CRC-64 of what was sent for it.
type Sent = (PartTag, Option<u64>);

async fn send(
    delivery: &Delivery<'_>,
    upload: &Upload,
    number: u32,
    piece: &Piece,
    origin: Option<&ObjectRef>,
) -> Result<Sent> {
    let Delivery { store, payload, retry, .. } = delivery;
    match (piece, origin) {
        (Piece::Send(range), _) => {
            let part = Part::new(payload, range.clone());
            part.digest(store.digests()).await?;
            let tag = retry.run_sending(&part, || store.put_part(upload, number, &part)).await?;
            Ok((tag, part.digests().crc64))
        }
        (Piece::Copy(range), Some(origin)) => {
            let tag = retry.run_slow(|| store.copy_part(upload, number, origin, range.clone())).await?;
            Ok((tag, None))
        }
        (Piece::Copy(_), None) => Err(Error::new(ErrorKind::Unsupported, "nothing to copy from")),
    }
}

/// Some stores ignore the condition on the original of a copy: look again before anything is visible.
async fn verify_origin(delivery: &Delivery<'_>, origin: &ObjectRef) -> Result<()> {
    let now = delivery.retry.run(|| delivery.store.head_ref(origin)).await?;
    if now.etag == origin.etag && now.len == origin.len {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Changed, "the object changed since it was read"))
}

/// How long a part may arrive after its sender has gone.
const LATE: Duration = Duration::from_secs(10);

/// An upload that is removed when it is forgotten half way.
struct Pending {
    store: Arc<dyn Store>,
    upload: Option<Upload>,
    runtime: Handle,
}

impl Pending {
    /// The upload is finished, or removed already.
    fn keep(mut self) {
        self.upload = None;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            let store = Arc::clone(&self.store);
            self.runtime.spawn(async move {
                for wait in [0, 1, 4] {
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                    if store.abort(&upload).await.is_ok() {
                        break;
                    }
                }
                // A part that was under way may have arrived meanwhile.
                tokio::time::sleep(LATE).await;
                let _ = store.abort(&upload).await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unlabel_core::{Edit, Plan, Source};

    use super::*;

    const LIMITS: Limits =
        Limits { put_max: 1 << 30, part_min: 5 << 20, part_max: 5 << 30, copy_max: 5 << 30, parts_max: 10_000 };

    #[test]
    fn parts_are_long_enough_and_not_too_many() {
        let transfer = Transfer::default();
        assert_eq!(sent_whole(20 << 20, &LIMITS, &transfer).unwrap().len(), 2);
        let short = Limits { part_min: 1, part_max: 10 << 20, ..LIMITS };
        let parts = sent_whole(25 << 20, &short, &Transfer { part_size: 64 << 20, ..transfer.clone() }).unwrap();
        assert!(parts.len() == 3 && parts.iter().all(|part| part.sent() <= 10 << 20), "{parts:?}");
        let few = Limits { parts_max: 100, ..LIMITS };
        assert!(sent_whole(10 << 30, &few, &transfer).unwrap().len() <= 100);
        let tiny = Limits { parts_max: 2, part_max: 10 << 20, ..LIMITS };
        assert_eq!(sent_whole(100 << 20, &tiny, &transfer).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    /// A payload that no byte of is ever read.
    #[derive(Debug)]
    struct Unread(u64);

    impl unlabel_core::ReadAt for Unread {
        fn len(&self) -> u64 {
            self.0
        }
        fn read_at(&self, _: Range<u64>) -> unlabel_core::Result<bytes::Bytes> {
            Err(unlabel_core::Error::new(unlabel_core::ErrorKind::Io, "not to be read"))
        }
    }

    fn payload(len: u64, edits: Vec<Edit>) -> Payload {
        Payload::new(Source::remote(Arc::new(Unread(len))), Plan::new(edits, len).unwrap())
    }

    #[test]
    fn the_checksum_of_the_whole_is_made_of_those_of_the_parts() {
        let part = |bytes: &[u8], number| {
            let tag = PartTag { number, etag: String::new(), len: bytes.len() as u64, key: None };
            (tag, Some(crc_fast::checksum(Crc64Xz, bytes)))
        };
        // The check value of the algorithm over "123456789".
        let parts = [part(b"1234", 1), part(b"", 2), part(b"56789", 3)];
        assert_eq!(whole_crc64(&parts), Some(0x995d_c9bb_df19_39fa));
        let mut copied = parts;
        copied[1].1 = None;
        assert_eq!(whole_crc64(&copied), None);
    }

    #[test]
    fn one_edit_in_a_gibibyte_sends_one_part() {
        let transfer = Transfer::default();
        let edited = payload(1 << 30, vec![Edit::fill(900_000_000..900_000_100, 0)]);
        let pieces = with_copies(&edited, &LIMITS, &transfer).unwrap();
        let sent: u64 = pieces.iter().map(Piece::sent).sum();
        assert_eq!(sent, 5 << 20);
        assert!(pieces.len() <= 5, "{pieces:?}");
        assert_eq!(with_copies(&payload(1 << 20, vec![Edit::delete(0..9)]), &LIMITS, &transfer), None);
        assert!(with_copies(&payload(30 << 20, vec![]), &LIMITS, &transfer).is_some());
    }

    proptest! {
        /// However the plan looks, the parts together are the result, and none but the last is too short.
        #[test]
        fn parts_with_copies_are_the_result(
            len in (1_u64 << 20)..(300 << 20),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), 1_u64..9_000_000, 0_u64..3_000), 0..6),
        ) {
            let mut at = 0;
            let mut sorted: Vec<_> = edits.iter().map(|(index, cut, new)| (index.index(len as usize) as u64, *cut, *new)).collect();
            sorted.sort_unstable();
            let edits = sorted.into_iter().filter_map(|(start, cut, new)| {
                let range = start.max(at)..(start.max(at) + cut).min(len);
                (range.start < range.end).then(|| { at = range.end; Edit::replace(range, vec![1; new as usize]) })
            }).collect();
            let payload = payload(len, edits);
            let transfer = Transfer::default();
            if let Some(pieces) = with_copies(&payload, &LIMITS, &transfer) {
                let mut position = 0;
                let kept: Vec<_> = payload.segments().scan(0, |start, segment| {
                    let begin = *start;
                    *start += segment.len();
                    Some(match segment { Segment::Kept(range) => Some((begin, range)), Segment::New(_) => None })
                }).flatten().collect();
                for (index, piece) in pieces.iter().enumerate() {
                    let length = match piece {
                        Piece::Send(range) => { prop_assert_eq!(range.start, position); range.end - range.start }
                        Piece::Copy(range) => {
                            let is_that = kept.iter().any(|(begin, kept)| kept.start <= range.start && range.end <= kept.end
                                && begin + (range.start - kept.start) == position);
                            prop_assert!(is_that, "{:?} is not at {}", range, position);
                            range.end - range.start
                        }
                    };
                    position += length;
                    prop_assert!(index + 1 == pieces.len() || length >= LIMITS.part_min, "{:?}", pieces);
                }
                prop_assert_eq!(position, payload.len());
            }
        }
    }
}
