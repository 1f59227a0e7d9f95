//! One connection of a client: request by request, to the server or into a fault.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::http::{Framing, Passage, Relayed, relay};
use super::{Fault, Head, Shared};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// To its end, which an error is as well: the client notices.
pub(super) fn serve(shared: &Shared, client: &TcpStream) {
    let _ = shared.keep(client).and_then(|_kept| converse(shared, client));
}

fn converse(shared: &Shared, client: &TcpStream) -> io::Result<()> {
    let mut from_client = BufReader::new(Counted { stream: client, count: &shared.from_client });
    let mut is_kept = true;
    while is_kept && let Some(head) = Head::read(&mut from_client)? {
        let to_client = Counted { stream: client, count: &shared.to_client };
        let fault = shared.strike(&head);
        is_kept = Exchange { shared, head: &head, fault: fault.as_ref() }.run(&mut from_client, to_client)?;
    }
    Ok(())
}

/// The two directions of a client's connection, counted.
struct Counted<'a> {
    stream: &'a TcpStream,
    count: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::SeqCst);
        Ok(read)
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Counted first: whoever has read the whole answer must find all of it counted.
        self.count.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        let written = self.stream.write(bytes);
        let unwritten = bytes.len() - written.as_ref().map_or(0, |written| *written);
        self.count.fetch_sub(unwritten as u64, Ordering::SeqCst);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// One request, and what becomes of it.
struct Exchange<'a> {
    shared: &'a Shared,
    head: &'a Head,
    fault: Option<&'a Fault>,
}

