//! The server, as its users start it, called as the vendor documents its calls (`tests/oracles/serve.py`).

mod batch;
mod stores;
mod v1;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::environment::Environment;

const APPLICATIONS: &str = r#"
[[applications]]
id = "5f0c6a52"
access_key = "AKEXAMPLE0001"
secret_key = "SKEXAMPLE0001secret"
"#;

const TOKENS: &str = "
[[tokens]]
token = 'token-of-project-1'
projects = ['p1']
[[tokens]]
token = 'token-of-every-project'
projects = ['*']
applications = ['*']
";

/// A server, which is killed when it is dropped.
struct Running {
    environment: Environment,
    process: Child,
    url: String,
    log: Option<std::thread::JoinHandle<String>>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Running {
    fn start(config: &str) -> Self {
        let environment = Environment::new();
        environment.write("server.toml", format!("{config}\n{APPLICATIONS}"));
        Self::in_environment(environment)
    }

    fn in_environment(environment: Environment) -> Self {
        Self::with(environment, [])
    }

    /// With more variables in its environment.
    fn with<const N: usize>(environment: Environment, variables: [(&str, &str); N]) -> Self {
        Self::at("127.0.0.1:0", environment, variables)
    }

    fn at<const N: usize>(address: &str, environment: Environment, variables: [(&str, &str); N]) -> Self {
        let report = fs::read(repository().join("examples/report.docx")).unwrap();
        environment.write("report.docx", report);
        environment.run("strip -q -l id=8888 --to clean.docx report.docx --if-exists overwrite").ended(0);
        let mut process = environment
            .command(["serve", "--config", "server.toml", "--listen", address, "--log", "json"])
            .envs(variables)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut stderr = process.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let Some(url) = line.trim().strip_prefix("listening on ").map(str::to_owned) else {
            panic!("{line}{}", log.join().unwrap());
        };
        fs::write(environment.path("pid"), process.id().to_string()).unwrap();
        Self { environment, process, url, log: Some(log) }
    }

    /// Has the client make its calls.
    fn call(&self, case: &str) {
        self.call_by("serve.py", case);
    }

    fn call_by(&self, script: &str, case: &str) {
        let output = self.client_of(script, case).output().unwrap();
        assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn client(&self, case: &str) -> Command {
        self.client_of("serve.py", case)
    }

    fn client_of(&self, script: &str, case: &str) -> Command {
        let mut client = Command::new(repository().join("target/oracles/bin/python"));
        let script = repository().join("tests/oracles").join(script);
        client.arg(script).args([case, &self.url]).arg(self.environment.path(""));
        client
    }

    /// Waits until the client has written this file.
    fn wait_for(&self, name: &str) {
        let start = Instant::now();
        while !self.environment.path(name).exists() {
            assert!(start.elapsed() < Duration::from_mins(1), "the client never gets to `{name}`");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it, and starts it again at the same address, with the same state.
    fn restart(&mut self) {
        self.signal(Signal::KILL);
        self.process.wait().unwrap();
        let address = self.url.trim_start_matches("http://").to_owned();
        let environment = std::mem::replace(&mut self.environment, Environment::new());
        *self = Self::at(&address, environment, []);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Stops it, and answers its exit code and its log.
    fn stop(&mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let code = self.process.wait().unwrap().code();
        (code, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_file_is_stripped_over_tls() {
    let mut server = Running::start("");
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    for case in ["strip", "names", "lists", "refusals", "strangers", "health"] {
        server.call(case);
    }
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("SKEXAMPLE0001secret") && !log.contains("Authorization"), "{log}");
    let is_answer = |line: &str| line.contains("\"message\":\"answered\"") && line.contains("\"status\":200");
    assert!(log.lines().any(is_answer), "{log}");
}

#[test]
fn the_certificate_is_made_once() {
    let server = Running::start("");
    let certificate = server.environment.read("unlabel-state/certificate.pem");
    let key = fs::metadata(server.environment.path("unlabel-state/certificate.key")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&key) & 0o777, 0o600);
    let again = server.environment.command(["serve", "--config", "server.toml", "--check-config"]).output().unwrap();
    assert!(again.status.success());
    assert_eq!(server.environment.read("unlabel-state/certificate.pem"), certificate);
}

#[test]
fn results_are_sent_where_that_is_allowed_and_nowhere_else() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Running::start(&format!("egress.allow = ['127.0.0.1:{port}']\ntls.plain_http = true"));
    fs::write(server.environment.path("receiver"), port.to_string()).unwrap();
    server.call("uploads");
    let (_, log) = server.stop();
    assert!(!log.contains("hush"), "{log}");
}

#[test]
fn callers_are_held_to_limits() {
    let limits = "file_bytes = 1048576\nhead_seconds = 1\nstall_seconds = 1\nconnections = 8\n";
    let server = Running::start(&format!("tls.plain_http = true\n[limits]\n{limits}"));
    server.call("limits");
}

#[test]
fn a_long_upload_goes_to_the_disk_and_is_gone_afterwards() {
    let mut server = Running::start("tls.plain_http = true");
    server.call("memory");
    let spool = server.environment.path("unlabel-state/spool");
    let left = || {
        let directories = fs::read_dir(&spool).unwrap().map(Result::unwrap).filter(|it| it.path().is_dir());
        directories.flat_map(|it| fs::read_dir(it.path()).unwrap()).count()
    };
    let start = Instant::now();
    while left() > 1 && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(left(), 1, "the lock");
    server.stop();
    assert_eq!(left(), 0);
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 1, "the lock of all");
}

#[test]
fn requests_in_hand_are_finished_when_it_is_told_to_stop() {
    let mut server = Running::start("tls.plain_http = true");
    let client = server.client("unfinished").stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for("half");
    server.signal(Signal::TERM);
    let address = server.url.trim_start_matches("http://").to_owned();
    let start = Instant::now();
    while std::net::TcpStream::connect(&address).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(20), "connections are still taken");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(server.process.try_wait().unwrap().is_none(), "it did not wait for the request");
    server.environment.write("stopping", "");
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn jobs_end_and_are_told() {
    let port = free_port();
    let jobs = "[jobs]\ncallback_seconds = 3\n";
    let mut server = Running::start(&format!("egress.allow = ['127.0.0.1:{port}']\n{jobs}"));
    fs::write(server.environment.path("receiver"), port.to_string()).unwrap();
    server.call("later");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let kept = fs::read_dir(server.environment.path("unlabel-state/jobs")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().path()).collect();
    assert!(!kept.is_empty() && kept.iter().all(|path| path.extension().is_some_and(|it| it == "out")), "{kept:?}");
}

#[test]
fn processes_share_their_jobs() {
    let server = Running::start("tls.plain_http = true\njobs.workers = 0\n");
    server.environment.write("worker.toml", "tls.plain_http = true\nstate = 'unlabel-state'\n");
    let client = server.client("shared").stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for("waiting");
    let mut command = server.environment.command(["serve", "--config", "worker.toml", "--listen", "127.0.0.1:0"]);
    let mut worker = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let output = client.wait_with_output().unwrap();
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The process is ended by SIGKILL again and again while callers submit: nothing that was answered with 202 is lost.
#[test]
fn a_killed_server_loses_no_job() {
    let port = free_port();
    let config = format!("egress.allow = ['127.0.0.1:{port}']\ntls.plain_http = true\n[jobs]\nlease_seconds = 1\n");
    let mut server = Running::start(&config);
    fs::write(server.environment.path("receiver"), port.to_string()).unwrap();
    let client = server.client("relentless").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for("ready");
    let mut kills = 0;
    while kills < 100 && (kills < 5 || !server.environment.path("over").exists()) {
        std::thread::sleep(Duration::from_millis(150 + 60 * (kills % 4)));
        server.restart();
        kills += 1;
    }
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{kills} kills: {}", String::from_utf8_lossy(&output.stderr));
    println!("{kills} kills, {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_is_wrong_with_a_configuration_is_said() {
    let environment = Environment::new();
    environment.write("server.toml", "listen = '0.0.0.0:1'\n[tls]\nplain_http = true\n");
    let run = environment.run("serve --config server.toml --check-config").ended(2);
    assert!(run.err().contains("not a loopback address"), "{}", run.err());
    let run = environment.run("serve --config missing.toml").ended(2);
    assert!(run.err().contains("missing.toml"), "{}", run.err());
    environment.write("server.toml", APPLICATIONS);
    let run = environment.run("serve --config server.toml --check-config").ended(0);
    assert!(run.out().contains("is right: 1 applications"), "{}", run.out());
    assert_eq!(environment.names(), ["server.toml"]);
}
