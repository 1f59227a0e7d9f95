//! Streams of every length, and hostile ones.

use super::*;
use crate::error::ErrorKind;
use proptest::prelude::*;

fn property(name: &str, value: &str) -> String {
    format!(
        "<property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" name=\"{name}\"><vt:lpwstr>{value}</vt:lpwstr></property>"
    )
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let properties = proptest::collection::vec(("[A-Za-z_]{1,20}", "[ -~]{0,40}"), 0..12)
        .prop_map(|list| list.iter().map(|(name, value)| property(name, value)).collect::<String>().into_bytes());
    let bytes = proptest::collection::vec(any::<u8>(), 0..400);
    let long = (any::<u8>(), 0..200_000_usize).prop_map(|(byte, len)| vec![byte; len]);
    prop_oneof![6 => properties, 1 => bytes, 1 => long]
}

/// Checks with a decoder that is told where the input ends, and one byte short of it.
fn check(coded: &[u8], wrapper: Wrapper, data: &[u8], len: usize) {
    assert_eq!(coded.len(), len);
    let decoded = inflate(coded, wrapper, data.len() as u64).unwrap();
    assert!(decoded.bytes == data && decoded.intact);
    assert_eq!(decoded.consumed, len);
    let mut followed = coded.to_vec();
    followed.extend_from_slice(b"PK\x01\x02");
    assert_eq!(inflate(&followed, wrapper, data.len() as u64).unwrap().consumed, len);
    if wrapper == Wrapper::Raw {
        assert!(inflate(&coded[..len - 1], wrapper, data.len() as u64).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_gap_from_15_is_reached(data in bodies(), zlib: bool) {
        let wrapper = if zlib { Wrapper::Zlib } else { Wrapper::Raw };
        let shortest = deflate(&data, wrapper).len();
        for gap in 0..64 {
            match deflate_exact(&data, wrapper, shortest + gap) {
                Some(coded) => check(&coded, wrapper, &data, shortest + gap),
                None => prop_assert!((1..15).contains(&gap), "gap {gap} not reached"),
            }
        }
    }

    #[test]
    fn quick_streams_are_right(data in bodies()) {
        let coded = deflate_quick(&data);
        prop_assert_eq!(coded.is_some(), data.len() <= quick::LONGEST);
        if let Some(coded) = coded {
            check(&coded, Wrapper::Raw, &data, coded.len());
        }
    }

    #[test]
    fn hostile_streams_do_not_panic(data in proptest::collection::vec(any::<u8>(), 0..300), zlib: bool) {
        let wrapper = if zlib { Wrapper::Zlib } else { Wrapper::Raw };
        let _ = inflate(&data, wrapper, 10_000);
        let _ = inflate_windows(&data, wrapper, 10_000, &mut |_| Ok(()));
    }
}

#[test]
fn most_small_gaps_are_reached() {
    let data: Vec<u8> = (0..8).flat_map(|index| property(&format!("key{index}"), "Secret").into_bytes()).collect();
    let shortest = deflate(&data, Wrapper::Raw).len();
    let reached = (1..15).filter(|gap| deflate_exact(&data, Wrapper::Raw, shortest + gap).is_some()).count();
    assert!(reached >= 10, "only {reached} of 14");
}

#[test]
fn quick_streams_of_properties_are_not_much_longer() {
    let data: Vec<u8> = (0..8).flat_map(|index| property(&format!("key{index}"), "Secret").into_bytes()).collect();
    let (quick, tight) = (deflate_quick(&data).unwrap().len(), deflate(&data, Wrapper::Raw).len());
    assert!(quick <= tight + tight / 8, "{quick} for {tight}");
}

#[test]
fn large_gaps_are_reached() {
    let data = property("id", "8888").into_bytes();
    for wrapper in [Wrapper::Raw, Wrapper::Zlib] {
        let len = deflate(&data, wrapper).len() + 100_003;
        check(&deflate_exact(&data, wrapper, len).unwrap(), wrapper, &data, len);
    }
}

#[test]
fn a_bomb_meets_the_limit() {
    let bomb = deflate(&vec![0; 10 << 20], Wrapper::Raw);
    let limit = 1 << 20;
    assert_eq!(inflate(&bomb, Wrapper::Raw, limit).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let mut seen = 0;
    let error = inflate_windows(&bomb, Wrapper::Raw, limit, &mut |piece| {
        seen += piece.len();
        Ok(())
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert!(seen <= 1 << 20);
    assert_eq!(inflate(&bomb, Wrapper::Raw, 10 << 20).unwrap().bytes.len(), 10 << 20);
}

#[test]
fn windows_join_to_the_data() {
    let data: Vec<u8> = (0..300_000_u32).flat_map(|index| (index / 7).to_le_bytes()).collect();
    for wrapper in [Wrapper::Raw, Wrapper::Zlib] {
        let mut coded = deflate(&data, wrapper);
        let len = coded.len();
        coded.extend_from_slice(b"more");
        let mut joined = Vec::new();
        let consumed = inflate_windows(&coded, wrapper, data.len() as u64, &mut |piece| {
            joined.extend_from_slice(piece);
            Ok(())
        });
        assert_eq!(consumed.unwrap(), len);
        assert!(joined == data);
    }
}

#[test]
fn broken_zlib_data_is_told_apart() {
    let coded = deflate(b"data", Wrapper::Zlib);
    let mut wrong_sum = coded.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let decoded = inflate(&wrong_sum, Wrapper::Zlib, 10).unwrap();
    assert!(!decoded.intact && decoded.bytes == b"data" && decoded.consumed == coded.len());
    let no_sum = inflate(&coded[..coded.len() - 3], Wrapper::Zlib, 10).unwrap();
    assert!(!no_sum.intact && no_sum.consumed == coded.len() - 3);
    assert_eq!(inflate(&coded[..5], Wrapper::Zlib, 10).unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(inflate(b"\x78\x9d..", Wrapper::Zlib, 10).unwrap_err().offset(), Some(0));
    assert_eq!(inflate(b"x", Wrapper::Zlib, 10).unwrap_err().kind(), ErrorKind::Malformed);
}
