//! The contract of the crate's documentation, promise by promise.

use proptest::prelude::*;
use unlabel_core::{Edit, Engine};
use unlabel_sinks::{Committed, ErrorKind, IfExists, PutOptions};

use crate::places::{Place, local_places, places};
use crate::{create, noise, of_bytes, of_file, put, wait};

/// Puts, reads back, and compares bytes and receipt.
fn delivers(place: &dyn Place, name: &str, payload: &unlabel_core::Payload, expected: &[u8]) {
    let receipt = put(place.sink(), name, payload).unwrap_or_else(|error| panic!("{}: {error}", place.sink()));
    let delivered = place.read(name).unwrap_or_else(|| panic!("{}: nothing under {name:?}", place.sink()));
    assert!(delivered == expected, "{}: {name:?} is not what was planned", place.sink());
    assert_eq!((receipt.bytes, receipt.attempts), (expected.len() as u64, 1));
    assert!(!receipt.location.is_empty());
}

#[test]
fn small_and_empty_objects_arrive() {
    for place in places() {
        let (payload, expected) = of_bytes(b"id=8888;rest", vec![Edit::delete(0..8)]);
        delivers(&*place, "small.bin", &payload, &expected);
        let (payload, expected) = of_bytes(b"", vec![]);
        delivers(&*place, "empty.bin", &payload, &expected);
        let (payload, expected) = of_bytes(b"all of it goes", vec![Edit::delete(0..14)]);
        delivers(&*place, "emptied.bin", &payload, &expected);
    }
}

#[test]
fn six_mebibytes_arrive_from_memory_and_from_a_map() {
    let bytes = noise(6 << 20);
    let kinds = [
        vec![],
        vec![Edit::replace(100..103, "abc"), Edit::fill(1_000_000..3_000_000, 0x20)],
        vec![Edit::replace(0..0, "prefix"), Edit::delete(70_000..70_010), Edit::replace(6 << 20..6 << 20, "suffix")],
    ];
    let directory = tempfile::tempdir().unwrap();
    for place in places() {
        for edits in kinds.clone() {
            let (payload, expected) = of_bytes(&bytes, edits.clone());
            delivers(&*place, "memory.bin", &payload, &expected);
            let (payload, expected) = of_file(&directory.path().join("source"), &bytes, edits);
            assert!(payload.source().is_mapped());
            delivers(&*place, "map.bin", &payload, &expected);
        }
    }
}

/// In parts where there are parts; the source is mapped, and nothing of its length is ever in memory.
#[test]
fn two_hundred_mebibytes_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let edits = vec![Edit::delete(70_000..70_010), Edit::replace(150 << 20..150 << 20, "new")];
    let (payload, expected) = of_file(&directory.path().join("source"), &noise(200 << 20), edits);
    for place in places().iter().filter(|place| place.takes_long()) {
        delivers(&**place, "long.bin", &payload, &expected);
        if place.has_names() {
            assert_eq!(place.visible().len(), 1, "{}: {:?}", place.sink(), place.visible());
        }
    }
}

#[test]
fn odd_names_are_kept_as_they_are() {
    let names =
        ["a b.docx", "Übersicht/日本語/🙂.pdf", "-", "--to", "%2e%2e", "a\nb", "q?x=1#y", ".hidden", "it's \"one\""];
    for place in places() {
        for name in names {
            let (payload, expected) = of_bytes(name.as_bytes(), vec![]);
            delivers(&*place, name, &payload, &expected);
        }
        if place.has_names() {
            assert_eq!(place.visible().len(), names.len(), "{}: {:?}", place.sink(), place.visible());
        }
    }
}

#[test]
fn names_that_leave_the_place_are_refused() {
    let (payload, _) = of_bytes(b"x", vec![]);
    for place in places().iter().filter(|place| place.has_names()) {
        for name in ["", "/etc/x", "../x", "a/../../x", "a//b", "./x", "a/", "nul\0"] {
            let error = put(place.sink(), name, &payload).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Name, "{}: {name:?}", place.sink());
            assert!(!error.is_retryable());
        }
        assert_eq!(place.visible(), Vec::<String>::new());
    }
}

#[test]
fn an_object_is_replaced_whole_unless_it_must_be_new() {
    let (long, long_bytes) = of_bytes(&noise(100_000), vec![]);
    let (short, short_bytes) = of_bytes(b"short", vec![]);
    for place in places().iter().filter(|place| place.has_objects()) {
        create(place.sink(), "object", &long).unwrap();
        assert_eq!(place.read("object").unwrap(), long_bytes);
        let error = create(place.sink(), "object", &short).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exists, "{}", place.sink());
        assert_eq!(place.read("object").unwrap(), long_bytes, "a refused object changed the old one");
        delivers(&**place, "object", &short, &short_bytes);
        assert_eq!(place.visible().len(), 1, "{:?}", place.visible());
    }
}

