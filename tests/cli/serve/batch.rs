//! The batch-delete calls, on a directory and on a bucket.

use std::fs;

use super::{Running, TOKENS, repository};
use crate::environment::Environment;
use crate::remote::Bucket;
use crate::services::services;

const MANIFEST: &str = concat!(
    "{\"id\":\"1\",\"source\":\"images/1.png\",\"annotation\":[]}\n",
    "{\"id\":\"2\",\"source\":\"t.txt\",\"annotation\":[{\"type\":\"modelarts/text_classification\"}]}\n",
    "{\"id\": \"3\", \"source\": \"images/3.png\"}\n",
    "{\"id\":\"4\",\"source\":\"images/4.png\"}\n",
    "{\"id\":\"5\",\"source\":\"../../../../server.toml\"}\n",
);

/// The files of the store: their keys and contents.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let example = |name: &str| fs::read(repository().join("examples").join(name)).unwrap();
    vec![
        ("p1/streams/report.docx", example("report.docx")),
        ("p1/streams/unknown.bin", [0, 255].repeat(999)),
        ("p1/images/bridge.png", example("bridge.png")),
        ("p1/datasets/d1/manifest.jsonl", MANIFEST.into()),
        ("p1/datasets/d1/t.txt", b"text".to_vec()),
        ("p1/datasets/d1/images/1.png", b"1".to_vec()),
        ("p1/datasets/d1/images/3.png", b"3".to_vec()),
        ("p1/datasets/d1/images/4.png", b"4".to_vec()),
    ]
}

/// What the files are to be after the calls, as the command makes them.
fn expected(environment: &Environment) -> Vec<(&'static str, Vec<u8>)> {
    let command = |labels: &str, name: &str| {
        let example = repository().join("examples").join(name);
        environment.run(&format!("strip -q {labels} --to {name} {}", example.display())).ended(0);
        environment.read(name)
    };
    let mut files = files();
    files.retain(|(key, _)| *key != "p1/datasets/d1/images/1.png");
    for (key, bytes) in &mut files {
        match *key {
            "p1/streams/report.docx" => *bytes = command("-l id=8888", "report.docx"),
            "p1/images/bridge.png" => *bytes = command("-l id -l Owner", "bridge.png"),
            "p1/datasets/d1/manifest.jsonl" => {
                let kept =
                    MANIFEST.split_inclusive('\n').filter(|line| line.contains("\"3\"") || line.contains("\"5\""));
                *bytes = kept.collect::<String>().into();
            }
            _ => {}
        }
    }
    files
}

#[test]
fn batch_calls_change_files_of_a_directory() {
    let environment = Environment::new();
    environment.write("server.toml", format!("store = 'store'\n{TOKENS}"));
    for (key, bytes) in files() {
        environment.write(format!("store/{key}"), bytes);
    }
    let many: Vec<_> = (0..40).map(|id| format!("{{\"id\": \"{id}\", \"source\": \"a.png\"}}\n")).collect();
    environment.write("store/p1/datasets/d2/manifest.jsonl", many.concat());
    let outside = environment.write("outside.docx", fs::read(repository().join("examples/report.docx")).unwrap());
    std::os::unix::fs::symlink(&outside, environment.path("store/p1/streams/outside")).unwrap();
    let before = environment.read("outside.docx");
    let expected = expected(&environment);
    let mut server = Running::in_environment(environment);
    for case in ["refusals", "deletes", "races"] {
        server.call_by("serve_batch.py", case);
    }
    let (_, log) = server.stop();
    assert!(!log.contains("token-of"), "{log}");
    for (key, bytes) in expected {
        assert!(server.environment.read(format!("store/{key}")) == bytes, "{key}");
    }
    assert!(!server.environment.path("store/p1/datasets/d1/images/1.png").exists());
    assert_eq!(server.environment.read("outside.docx"), before);
    assert!(server.environment.path("server.toml").exists());
}

#[test]
fn batch_calls_change_objects_of_a_bucket() {
    let (environment, bucket) = (Environment::new(), Bucket::new(&services().rgw.s3));
    environment.write("server.toml", format!("store = 's3://{}/all/of/it'\n{TOKENS}", bucket.name));
    for (key, bytes) in files() {
        let path = environment.write("file", bytes);
        bucket.ask(&format!("c.upload_file({:?}, b, 'all/of/it/{key}')", path.to_str().unwrap()));
    }
    let expected = expected(&environment);
    let server = Running::with(environment, bucket.variables());
    server.call_by("serve_batch.py", "deletes");
    let to = server.environment.path("object");
    for (key, bytes) in &expected {
        assert!(bucket.get(&format!("all/of/it/{key}"), &to) == *bytes, "{key}");
    }
    assert_eq!(bucket.keys().len(), expected.len());
}
