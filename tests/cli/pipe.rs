//! `unlabel pipe`: one answer per request, whatever the request.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::environment::{Environment, Run, png};

/// The answers by the text of their id.
fn answers(run: &Run) -> BTreeMap<String, Value> {
    let lines: Vec<Value> = run.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = lines.len();
    let answers: BTreeMap<_, _> = lines.into_iter().map(|line| (line["id"].to_string(), line)).collect();
    assert_eq!(answers.len(), count, "two answers for one request");
    answers
}

fn start(environment: &Environment, arguments: &str) -> Child {
    let mut command = environment.command(arguments.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_thousand_requests_have_a_thousand_answers() {
    let environment = Environment::new();
    let mut requests = Vec::new();
    for number in 0..1000 {
        let place = match number % 5 {
            0 => json!({"in_place": true}),
            1 => json!({"to": format!("out/{number}.png")}),
            2 => json!({"to": ["out/", format!("more/{number}.png")]}),
            3 => json!({"op": "list"}),
            _ => json!({"dry_run": true}),
        };
        let mut request = json!({"id": number, "path": format!("in/{number}.png")});
        request.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        if number % 5 != 3 {
            request["labels"] = json!({"id": "8888"});
        }
        if number % 10 != 9 {
            environment.write(format!("in/{number}.png"), png(&[("id", "8888")]));
        }
        requests.push(request.to_string());
    }
    let run = environment.feed("pipe -j3", requests.join("\n").as_bytes()).ended(0);
    let answers = answers(&run);
    assert_eq!((answers.len(), run.err()), (1000, String::new()));
    for (id, answer) in &answers {
        let number: usize = id.parse().unwrap();
        let expected = match number % 10 {
            9 => "failed",
            3 | 8 => "listed",
            _ => "stripped",
        };
        assert_eq!(answer["outcome"], expected, "{answer}");
        assert_eq!(answer["path"], format!("in/{number}.png"));
        let has_label = |name: String| environment.read(name).windows(4).any(|window| window == b"8888");
        match number % 5 {
            0 => assert!(!has_label(format!("in/{number}.png"))),
            1 => assert!(!has_label(format!("out/{number}.png")) && has_label(format!("in/{number}.png"))),
            2 => assert!(!has_label(format!("out/{number}.png")) && !has_label(format!("more/{number}.png"))),
            _ => assert!(!environment.path(format!("out/{number}.png")).exists()),
        }
    }
}

#[test]
fn wrong_requests_are_answered_and_end_nothing() {
    let environment = Environment::new();
    environment.write("a.png", png(&[("id", "8888")]));
    environment.write("tree/b.png", png(&[("id", "8888")]));
    let before = environment.files();
    let long = format!("{{\"id\": 1, \"path\": \"{}\"}}", "x".repeat(17 << 20));
    for (request, id, words) in [
        ("no JSON", Value::Null, "expected"),
        (r#"{"id": "cut", "path": "a.png""#, Value::Null, "EOF"),
        (r#""text""#, Value::Null, "expected"),
        (r#"{"path": "a.png", "all": true, "in_place": true}"#, Value::Null, "`id`"),
        (r#"{"id": [7], "path": "a.png", "all": true, "inplace": true}"#, json!([7]), "`inplace`"),
        (r#"{"id": 1, "path": "a.png", "in_place": true}"#, json!(1), "no label"),
        (r#"{"id": 1, "path": "a.png", "rules": ["/("], "in_place": true}"#, json!(1), "regular expression"),
        (r#"{"id": 1, "path": "a.png", "all": true}"#, json!(1), "--to"),
        (r#"{"id": 1, "path": "tree", "all": true, "in_place": true}"#, json!(1), "many files"),
        (r#"{"id": 1, "path": "a.png", "all": true, "to": "s3://"}"#, json!(1), "no bucket"),
        (&long, Value::Null, "more than"),
    ] {
        let good = r#"{"id": "good", "path": "a.png", "all": true, "dry_run": true}"#;
        let run = environment.feed("pipe -j2", format!("{request}\n\n{good}").as_bytes()).ended(0);
        let answers = answers(&run);
        assert_eq!(answers.len(), 2, "{run}");
        let wrong = &answers[&id.to_string()];
        assert_eq!((&wrong["type"], &wrong["line"]), (&json!("error"), &json!(1)));
        assert!(wrong["reason"].as_str().unwrap().contains(words), "{words}: {wrong}");
        assert_eq!(answers["\"good\""]["outcome"], "stripped");
    }
    assert_eq!(environment.files(), before);
}

#[test]
fn answers_come_while_requests_may_still_follow() {
    let environment = Environment::new();
    environment.write("a.png", png(&[("id", "8888")]));
    let mut child = start(&environment, "pipe");
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for outcome in ["stripped", "clean", "clean"] {
        stdin.write_all(b"{\"id\": null, \"path\": \"a.png\", \"rules\": [\"id\"], \"in_place\": true}\n").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["outcome"], outcome);
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io::ErrorKind;

    use rustix::fs::{FileType, Mode, OFlags};
    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    /// A process whose one worker waits for a pipe to be written.
    fn busy(environment: &Environment) -> (Child, std::process::ChildStdin) {
        let mode = Mode::from(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, environment.path("slow"), FileType::Fifo, mode, 0).unwrap();
        let mut child = start(environment, "pipe -j1");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"{\"id\": 0, \"path\": \"slow\", \"all\": true, \"to\": \"out.png\"}\n").unwrap();
        (child, stdin)
    }

    #[test]
    fn nothing_is_read_while_all_hands_are_full() {
        let environment = Environment::new();
        environment.write("a.png", png(&[]));
        let (child, mut stdin) = busy(&environment);
        rustix::fs::fcntl_setfl(&stdin, OFlags::NONBLOCK).unwrap();
        let request = format!("{{\"id\": 1, \"path\": \"a.png\", \"op\": \"list\"{}}}\n", " ".repeat(4000));
        let (mut written, mut waits) = (0, 0);
        while waits < 20 {
            match stdin.write(&request.as_bytes()[written % request.len()..]) {
                Ok(len) => written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    waits += 1;
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                Err(error) => panic!("{error}"),
            }
            assert!(written < 4 << 20, "it reads on and on");
        }
        rustix::fs::fcntl_setfl(&stdin, OFlags::empty()).unwrap();
        // The rest of the last request goes in when there is room again.
        let rest = request.as_bytes()[written % request.len()..].to_owned();
        let requests = written / request.len() + 1;
        let writer = std::thread::spawn(move || stdin.write_all(&rest).unwrap());
        fs::write(environment.path("slow"), png(&[("id", "8888")])).unwrap();
        writer.join().unwrap();
        let run = Run::from(child.wait_with_output().unwrap()).ended(0);
        assert_eq!(run.out().lines().count(), requests + 1);
        assert!(environment.path("out.png").exists());
    }

    #[test]
    fn an_interrupt_answers_what_is_in_hand() {
        let environment = Environment::new();
        let (child, stdin) = busy(&environment);
        let pipe = fs::File::options().write(true).open(environment.path("slow")).unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        (&pipe).write_all(&png(&[("id", "8888")])).unwrap();
        drop(pipe);
        let run = Run::from(child.wait_with_output().unwrap()).ended(130);
        assert_eq!(answers(&run)["0"]["outcome"], "stripped");
        drop(stdin);
    }

    #[test]
    fn a_reader_that_goes_away_ends_it() {
        let environment = Environment::new();
        environment.write("a.png", png(&[]));
        let mut child = start(&environment, "pipe -j1");
        let mut stdin = child.stdin.take().unwrap();
        drop(child.stdout.take());
        while stdin.write_all(b"{\"id\": 1, \"path\": \"a.png\", \"op\": \"list\"}\n").is_ok() {
            if child.try_wait().unwrap().is_some() {
                break;
            }
        }
        let run = Run::from(child.wait_with_output().unwrap()).ended(1);
        assert!(!run.err().contains("panicked"), "{run}");
    }
}