#[test]
fn a_changed_source_leaves_nothing_visible() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("source");
    for len in [1_000, 2 << 20] {
        for place in places() {
            let (old, old_bytes) = of_bytes(b"the old object", vec![]);
            delivers(&*place, "object", &old, &old_bytes);
            let visible = place.visible();

            let (payload, _) = of_file(&path, &noise(len), vec![Edit::delete(0..10)]);
            let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
            std::fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(modified + std::time::Duration::from_secs(1))
                .unwrap();
            let error = put(place.sink(), "object", &payload).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Changed, "{}: {error}", place.sink());
            assert_eq!(place.visible(), visible, "{}: something is left", place.sink());
            let expected = if place.has_objects() { old_bytes } else { Vec::new() };
            assert_eq!(place.read("object").unwrap(), expected, "{}", place.sink());
        }
    }
}

#[test]
fn a_future_that_is_dropped_does_nothing() {
    let (payload, _) = of_bytes(b"x", vec![]);
    for place in places() {
        drop(place.sink().put("object", &payload, &PutOptions::default()));
        assert_eq!(place.visible(), Vec::<String>::new());
        assert!(place.read("object").unwrap_or_default().is_empty());
    }
}

#[test]
fn a_payload_can_be_sent_again_and_to_many() {
    let directory = tempfile::tempdir().unwrap();
    let (payload, expected) =
        of_file(&directory.path().join("source"), &noise(900_000), vec![Edit::delete(5..500_000)]);
    for place in places() {
        delivers(&*place, "first", &payload, &expected);
        delivers(&*place, "second", &payload.clone(), &expected);
    }
}

#[test]
fn of_two_at_once_one_wins_whole() {
    let payloads: Vec<_> = (0..8_u8).map(|letter| of_bytes(&vec![b'a' + letter; 300_000], vec![])).collect();
    for place in places().iter().filter(|place| place.has_objects()) {
        std::thread::scope(|scope| {
            for (payload, _) in &payloads {
                scope.spawn(|| {
                    put(place.sink(), "object", payload).unwrap_or_else(|error| panic!("{}: {error}", place.sink()))
                });
            }
        });
        let winner = place.read("object").unwrap();
        assert!(payloads.iter().any(|(_, bytes)| *bytes == winner), "{}: a mixture", place.sink());
        assert_eq!(place.visible().len(), 1);
    }
}

#[test]
fn of_two_that_must_be_new_one_is_created() {
    let payloads: Vec<_> = (0..8_u8).map(|letter| of_bytes(&vec![b'a' + letter; 300_000], vec![])).collect();
    for place in places().iter().filter(|place| place.has_objects()) {
        let created = std::thread::scope(|scope| {
            let threads: Vec<_> =
                payloads.iter().map(|(payload, _)| scope.spawn(|| create(place.sink(), "object", payload))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter_map(Result::ok).count()
        });
        if place.is_atomic_create() {
            assert_eq!(created, 1, "{}", place.sink());
        }
        let winner = place.read("object").unwrap();
        assert!(payloads.iter().any(|(_, bytes)| *bytes == winner), "{}: a mixture", place.sink());
    }
}

#[test]
fn a_commit_that_is_repeated_finds_its_result() {
    let (payload, expected) = of_bytes(&noise(200_000), vec![Edit::delete(5..9)]);
    let (other, _) = of_bytes(&noise(200_000 - 4), vec![]);
    for place in places().iter().filter(|place| place.has_objects()) {
        let sink = place.sink();
        let again = |payload, if_exists| {
            let options = PutOptions::default();
            wait(unlabel_sinks::commit(sink, "object", payload, &options, if_exists)).map(|(_, committed)| committed)
        };
        assert_eq!(again(&payload, IfExists::Skip).unwrap(), Committed::New, "{sink}");
        match again(&payload, IfExists::Skip) {
            // An upload has no way back.
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                assert!(sink.to_string().starts_with("http"), "{sink}");
            }
            found => {
                assert_eq!(found.unwrap(), Committed::Existing, "{sink}");
                // Another result of the same length is not this one, and stays out.
                assert_eq!(again(&other, IfExists::Skip).unwrap_err().kind(), ErrorKind::Exists, "{sink}");
                // A sink of one exact object has that one, whatever the name.
                assert_eq!(
                    wait(sink.holds("missing", &payload, &PutOptions::default())).unwrap(),
                    !place.has_names(),
                    "{sink}"
                );
            }
        }
        assert_eq!(again(&payload, IfExists::Error).unwrap_err().kind(), ErrorKind::Exists, "{sink}");
        assert_eq!(place.read("object").unwrap(), expected, "{sink}");
        assert_eq!(again(&other, IfExists::Overwrite).unwrap(), Committed::New, "{sink}");
    }
}

