//! As much of HTTP/1.1 as it takes to tell where a message ends.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Write};

/// The first line and the headers of a request or an answer.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    first_line: String,
    headers: Vec<(String, String)>,
    /// As it came, with the empty line.
    pub(super) bytes: Vec<u8>,
}

/// How long the body of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// As long as the connection lasts. Answers only.
    UntilClose,
}

impl Head {
    /// Nothing where the connection ends before a message begins.
    pub(super) fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            let start = bytes.len();
            if from.read_until(b'\n', &mut bytes)? == 0 {
                return if bytes.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            if matches!(bytes.get(start..), Some(b"\r\n" | b"\n")) && start > 0 {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self { first_line, headers, bytes }))
    }

    fn word(&self, index: usize) -> &str {
        self.first_line.split(' ').nth(index).unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &str {
        self.word(0)
    }

    /// Path and query of a request, as sent.
    pub(crate) fn target(&self) -> &str {
        self.word(1)
    }

    /// The value of a parameter in the query, as sent.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target().split_once('?')?;
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1)
    }

    pub(super) fn status(&self) -> Result<u16> {
        self.word(1).parse().map_err(|_| Error::new(ErrorKind::InvalidData, self.first_line.clone()))
    }

    /// The first header of this name, which is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn says(&self, name: &str, value: &str) -> bool {
        self.header(name).is_some_and(|said| said.to_ascii_lowercase().contains(value))
    }

    pub(super) fn closes(&self) -> bool {
        self.says("connection", "close") || self.first_line.contains("HTTP/1.0")
    }

    pub(super) fn expects_continue(&self) -> bool {
        self.says("expect", "100-continue")
    }

    fn length(&self) -> Result<Option<u64>> {
        let invalid = |_| Error::new(ErrorKind::InvalidData, "Content-Length");
        self.header("content-length").map(|length| length.parse().map_err(invalid)).transpose()
    }

    pub(super) fn request_framing(&self) -> Result<Framing> {
        if self.says("transfer-encoding", "chunked") {
            return Ok(Framing::Chunked);
        }
        Ok(Framing::Length(self.length()?.unwrap_or(0)))
    }

    pub(super) fn answer_framing(&self, method: &str) -> Result<Framing> {
        if method == "HEAD" || matches!(self.status()?, 100..=199 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        if self.says("transfer-encoding", "chunked") {
            return Ok(Framing::Chunked);
        }
        Ok(self.length()?.map_or(Framing::UntilClose, Framing::Length))
    }
}

/// What becomes of the bytes of a body on their way.
pub(super) trait Passage {
    /// May change the bytes. Says how many of them go on; if not all do, nothing does after them.
    fn pass(&mut self, bytes: &mut [u8]) -> usize;

    /// The most to pass at once.
    fn piece(&self) -> usize {
        64 << 10
    }
}

/// Whether all of a body went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relayed {
    Whole,
    Stopped,
}

/// Takes one body from here to there.
pub(super) fn relay(
    from: &mut impl BufRead,
    to: &mut impl Write,
    framing: Framing,
    passage: &mut impl Passage,
) -> Result<Relayed> {
    let relayed = match framing {
        Framing::Length(length) => relay_bytes(from, to, length, passage)?,
        Framing::Chunked => relay_chunks(from, to, passage)?,
        Framing::UntilClose => relay_rest(from, to, passage)?,
    };
    to.flush()?;
    Ok(relayed)
}

fn relay_bytes(
    from: &mut impl BufRead,
    to: &mut impl Write,
    length: u64,
    passage: &mut impl Passage,
) -> Result<Relayed> {
    let mut left = length;
    let mut buffer = vec![0; passage.piece()];
    while left > 0 {
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = from.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        left -= read as u64;
        if forward(to, buffer.get_mut(..read).unwrap_or_default(), passage)? == Relayed::Stopped {
            return Ok(Relayed::Stopped);
        }
    }
    Ok(Relayed::Whole)
}

fn forward(to: &mut impl Write, bytes: &mut [u8], passage: &mut impl Passage) -> Result<Relayed> {
    let passed = passage.pass(bytes);
    to.write_all(bytes.get(..passed).unwrap_or_default())?;
    if passed == bytes.len() {
        return Ok(Relayed::Whole);
    }
    to.flush()?;
    Ok(Relayed::Stopped)
}

fn relay_chunks(from: &mut impl BufRead, to: &mut impl Write, passage: &mut impl Passage) -> Result<Relayed> {
    loop {
        let line = line(from)?;
        to.write_all(&line)?;
        let length = chunk_length(&line)?;
        if length == 0 {
            break;
        }
        if relay_bytes(from, to, length, passage)? == Relayed::Stopped {
            return Ok(Relayed::Stopped);
        }
        to.write_all(&self::line(from)?)?;
    }
    // Trailers, and the empty line after them.
    loop {
        let line = line(from)?;
        to.write_all(&line)?;
        if matches!(line.as_slice(), b"\r\n" | b"\n") {
            return Ok(Relayed::Whole);
        }
    }
}

fn chunk_length(line: &[u8]) -> Result<u64> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|_| Error::new(ErrorKind::InvalidData, format!("chunk of {digits:?}")))
}

fn line(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line)
}

fn relay_rest(from: &mut impl Read, to: &mut impl Write, passage: &mut impl Passage) -> Result<Relayed> {
    let mut buffer = vec![0; passage.piece()];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(Relayed::Whole);
        }
        if forward(to, buffer.get_mut(..read).unwrap_or_default(), passage)? == Relayed::Stopped {
            return Ok(Relayed::Stopped);
        }
    }
}
