//! The calls that are ours, and the description of all calls.

use std::process::Command;

use super::{Running, TOKENS, repository};

#[test]
fn files_are_listed_and_stripped_for_a_token() {
    let server = Running::start(TOKENS);
    for case in ["labels", "refusals", "jobs"] {
        server.call_by("serve_v1.py", case);
    }
}

/// Schemathesis makes up requests from the description, and looks for answers that it does not have.
#[test]
fn the_description_says_all_that_happens() {
    let server = Running::start(&format!("store = 'store'\ntls.plain_http = true\n{TOKENS}"));
    let report = repository().join("examples/report.docx");
    for key in ["streams", "images"] {
        server.environment.write(format!("store/p1/{key}/0"), std::fs::read(&report).unwrap());
    }
    // What the description cannot say is which files there are, and the fields of each kind of sink.
    let output = Command::new(repository().join("target/oracles/bin/schemathesis"))
        .args(["--no-color", "run", &format!("{}/v1/openapi.json", server.url), "--url", &server.url])
        .args(["--exclude-checks", "positive_data_acceptance", "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "25", "--seed", "1", "--continue-on-failure", "--workers", "2"])
        .current_dir(server.environment.path(""))
        .env("PYTHONPATH", repository().join("tests/oracles"))
        .env("SCHEMATHESIS_HOOKS", "schemathesis_auth")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Tested: 15") && said.contains("generated"), "{said}");
}

#[test]
fn a_person_cleans_a_file_at_the_page() {
    let mut server = Running::start(TOKENS);
    server.call_by("serve_page.py", "person");
    let (_, log) = server.stop();
    assert!(!log.contains("token-of"), "{log}");
}
