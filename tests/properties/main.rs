//! Plans and payloads against a naive model: splicing edits into a vector, last one first.
#![allow(clippy::unwrap_used, reason = "a property that cannot be set up must stop the test")]

use proptest::prelude::*;
use unlabel_core::{Edit, ErrorKind, Payload, Plan, Replacement, Segment, Source};

/// An edit as a test draws it: how far after the one before, how long, and what takes its place.
#[derive(Clone, Debug)]
struct Draw {
    gap: u64,
    len: u64,
    with: Replacement,
}

fn replacement(len: impl Strategy<Value = usize> + 'static) -> impl Strategy<Value = Replacement> {
    (len, any::<u8>(), any::<bool>()).prop_map(|(len, byte, fill)| {
        if fill {
            Replacement::Fill { byte, len: len as u64 }
        } else {
            Replacement::Bytes((0..len).map(|index| byte.wrapping_add(index as u8)).collect::<Vec<_>>().into())
        }
    })
}

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let draw = (0..20_u64, 0..20_u64, replacement(0..30_usize)).prop_map(|(gap, len, with)| Draw { gap, len, with });
    prop::collection::vec(draw, 0..12)
}

/// Draws whose replacements are as long as what they replace.
fn equal_draws() -> impl Strategy<Value = Vec<Draw>> {
    let draw = (0..20_u64, 1..20_usize)
        .prop_flat_map(|(gap, len)| replacement(Just(len)).prop_map(move |with| Draw { gap, len: len as u64, with }));
    prop::collection::vec(draw, 0..12)
}

/// Edits in file order over an input that is `tail` bytes longer than they reach. Two insertions never meet.
fn edits(draws: &[Draw], tail: u64) -> (Vec<Edit>, Vec<u8>) {
    let mut position = 0;
    let mut edits = Vec::new();
    for Draw { gap, len, with } in draws {
        let start = position + gap + 1;
        edits.push(Edit { range: start..start + len, with: with.clone() });
        position = start + len;
    }
    let input = (0..position + tail).map(|index| (index % 251) as u8).collect();
    (edits, input)
}

fn bytes_of(with: &Replacement) -> Vec<u8> {
    match with {
        Replacement::Bytes(bytes) => bytes.to_vec(),
        Replacement::Fill { byte, len } => vec![*byte; *len as usize],
    }
}

/// The model: what every way of reading a plan must agree with.
fn spliced(edits: &[Edit], input: &[u8]) -> Vec<u8> {
    let mut output = input.to_vec();
    for Edit { range, with } in edits.iter().rev() {
        output.splice(range.start as usize..range.end as usize, bytes_of(with));
    }
    output
}

fn joined(plan: &Plan, input: &[u8]) -> Vec<u8> {
    plan.segments()
        .flat_map(|segment| match segment {
            Segment::Kept(range) => input[range.start as usize..range.end as usize].to_vec(),
            Segment::New(with) => bytes_of(with),
        })
        .collect()
}

proptest! {
    #[test]
    fn every_way_to_read_a_plan_gives_the_spliced_bytes(draws in draws(), tail in 0..40_u64) {
        let (edits, input) = edits(&draws, tail);
        let want = spliced(&edits, &input);
        // The order in which a format names its edits does not matter.
        let plan = Plan::new(edits.iter().rev().cloned().collect(), input.len() as u64).unwrap();
        prop_assert_eq!(plan.output_len(), want.len() as u64);
        prop_assert_eq!(plan.apply(&input).unwrap(), &*want);
        prop_assert_eq!(joined(&plan, &input), &*want);
        let payload = Payload::new(Source::from_bytes(input), plan);
        prop_assert_eq!(payload.len(), want.len() as u64);
        prop_assert_eq!(payload.chunks().collect::<Result<Vec<_>, _>>().unwrap().concat(), &*want);
        let mut written = Vec::new();
        payload.write_to(&mut written).unwrap();
        prop_assert_eq!(written, want);
    }

    #[test]
    fn patching_in_place_gives_the_spliced_bytes(draws in equal_draws(), tail in 0..40_u64) {
        let (edits, input) = edits(&draws, tail);
        let plan = Plan::new(edits.clone(), input.len() as u64).unwrap();
        prop_assert!(plan.keeps_length());
        let mut view = input.clone();
        plan.patch(&mut view).unwrap();
        prop_assert_eq!(view, spliced(&edits, &input));
    }

    #[test]
    fn a_plan_that_changes_the_length_does_not_patch(draws in draws(), tail in 0..40_u64) {
        let (edits, input) = edits(&draws, tail);
        let plan = Plan::new(edits, input.len() as u64).unwrap();
        prop_assume!(!plan.keeps_length());
        let mut view = input.clone();
        prop_assert_eq!(plan.patch(&mut view).unwrap_err().kind(), ErrorKind::Conflict);
        prop_assert_eq!(view, input);
    }

    #[test]
    fn bytes_outside_the_edits_of_a_preserve_plan_stay(draws in equal_draws(), tail in 0..40_u64) {
        let (edits, input) = edits(&draws, tail);
        let output = Plan::new(edits.clone(), input.len() as u64).unwrap().apply(&input).unwrap();
        prop_assert_eq!(output.len(), input.len());
        for (offset, (new, old)) in output.iter().zip(&input).enumerate() {
            let edited = edits.iter().any(|edit| edit.range.contains(&(offset as u64)));
            prop_assert!(edited || new == old, "byte {}", offset);
        }
    }

    #[test]
    fn overlapping_edits_are_refused(start in 0..50_u64, len in 1..20_u64, into in 0..20_u64, more in 0..20_u64) {
        let second = start + into % len;
        let edits = vec![Edit::fill(start..start + len, 0), Edit::delete(second..second + more.max(1))];
        prop_assert_eq!(Plan::new(edits, 100).unwrap_err().kind(), ErrorKind::Conflict);
    }

    #[test]
    fn edits_that_leave_the_input_are_refused(len in 0..50_u64, start in 0..100_u64, more in 1..50_u64) {
        prop_assume!(start + more > len);
        prop_assert_eq!(Plan::new(vec![Edit::fill(start..start + more, 0)], len).unwrap_err().kind(), ErrorKind::Conflict);
    }

    #[test]
    fn another_length_of_input_is_refused(draws in draws(), tail in 0..40_u64, other in 0..400_usize) {
        let (edits, input) = edits(&draws, tail);
        prop_assume!(other != input.len());
        let plan = Plan::new(edits, input.len() as u64).unwrap();
        prop_assert_eq!(plan.apply(&vec![0; other]).unwrap_err().kind(), ErrorKind::Changed);
    }
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "that is what must be refused")]
fn reversed_ranges_and_meeting_insertions_are_refused() {
    assert_eq!(Plan::new(vec![Edit::delete(5..3)], 10).unwrap_err().kind(), ErrorKind::Conflict);
    let insert = |text: &'static str| Edit::replace(4..4, text);
    assert_eq!(Plan::new(vec![insert("a"), insert("b")], 10).unwrap_err().kind(), ErrorKind::Conflict);
    assert!(Plan::new(vec![insert("a"), Edit::delete(4..5)], 10).is_ok());
}

#[test]
fn an_empty_plan_is_the_input() {
    let plan = Plan::new(vec![Edit::delete(3..3)], 10).unwrap();
    assert!(plan.is_identity());
    assert_eq!(plan, Plan::identity(10));
    assert_eq!(plan.segments().collect::<Vec<_>>(), [Segment::Kept(0..10)]);
}
