//! The proxy before a small server, spoken to in plain bytes.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::http::{Framing, Passage, relay};
use super::{Fault, Head, Proxy, Rule};
use crate::services::authority;

/// Answers each request with what it got as the body, in the framing that it came in. Ends with the test's process.
struct Echo {
    url: String,
    /// The bodies that arrived whole.
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

struct AsIs;

impl Passage for AsIs {
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        bytes.len()
    }
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        std::thread::spawn({
            let bodies = bodies.clone();
            move || {
                for client in listener.incoming().flatten() {
                    let bodies = bodies.clone();
                    std::thread::spawn(move || Self::serve(&client, &bodies));
                }
            }
        });
        Self { url, bodies }
    }

    fn serve(client: &TcpStream, bodies: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
        let mut from = BufReader::new(client);
        let mut to = client;
        while let Some(head) = Head::read(&mut from)? {
            if head.target() == "/early" {
                return to.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
            if head.expects_continue() {
                to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            let mut body = Vec::new();
            let framing = head.request_framing()?;
            relay(&mut from, &mut body, framing, &mut AsIs)?;
            bodies.lock().unwrap().push(body.clone());
            if head.target() == "/until-close" {
                to.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                return to.write_all(&body);
            }
            match framing {
                Framing::Chunked => to.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?,
                _ => write!(to, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?,
            }
            if head.method() != "HEAD" {
                to.write_all(&body)?;
            }
        }
        Ok(())
    }

    fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().unwrap().clone()
    }
}

/// A client that keeps its connection.
struct Client(BufReader<TcpStream>);

impl Client {
    fn to(proxy: &Proxy, echo: &Echo) -> Self {
        Self::try_to(proxy, echo).unwrap()
    }

    fn try_to(proxy: &Proxy, echo: &Echo) -> std::io::Result<Self> {
        let stream = TcpStream::connect(authority(&proxy.url(&echo.url)))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    fn put(&mut self, target: &str, body: &[u8]) -> std::io::Result<(u16, Head, Vec<u8>)> {
        let head = format!("PUT {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = self.0.get_ref();
        // A connection that ends early shows in the answer.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        self.answer("PUT")
    }

    fn answer(&mut self, method: &str) -> std::io::Result<(u16, Head, Vec<u8>)> {
        let head = Head::read(&mut self.0)?.ok_or(ErrorKind::UnexpectedEof)?;
        let mut body = Vec::new();
        relay(&mut self.0, &mut body, head.answer_framing(method)?, &mut AsIs)?;
        Ok((head.status()?, head, body))
    }
}

fn setting() -> (Echo, Proxy) {
    let echo = Echo::start();
    let proxy = Proxy::to(&echo.url);
    (echo, proxy)
}

#[test]
fn requests_and_answers_pass_and_are_counted() {
    let (echo, proxy) = setting();
    let mut client = Client::to(&proxy, &echo);
    let body = vec![7; 300_000];
    for _ in 0..2 {
        let (status, _, got) = client.put("/a?b=c", &body).unwrap();
        assert!(status == 200 && got == body);
    }
    let head = "PUT /a?b=c HTTP/1.1\r\nHost: test\r\nContent-Length: 300000\r\n\r\n".len();
    let answer_head = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n".len();
    let counts = proxy.counts();
    assert_eq!(counts.from_client, 2 * (head as u64 + 300_000));
    assert_eq!(counts.to_client, 2 * (answer_head as u64 + 300_000));
    assert_eq!(counts.total(), counts.from_client + counts.to_client);
    let requests = proxy.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method(), requests[0].target()), ("PUT", "/a?b=c"));
    assert_eq!(
        (requests[0].query("b"), requests[0].query("c"), requests[0].header("host")),
        (Some("c"), None, Some("test"))
    );
}

#[test]
fn every_framing_passes() {
    let (echo, proxy) = setting();
    let mut client = Client::to(&proxy, &echo);
    client.send(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n");
    let (_, _, body) = client.answer("PUT").unwrap();
    assert_eq!(body, b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n");
    client.send(b"HEAD / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd");
    let (_, head, body) = client.answer("HEAD").unwrap();
    assert_eq!((head.header("content-length"), body.len()), (Some("4"), 0));
    client.send(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(Head::read(&mut client.0).unwrap().unwrap().status().unwrap(), 100);
    client.send(b"ok");
    assert_eq!(client.answer("PUT").unwrap().2, b"ok");
    let (_, _, body) = client.put("/until-close", b"rest").unwrap();
    assert_eq!(body, b"rest");
    assert!(client.put("/", b"").is_err());
}

#[test]
fn an_answer_before_the_end_of_the_request_arrives() {
    let (echo, proxy) = setting();
    let mut client = Client::to(&proxy, &echo);
    client.send(b"PUT /early HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nx");
    assert_eq!(client.answer("PUT").unwrap().0, 413);
    assert!(client.0.fill_buf().unwrap().is_empty());
}

#[test]
fn the_first_requests_are_answered_by_the_proxy() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::Answer { status: 503, retry_after: Some(2) }).times(1));
    proxy.add(Rule::new(Fault::Answer { status: 429, retry_after: None }).times(1));
    let mut client = Client::to(&proxy, &echo);
    let (status, head, _) = client.put("/", b"abc").unwrap();
    assert_eq!((status, head.header("retry-after")), (503, Some("2")));
    let (status, head, _) = client.put("/", b"abc").unwrap();
    assert_eq!((status, head.header("retry-after")), (429, None));
    assert!(echo.bodies().is_empty());
    assert_eq!(client.put("/", b"abc").unwrap().0, 200);
}

#[test]
fn an_early_answer_reaches_a_client_that_still_sends() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::AnswerEarly { status: 401 }));
    let mut client = Client::to(&proxy, &echo);
    client.send(b"PUT / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\nx");
    assert_eq!(client.answer("PUT").unwrap().0, 401);
    assert!(echo.bodies().is_empty());
}

