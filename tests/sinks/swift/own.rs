//! What only Swift has: ways in, large objects, and copies that the server makes.

use reqwest::Method;
use unlabel_core::Edit;
use unlabel_sinks::remote::{Objects, Transfer};
use unlabel_sinks::{
    Attributes, ErrorKind, PutOptions, Receipt, Secret, Sink, Swift, SwiftConfig, SwiftLogin, SwiftPlace,
};

use super::{Container, Server};
use crate::{noise, of_bytes, put, wait};

/// Objects in small parts, so that small objects have several.
fn in_parts() -> Transfer {
    let mut transfer = Transfer::default();
    (transfer.multipart_from, transfer.part_size) = (3 << 20, 1 << 20);
    transfer
}

fn put_with(sink: &Objects, payload: &unlabel_core::Payload, options: &PutOptions) -> Receipt {
    wait(sink.put("object", payload, options)).unwrap()
}

fn config(container: &Container, token: Option<&str>, login: Option<SwiftLogin>) -> SwiftConfig {
    let url = format!("{}/{}", container.account.url, container.name);
    SwiftConfig { place: SwiftPlace::Container(url.parse().unwrap()), token: token.map(Secret::from), login }
}

fn sink(config: SwiftConfig) -> Objects {
    Swift::new(config, &in_parts()).unwrap().into_sink("in/", in_parts())
}

#[test]
fn every_way_in_leads_to_the_container() {
    let (payload, expected) = of_bytes(b"id=8888;rest", vec![Edit::delete(0..8)]);
    on_each(&[Server::Password, Server::Credential, Server::Swift, Server::Ceph], |server| {
        let container = Container::new(server);
        put(&container.sink(in_parts()), "in/named", &payload).unwrap();
        assert_eq!(container.read("in/named").unwrap(), expected);
        let token = Some(container.account.token.as_str());
        for (name, config) in
            [("token", config(&container, token, None)), ("login", config(&container, None, Some(server.login())))]
        {
            let receipt = put(&sink(config), name, &payload).unwrap();
            assert_eq!(container.read(&format!("in/{name}")).unwrap(), expected);
            assert_eq!(receipt.location, format!("{}/{}/in/{name}", container.account.url, container.name));
        }
    });
}

/// Through Keystone as well, which is asked again for every segment.
#[test]
fn a_long_object_goes_in_by_keystone() {
    let container = Container::new(Server::Credential);
    let (long, expected) = of_bytes(&noise((3 << 20) + 100), vec![Edit::delete(9..99)]);
    put(&container.sink(in_parts()), "long", &long).unwrap();
    assert!(container.read("long").unwrap() == expected);
}

/// At the same time, since Keystone takes its.
fn on_each(servers: &[Server], test: impl Fn(Server) + Sync) {
    std::thread::scope(|scope| {
        for server in servers {
            scope.spawn(|| test(*server));
        }
    });
}

#[test]
fn wrong_credentials_are_refused_and_not_printed() {
    let (payload, _) = of_bytes(b"x", vec![]);
    let wrong = |login| match login {
        SwiftLogin::V1 { auth_url, user, .. } => SwiftLogin::V1 { auth_url, user, key: "wr0ng-s3cret".into() },
        SwiftLogin::ApplicationCredential { auth_url, id, region, .. } => {
            SwiftLogin::ApplicationCredential { auth_url, id, secret: "wr0ng-s3cret".into(), region }
        }
        SwiftLogin::Password { auth_url, user, user_domain, project, project_domain, region, .. } => {
            let password = "wr0ng-s3cret".into();
            SwiftLogin::Password { auth_url, user, password, user_domain, project, project_domain, region }
        }
    };
    on_each(&[Server::Swift, Server::Ceph, Server::Password, Server::Credential], |server| {
        let container = Container::new(server);
        let login = || Some(wrong(server.login()));
        for (token, login) in [(None, login()), (Some("wr0ng-s3cret"), None), (Some("wr0ng-s3cret"), login())] {
            let config = config(&container, token, login);
            let sink = sink(config);
            let error = put(&sink, "object", &payload).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{server:?}: {error}");
            assert!(!format!("{error} {error:?} {sink} {sink:?}").contains("s3cret"));
        }
        assert!(container.visible().is_empty());
    });
}

#[test]
fn one_object_is_read_by_its_url() {
    let container = Container::new(Server::Swift);
    let (payload, bytes) = of_bytes(b"some bytes", vec![]);
    put(&container.sink(in_parts()), "in/object", &payload).unwrap();
    let url = format!("{}/{}/in/object", container.account.url, container.name);
    let place = SwiftPlace::Object(url.parse().unwrap());
    let swift = Swift::new(SwiftConfig { place, token: None, login: Some(Server::Swift.login()) }, &in_parts());
    let sink = swift.unwrap().into_sink("", in_parts());
    let (source, reader) = wait(sink.open("")).unwrap();
    assert_eq!(source.len(), bytes.len() as u64);
    assert_eq!(
        (reader.object_ref().key.as_str(), wait(sink.list("in/", None)).unwrap().entries.len()),
        ("in/object", 1)
    );
    wait(sink.delete("")).unwrap();
    assert!(container.visible().is_empty());
    // An empty key is not the container.
    assert_eq!(wait(container.sink(in_parts()).delete("")).unwrap_err().kind(), ErrorKind::Name);
}