#[test]
fn a_place_is_bound_to_one_job() {
    let job = |label: &str| Engine::builder().label(label).build().unwrap().job();
    for place in places().iter().filter(|place| place.has_objects() && place.has_names()) {
        let sink = place.sink();
        let bind = |label| wait(unlabel_sinks::bind(sink, &job(label)));
        if wait(unlabel_sinks::check(sink, &job("id"))).is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
            assert!(sink.to_string().starts_with("http"), "{sink}");
            continue;
        }
        assert!(place.read(unlabel_sinks::JOB_FILE).is_none(), "{sink}: looking binds nothing");
        bind("id").unwrap();
        bind("id").unwrap();
        let refused = bind("owner").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Exists, "{sink}");
        assert!(refused.to_string().contains("labels differ"), "{refused}");
        assert!(unlabel_sinks::is_job(&place.read(unlabel_sinks::JOB_FILE).unwrap()), "{sink}");
        let (long, _) = of_bytes(&noise(10_000), vec![]);
        wait(sink.put(unlabel_sinks::JOB_FILE, &long, &PutOptions::default())).unwrap();
        assert_eq!(bind("id").unwrap_err().kind(), ErrorKind::TooLarge, "{sink}");
    }
}

#[test]
fn of_many_that_bring_the_same_one_commits_and_all_succeed() {
    let (payload, expected) = of_bytes(&noise(300_000), vec![]);
    for place in places().iter().filter(|place| place.has_objects() && place.is_atomic_create()) {
        let sink = place.sink();
        let committed = std::thread::scope(|scope| {
            let options = PutOptions::default();
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let (payload, options) = (&payload, options.clone());
                    scope.spawn(move || wait(unlabel_sinks::commit(sink, "object", payload, &options, IfExists::Skip)))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let unsupported = |error: &unlabel_sinks::Error| {
            error.kind() == ErrorKind::Unsupported && sink.to_string().starts_with("http")
        };
        let news = committed.iter().filter(|it| matches!(it, Ok((_, Committed::New)))).count();
        assert_eq!(news, 1, "{sink}: {committed:?}");
        assert!(committed.iter().all(|it| it.as_ref().map_or_else(unsupported, |_| true)), "{sink}: {committed:?}");
        assert_eq!(place.read("object").unwrap(), expected, "{sink}");
    }
}

#[test]
fn sinks_print_themselves() {
    for place in places() {
        assert!(!place.sink().to_string().is_empty());
        assert!(!format!("{:?}", place.sink()).is_empty());
    }
}

/// Disjoint edits in order, on `len` bytes.
fn edits(len: u64) -> impl Strategy<Value = Vec<Edit>> {
    let edit = (0..len, 0..len / 3, prop_oneof![Just(None), Just(Some(true)), Just(Some(false))]);
    proptest::collection::vec(edit, 0..6).prop_map(move |wanted| {
        let mut sorted = wanted;
        sorted.sort_by_key(|(start, ..)| *start);
        let mut end = 0;
        let mut edits = Vec::new();
        for (start, count, kind) in sorted {
            let range = start.max(end)..(start.max(end) + count + 1).min(len);
            if range.start >= range.end {
                continue;
            }
            end = range.end;
            edits.push(match kind {
                None => Edit::delete(range),
                Some(true) => Edit::fill(range, b' '),
                Some(false) => Edit::replace(range, noise((count % 1000) as usize)),
            });
        }
        edits
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Kernel copies, fillers and replacements come together to exactly what the plan says.
    #[test]
    fn any_plan_is_delivered_byte_for_byte(edits in edits(700_000)) {
        let directory = tempfile::tempdir().unwrap();
        let (payload, expected) = of_file(&directory.path().join("source"), &noise(700_000), edits);
        prop_assert!(payload.source().is_mapped());
        for place in local_places() {
            delivers(&*place, "object", &payload, &expected);
        }
    }
}