#[test]
fn a_killed_server_refuses_until_it_is_revived() {
    let (echo, proxy) = setting();
    let mut bystander = Client::to(&proxy, &echo);
    assert_eq!(bystander.put("/", b"").unwrap().0, 200);
    proxy.add(Rule::new(Fault::Kill { after: 1000 }).when(|request| request.query("partNumber") == Some("3")).times(1));
    let mut client = Client::to(&proxy, &echo);
    assert_eq!(client.put("/?partNumber=2", &[1; 5000]).unwrap().0, 200);
    assert!(client.put("/?partNumber=3", &[2; 5000]).is_err());
    assert!(bystander.put("/", b"").is_err());
    assert_eq!(Client::try_to(&proxy, &echo).err().unwrap().kind(), ErrorKind::ConnectionRefused);
    assert!(echo.bodies().iter().all(|body| body.first() != Some(&2)));
    proxy.revive();
    assert_eq!(Client::to(&proxy, &echo).put("/?partNumber=3", b"abc").unwrap().0, 200);
    proxy.kill();
    proxy.kill();
    assert!(Client::try_to(&proxy, &echo).is_err());
}

#[test]
fn one_connection_ends_and_others_go_on() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::Disconnect { after: 0 }).after(1).times(1));
    let mut client = Client::to(&proxy, &echo);
    assert_eq!(client.put("/", b"one").unwrap().0, 200);
    assert!(client.put("/", b"two").is_err());
    assert_eq!(Client::to(&proxy, &echo).put("/", b"three").unwrap().0, 200);
    assert_eq!(echo.bodies(), [b"one".to_vec(), b"three".to_vec()]);
}

#[test]
fn a_lost_answer_leaves_the_deed_done() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::LoseAnswer));
    assert!(Client::to(&proxy, &echo).put("/", b"done").is_err());
    assert_eq!(echo.bodies(), [b"done".to_vec()]);
    proxy.clear();
    assert_eq!(Client::to(&proxy, &echo).put("/", b"").unwrap().0, 200);
}

#[test]
fn an_answer_is_cut() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::TruncateAnswer { after: 10 }));
    let mut client = Client::to(&proxy, &echo);
    client.send(b"PUT / HTTP/1.1\r\nContent-Length: 20\r\n\r\n01234567890123456789");
    assert_eq!(Head::read(&mut client.0).unwrap().unwrap().header("content-length"), Some("20"));
    let mut rest = Vec::new();
    client.0.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"0123456789");
}

#[test]
fn one_byte_is_another() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::FlipByte { at: 100_000 }).times(1));
    proxy.add(Rule::new(Fault::FlipAnswerByte { at: 3 }).times(1));
    let mut client = Client::to(&proxy, &echo);
    client.put("/", &vec![0; 200_000]).unwrap();
    let arrived = echo.bodies().remove(0);
    assert_eq!(arrived.iter().position(|byte| *byte != 0), Some(100_000));
    assert_eq!(arrived.iter().filter(|byte| **byte != 0).count(), 1);
    assert_eq!(client.put("/", b"aaaaa").unwrap().2, b"aaa`a");
}

#[test]
fn bytes_of_chunks_are_counted_without_their_framing() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::FlipByte { at: 4 }).times(1));
    proxy.add(Rule::new(Fault::Disconnect { after: 4 }));
    let request = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\naaa\r\n2\r\naa\r\n0\r\n\r\n";
    let mut client = Client::to(&proxy, &echo);
    client.send(request);
    assert_eq!(client.answer("PUT").unwrap().2, b"3\r\naaa\r\n2\r\na`\r\n0\r\n\r\n");
    client.send(request);
    assert!(client.answer("PUT").is_err());
    assert_eq!(echo.bodies().len(), 1);
}

#[test]
fn a_stalled_server_says_nothing_and_the_proxy_ends_all_the_same() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::Stall));
    let mut client = Client::to(&proxy, &echo);
    client.0.get_ref().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let error = client.put("/", b"abc").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!(echo.bodies().is_empty());
    drop(proxy);
}

#[test]
fn slow_answers_come_later_and_slow_lines_bit_by_bit() {
    let (echo, proxy) = setting();
    proxy.add(Rule::new(Fault::Delay(Duration::from_millis(300))).times(1));
    proxy.add(Rule::new(Fault::Throttle { bytes_per_second: 10_000 }).times(1));
    let mut client = Client::to(&proxy, &echo);
    let began = Instant::now();
    client.put("/", b"abc").unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
    let began = Instant::now();
    // Half a second there and half a second back, as the server echoes only what it has read whole.
    client.put("/", &[0; 5000]).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    let began = Instant::now();
    client.put("/", &[0; 5000]).unwrap();
    assert!(began.elapsed() < Duration::from_millis(500));
}