impl Exchange<'_> {
    /// Whether the connection goes on after it.
    fn run(&self, from_client: &mut BufReader<Counted<'_>>, mut to_client: Counted<'_>) -> io::Result<bool> {
        match self.fault {
            Some(Fault::Stall) => {
                self.shared.wait_for_death();
                Ok(false)
            }
            Some(&Fault::AnswerEarly { status }) => {
                write!(to_client, "HTTP/1.1 {status} Early\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
                // A connection that is closed with bytes unread would take the answer with it.
                to_client.stream.shutdown(Shutdown::Write)?;
                io::copy(from_client, &mut io::sink())?;
                Ok(false)
            }
            Some(&Fault::Answer { status, retry_after }) => {
                self.invite(&mut to_client)?;
                relay(from_client, &mut io::sink(), self.head.request_framing()?, &mut Altered::default())?;
                let retry = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
                write!(to_client, "HTTP/1.1 {status} Injected\r\n{retry}Content-Length: 0\r\n\r\n")?;
                Ok(!self.head.closes())
            }
            Some(&(Fault::Kill { after } | Fault::Disconnect { after })) => {
                self.cut(after, from_client, to_client)?;
                Ok(false)
            }
            _ => self.forward(from_client, to_client),
        }
    }

    /// In the server's place.
    fn invite(&self, to_client: &mut Counted<'_>) -> io::Result<()> {
        if self.head.expects_continue() { to_client.write_all(CONTINUE) } else { Ok(()) }
    }

    /// So many bytes of the body, and then nothing for anyone.
    fn cut(&self, after: u64, from_client: &mut BufReader<Counted<'_>>, mut to_client: Counted<'_>) -> io::Result<()> {
        if after > 0 {
            let server = TcpStream::connect(&self.shared.upstream)?;
            let _kept = self.shared.keep(&server)?;
            (&server).write_all(&self.head.bytes)?;
            self.invite(&mut to_client)?;
            let mut passage = Altered { end: Some(after), ..Altered::default() };
            relay(from_client, &mut &server, self.head.request_framing()?, &mut passage)?;
        }
        if matches!(self.fault, Some(Fault::Kill { .. })) {
            self.shared.kill();
        }
        Ok(())
    }

    /// To the server and back, both at once: a server may answer before it has read everything.
    fn forward(&self, from_client: &mut BufReader<Counted<'_>>, to_client: Counted<'_>) -> io::Result<bool> {
        let server = TcpStream::connect(&self.shared.upstream)?;
        let _kept = self.shared.keep(&server)?;
        (&server).write_all(&self.head.bytes)?;
        let framing = self.head.request_framing()?;
        let client = to_client.stream;
        let (sent, answered) = thread::scope(|scope| {
            let answering = scope.spawn(|| {
                let is_kept = self.answer(&server, to_client);
                if !matches!(is_kept, Ok(true)) {
                    // The client may still send; it must learn that nobody listens.
                    let _ = client.shutdown(Shutdown::Write);
                }
                if is_kept.is_err() {
                    let _ = client.shutdown(Shutdown::Both);
                }
                is_kept
            });
            let sent = relay(from_client, &mut &server, framing, &mut self.request_passage());
            if sent.is_err() {
                // The client is gone, or the server has closed and may have said why.
                let _ = server.shutdown(Shutdown::Write);
            }
            (sent, answering.join())
        });
        Ok(answered.map_err(|_| io::Error::other("the answering thread has panicked"))?? && sent.is_ok())
    }

    /// Whether the connection goes on after it. An error ends it at once.
    fn answer(&self, server: &TcpStream, mut to_client: Counted<'_>) -> io::Result<bool> {
        let mut from_server = BufReader::new(server);
        let mut was_invited = !self.head.expects_continue();
        loop {
            let head = Head::read(&mut from_server)?.ok_or(ErrorKind::UnexpectedEof)?;
            if (100..200).contains(&head.status()?) {
                was_invited = true;
                to_client.write_all(&head.bytes)?;
                continue;
            }
            let framing = head.answer_framing(self.head.method())?;
            match self.fault {
                Some(Fault::LoseAnswer) => {
                    relay(&mut from_server, &mut io::sink(), framing, &mut Altered::default())?;
                    return Err(ErrorKind::ConnectionAborted.into());
                }
                Some(Fault::Delay(time)) => thread::sleep(*time),
                _ => {}
            }
            to_client.write_all(&head.bytes)?;
            let relayed = relay(&mut from_server, &mut to_client, framing, &mut self.answer_passage())?;
            let is_cut = relayed == Relayed::Stopped || matches!(self.fault, Some(Fault::TruncateAnswer { .. }));
            if is_cut {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            // A client that waits to be invited does not send what the server did not want.
            return Ok(was_invited && framing != Framing::UntilClose && !head.closes() && !self.head.closes());
        }
    }

    fn request_passage(&self) -> Altered {
        match self.fault {
            Some(&Fault::FlipByte { at }) => Altered { flip: Some(at), ..Altered::default() },
            Some(&Fault::Throttle { bytes_per_second }) => {
                Altered { rate: Some(bytes_per_second), ..Altered::default() }
            }
            _ => Altered::default(),
        }
    }

    fn answer_passage(&self) -> Altered {
        match self.fault {
            Some(&Fault::FlipAnswerByte { at }) => Altered { flip: Some(at), ..Altered::default() },
            Some(&Fault::TruncateAnswer { after }) => Altered { end: Some(after), ..Altered::default() },
            Some(&Fault::Throttle { bytes_per_second }) => {
                Altered { rate: Some(bytes_per_second), ..Altered::default() }
            }
            _ => Altered::default(),
        }
    }
}

/// What becomes of a body: by default, nothing.
#[derive(Default)]
struct Altered {
    seen: u64,
    flip: Option<u64>,
    end: Option<u64>,
    rate: Option<u64>,
}

impl Passage for Altered {
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let flipped = self.flip.and_then(|at| at.checked_sub(self.seen)).and_then(|at| bytes.get_mut(at as usize));
        if let Some(byte) = flipped {
            *byte ^= 1;
        }
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.seen));
        let passed = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.seen += passed as u64;
        if let Some(rate) = self.rate {
            thread::sleep(Duration::from_secs(passed as u64) / u32::try_from(rate.max(1)).unwrap_or(u32::MAX));
        }
        passed
    }

    /// A slow passage goes on a few times a second, not all at once after long.
    fn piece(&self) -> usize {
        self.rate.map_or(64 << 10, |rate| rate.div_ceil(20).min(64 << 10) as usize)
    }
}