#[test]
fn who_may_only_read_is_denied() {
    let container = Container::new(Server::Swift);
    let it = &crate::services::services().swift;
    let login = SwiftLogin::V1 {
        auth_url: it.auth_url.parse().unwrap(),
        user: it.readonly_user.clone().unwrap(),
        key: it.readonly_key.as_deref().unwrap().into(),
    };
    let sink = sink(config(&container, None, Some(login)));
    for len in [1, 5 << 20] {
        let (payload, _) = of_bytes(&noise(len), vec![]);
        assert_eq!(put(&sink, "object", &payload).unwrap_err().kind(), ErrorKind::Denied);
    }
    assert!(container.visible().is_empty());
}

#[test]
fn a_token_that_died_is_renewed_once_for_all() {
    let container = Container::new(Server::Small);
    let login = Some(Server::Small.login());
    let (payload, expected) = of_bytes(&noise(12 << 20), vec![Edit::delete(5..500)]);
    // A token that never lived stands for one that died; then real ones do.
    let renewing = sink(config(&container, Some("AUTH_tk00000000000000000000000000000000"), login));
    put(&renewing, "first", &payload).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(5));
    put(&renewing, "second", &payload).unwrap();
    assert!(container.read("in/first").unwrap() == expected && container.read("in/second").unwrap() == expected);

    let without = sink(config(&container, Some("AUTH_tkdead"), None));
    assert_eq!(put(&without, "third", &payload).unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn a_container_that_is_not_there_is_not_made() {
    for server in [Server::Swift, Server::Ceph] {
        let mut container = Container::new(server);
        container.name.push_str("-missing");
        let sink = sink(config(&container, None, Some(server.login())));
        for len in [1, 5 << 20] {
            let (payload, _) = of_bytes(&noise(len), vec![]);
            let error = put(&sink, "object", &payload).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(error.to_string().contains("-missing"), "{error}");
        }
        assert!(container.ask(&Method::HEAD, "_segments", |request| request).is_none());
    }
}

#[test]
fn what_a_server_does_not_take_at_once_is_sent_in_segments() {
    let container = Container::new(Server::Small);
    let mut transfer = Transfer::default();
    (transfer.multipart_from, transfer.part_size) = (64 << 20, 64 << 20);
    let sink = container.sink(transfer);
    let (payload, expected) = of_bytes(&noise(25 << 20), vec![Edit::delete(0..8)]);
    let options = PutOptions::default().attributes(attributes());
    put_with(&sink, &payload, &options);
    assert!(container.read("object").unwrap() == expected);
    assert_eq!(container.segments().len(), 3);
    assert_eq!(container.visible(), ["object"]);
}

fn attributes() -> Attributes {
    Attributes {
        content_type: Some("image/jpeg".into()),
        content_disposition: Some("attachment; filename=\"a b.jpg\"".into()),
        metadata: vec![("owner".into(), "Zoë".into())],
        ..Attributes::default()
    }
}

#[test]
fn what_stands_beside_the_bytes_is_stored_with_them() {
    for server in [Server::Swift, Server::Ceph] {
        let container = Container::new(server);
        let sink = container.sink(in_parts());
        for len in [10, 5 << 20] {
            let (payload, _) = of_bytes(&noise(len), vec![]);
            let receipt = put_with(&sink, &payload, &PutOptions::default().attributes(attributes()));
            let object = wait(sink.head("object")).unwrap();
            assert_eq!((object.len, Some(&object.etag)), (len as u64, receipt.etag.as_ref()));
            assert_eq!(object.attributes, attributes(), "{server:?}");
        }
    }
}

#[test]
fn segments_go_with_their_object() {
    for server in [Server::Swift, Server::Ceph] {
        let container = Container::new(server);
        let sink = container.sink(in_parts());
        let (long, _) = of_bytes(&noise(5 << 20), vec![]);
        let (other, other_bytes) = of_bytes(&noise(6 << 20), vec![Edit::delete(0..77)]);
        let (short, short_bytes) = of_bytes(b"short", vec![]);
        put(&sink, "object", &long).unwrap();
        assert_eq!(container.segments().len(), 5);
        put(&sink, "object", &other).unwrap();
        assert_eq!(container.segments().len(), 5, "{server:?}: {:?}", container.segments());
        assert!(container.read("object").unwrap() == other_bytes);
        // The same bytes again are segments of the same names and tags but for the upload.
        put(&sink, "object", &other).unwrap();
        assert_eq!(container.segments().len(), 5);
        assert!(container.read("object").unwrap() == other_bytes);
        put(&sink, "object", &short).unwrap();
        assert_eq!((container.segments(), container.read("object").unwrap()), (vec![], short_bytes));
        put(&sink, "object", &long).unwrap();
        wait(sink.delete("object")).unwrap();
        wait(sink.delete("object")).unwrap();
        assert!(container.segments().is_empty() && container.visible().is_empty());
    }
}

#[test]
fn versions_keep_their_segments() {
    let container = Container::new(Server::Swift);
    let history = Container::new(Server::Swift);
    container.ask(&Method::POST, "", |request| request.header("x-history-location", &history.name));
    let sink = container.sink(in_parts());
    let (long, _) = of_bytes(&noise(5 << 20), vec![]);
    let (short, _) = of_bytes(b"short", vec![]);
    put(&sink, "object", &long).unwrap();
    put(&sink, "object", &short).unwrap();
    assert_eq!(container.segments().len(), 5);
    put(&sink, "object", &long).unwrap();
    wait(sink.delete("object")).unwrap();
    assert_eq!(container.segments().len(), 10);
    container.ask(&Method::POST, "", |request| request.header("x-remove-history-location", "true"));
}

/// Only what changed travels, where the server copies ranges; the result is an object of its own.
#[test]
fn kept_ranges_are_copied_by_the_server() {
    for (server, copies) in [(Server::Swift, true), (Server::Ceph, false)] {
        let container = Container::new(server);
        let sink = container.sink(in_parts());
        let (original, _) = of_bytes(&noise(24 << 20), vec![]);
        let labelled = Attributes { metadata: vec![("label".into(), "8888".into())], ..attributes() };
        // The original itself is a large object.
        put_with(&sink, &original, &PutOptions::default().attributes(labelled));

        let (source, reader) = wait(sink.open("object")).unwrap();
        drop(source);
        let (cleaned, expected) = of_bytes(&noise(24 << 20), vec![Edit::replace(9_000_000..9_000_100, "new")]);
        let options = PutOptions::default().attributes(attributes()).copy_from(reader.object_ref());
        let receipt = put_with(&sink, &cleaned, &options);
        assert!(container.read("object").unwrap() == expected, "{server:?}");
        assert_eq!(receipt.bytes_written < 1 << 20, copies, "{server:?}: {}", receipt.bytes_written);
        assert_eq!(container.visible(), ["object"], "{server:?}");
        for segment in container.segments() {
            let (headers, _) = container.ask(&Method::HEAD, &format!("_segments/{segment}"), |it| it).unwrap();
            assert!(!headers.contains_key("x-object-meta-label"), "{segment}");
        }

        // The version that was read is gone by now.
        let error = wait(sink.put("object", &cleaned, &options)).map(|receipt| receipt.bytes_written);
        assert_eq!(
            error.map_err(|error| error.kind()),
            if copies { Err(ErrorKind::Changed) } else { Ok(cleaned.len()) }
        );
        assert!(container.read("object").unwrap() == expected);
        assert_eq!(container.visible(), ["object"], "{server:?}");
    }
}

#[test]
fn objects_are_listed_and_read_by_ranges_of_one_version() {
    for server in [Server::Swift, Server::Ceph] {
        let container = Container::new(server);
        let sink = container.sink(in_parts());
        let bytes = noise(5 << 20);
        let (long, _) = of_bytes(&bytes, vec![]);
        let (short, _) = of_bytes(b"short", vec![]);
        for (name, payload) in [("a/ü 1", &short), ("a/2", &long), ("b", &short)] {
            put(&sink, name, payload).unwrap();
        }
        let page = wait(sink.list("a/", None)).unwrap();
        let listed: Vec<_> = page.entries.iter().map(|entry| (entry.key.as_str(), entry.len)).collect();
        assert_eq!(listed, [("a/2", 5 << 20), ("a/ü 1", 5)], "{server:?}");
        assert!(wait(sink.list("a/", page.next.as_deref())).unwrap().entries.is_empty());

        let (_, reader) = wait(sink.open("a/2")).unwrap();
        let read = |range| unlabel_core::ReadAt::read_at(&*reader, range);
        for range in [0..10, 1_048_570..1_048_600, 5_242_870..5_242_880, 0..5 << 20] {
            let expected = &bytes[range.start as usize..range.end as usize];
            assert!(read(range.clone()).unwrap() == expected, "{server:?}: {range:?}");
        }
        put(&sink, "a/2", &short).unwrap();
        for range in [0..3, 4_000_000..4_000_001] {
            assert_eq!(read(range).unwrap_err().kind(), unlabel_core::ErrorKind::Changed, "{server:?}");
        }
        let error = wait(sink.open("a/none")).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
