//! Bodies: forms of a `metadata` field and a file, at the caller's pace within bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use multer::{Field, Multipart};
use percent_encoding::percent_decode_str;

use crate::answer::{Answer, Answered};
use crate::app::App;
use crate::spool::{Content, Full};

/// Longest `metadata`.
const METADATA: usize = 1 << 20;

/// So much of a body is read that nobody wants. A caller that is answered while it still sends may not see the answer.
const DISCARDED: u64 = 8 << 20;

/// A form that has arrived.
#[derive(Debug)]
pub(crate) struct Form {
    /// The field `metadata`: JSON.
    pub(crate) metadata: Option<String>,
    /// The first part with a file name, whatever the name of its field.
    pub(crate) file: Option<Upload>,
}

/// A file that was uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// Its name: one component, never empty.
    pub(crate) name: String,
    pub(crate) content: Content,
}

impl Form {
    /// Reads a form to its end, the file to disk.
    pub(crate) async fn read(app: &App, request: Request) -> Answered<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = multer::parse_boundary(content_type.unwrap_or_default())
            .map_err(|_| Answer::wrong("the body is not `multipart/form-data` with a boundary"))?;
        let most = app.config.limits.file_bytes.saturating_add(2 * METADATA as u64);
        if let Err(answer) = refuse_long(request.headers(), most) {
            discard(app, request.into_body()).await;
            return Err(answer);
        }
        let unparsed = Unparsed::default();
        let arriving = Arriving::new(app, request.into_body(), most, unparsed.clone());
        let mut form = Multipart::new(arriving.stream(), boundary);
        let mut read = Self { metadata: None, file: None };
        while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
            unparsed.is_parsed();
            let file_name = file_name(&field);
            match (field.name(), file_name) {
                // Also as a part with a file name, as `curl -F metadata=@request.json` sends it.
                (Some("metadata"), _) if read.metadata.is_none() => read.metadata = Some(text(field, &unparsed).await?),
                (_, Some(name)) if read.file.is_none() => {
                    let content = file(app, field, &unparsed).await?;
                    read.file = Some(Upload { name, content });
                }
                (_, Some(_)) => return Err(Answer::wrong("there is more than one file in the body")),
                // Fields that are not ours are read over.
                _ => drop(text(field, &unparsed).await?),
            }
        }
        Ok(read)
    }
}

/// Reads the body of a request that is refused.
pub(crate) async fn discard(app: &App, body: Body) {
    Arriving::new(app, body, u64::MAX, Unparsed::default()).discard().await;
}

/// Reads a body that is short.
pub(crate) async fn bytes(app: &App, body: Body, most: u64) -> Answered<Vec<u8>> {
    let mut arriving = Arriving::new(app, body, most, Unparsed::default());
    let mut bytes = Vec::new();
    while let Some(chunk) = arriving.next().await.map_err(|why| why.answer())? {
        arriving.unparsed.is_parsed();
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Refuses a body that says that it is too long, before any of it is read.
fn refuse_long(headers: &HeaderMap, most: u64) -> Answered<()> {
    let len: Option<u64> = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if len.is_some_and(|len| len > most) { Err(too_long(most)) } else { Ok(()) }
}

fn too_long(most: u64) -> Answer {
    Answer::new(413, format!("longer than {most} bytes, which is this server's limit"))
}

async fn text(mut field: Field<'_>, unparsed: &Unparsed) -> Answered<String> {
    let mut text = Vec::new();
    let name = field.name().unwrap_or_default().to_owned();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        unparsed.is_parsed();
        text.extend_from_slice(&chunk);
        if text.len() > METADATA {
            return Err(Answer::new(413, format!("the field `{name}` is longer than {METADATA} bytes")));
        }
    }
    String::from_utf8(text).map_err(|_| Answer::wrong(format!("the field `{name}` is not UTF-8")))
}

async fn file(app: &App, mut field: Field<'_>, unparsed: &Unparsed) -> Answered<Content> {
    let most = app.config.limits.file_bytes;
    let mut draft = app.spool.draft();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        unparsed.is_parsed();
        if draft.len().saturating_add(chunk.len() as u64) > most {
            let mut rest = 0;
            while rest < DISCARDED
                && let Ok(Some(chunk)) = field.chunk().await
            {
                unparsed.is_parsed();
                rest += chunk.len() as u64;
            }
            return Err(too_long(most));
        }
        draft.write(&chunk).map_err(|full| match full {
            Full::Quota => Answer::later(503, "the disk that uploads may take is used up", 10),
            Full::Disk(error) => Answer::refused_by_disk("keep the upload", &error),
        })?;
    }
    Ok(draft.finish())
}

/// What is wrong with a form.
fn broken(error: &multer::Error) -> Answer {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(slow) = error.downcast_ref::<Interrupted>() {
            return slow.answer();
        }
        cause = error.source();
    }
    Answer::wrong(format!("the form in the body: {error}"))
}

/// The file name of a part: RFC 5987 before the plain one, its last component, without control characters.
fn file_name(field: &Field<'_>) -> Option<String> {
    let header = field.headers().get(header::CONTENT_DISPOSITION).map(HeaderValue::as_bytes);
    let extended = header.and_then(|header| extended_name(&String::from_utf8_lossy(header)));
    let name = extended.or_else(|| field.file_name().map(str::to_owned))?;
    Some(last_component(&name))
}

/// `filename*=UTF-8''%e6%b5%8b.docx`
fn extended_name(header: &str) -> Option<String> {
    let mut parameters = header.split(';').map(str::trim);
    let value = parameters
        .find_map(|it| it.get(..10).filter(|name| name.eq_ignore_ascii_case("filename*=")).map(|_| &it[10..]))?;
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(encoded).decode_utf8_lossy().into_owned())
}

pub(crate) fn last_component(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last: String = last.chars().filter(|char| !char.is_control()).take(255).collect();
    if matches!(last.trim(), "" | "." | "..") { "file".to_owned() } else { last }
}

/// Why a body ended before its end.
#[derive(Debug)]
enum Interrupted {
    Stalled,
    Slow,
    Long(u64),
    Headless,
    Broken(axum::Error),
}

impl Interrupted {
    fn answer(&self) -> Answer {
        match self {
            Self::Stalled => Answer::new(408, "the body stalled"),
            Self::Slow => Answer::new(408, "the body comes too slowly"),
            Self::Long(most) => too_long(*most),
            Self::Headless => Answer::wrong("the form in the body: the head of a part has no end"),
            Self::Broken(error) => Answer::wrong(format!("the body broke off: {error}")),
        }
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.answer().envelope.message)
    }
}

impl std::error::Error for Interrupted {}

/// Bytes that were read of a body and that its parser has not made anything of yet.
///
/// The parser reads on for as long as there is more at hand, and keeps it all.
#[derive(Clone, Debug, Default)]
struct Unparsed(Arc<AtomicU64>);

impl Unparsed {
    /// From here on it is the parser's turn.
    const SOME: u64 = 256 << 10;
    /// It found no end in so much.
    const MOST: u64 = 2 << 20;

    fn is_parsed(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    async fn make_room(&self) -> Result<(), Interrupted> {
        match self.0.load(Ordering::Relaxed) {
            len if len >= Self::MOST => Err(Interrupted::Headless),
            len if len >= Self::SOME => {
                tokio::task::yield_now().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A body as it arrives.
struct Arriving {
    data: BodyDataStream,
    unparsed: Unparsed,
    start: Instant,
    len: u64,
    most: u64,
    stall: Duration,
    /// Bytes per second.
    slowest: u64,
}

impl Arriving {
    fn new(app: &App, body: Body, most: u64, unparsed: Unparsed) -> Self {
        let (stall, slowest) = (app.config.stall(), app.config.limits.slowest);
        Self { data: body.into_data_stream(), unparsed, start: Instant::now(), len: 0, most, stall, slowest }
    }

    /// What comes next, if it comes in time.
    async fn next(&mut self) -> Result<Option<Bytes>, Interrupted> {
        if let Err(error) = self.unparsed.make_room().await {
            self.discard().await;
            return Err(error);
        }
        let next = tokio::time::timeout(self.stall, self.data.next()).await;
        let Some(chunk) = next.map_err(|_| Interrupted::Stalled)? else { return Ok(None) };
        let chunk = chunk.map_err(Interrupted::Broken)?;
        self.len += chunk.len() as u64;
        self.unparsed.0.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let overtime = self.start.elapsed().saturating_sub(self.stall);
        match self.len {
            len if len > self.most => {
                self.discard().await;
                Err(Interrupted::Long(self.most))
            }
            len if len < overtime.as_secs().saturating_mul(self.slowest) => Err(Interrupted::Slow),
            _ => Ok(Some(chunk)),
        }
    }

    /// Reads what is left, if it is not much and comes quickly.
    async fn discard(&mut self) {
        let rest = async {
            let mut len = 0;
            while len < DISCARDED
                && let Some(Ok(chunk)) = self.data.next().await
            {
                len += chunk.len() as u64;
            }
        };
        let _ = tokio::time::timeout(self.stall, rest).await;
    }

    fn stream(self) -> impl Stream<Item = Result<Bytes, Interrupted>> + Send + 'static {
        stream::unfold(Some(self), |arriving| async move {
            let mut arriving = arriving?;
            match arriving.next().await {
                Ok(chunk) => Some((Ok(chunk?), Some(arriving))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_component() {
        for (name, last) in [
            ("a.docx", "a.docx"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\b.pdf", "b.pdf"),
            ("", "file"),
            ("..", "file"),
            ("a/", "file"),
            ("a\r\nb: c", "ab: c"),
            ("测试.docx", "测试.docx"),
        ] {
            assert_eq!(last_component(name), last);
        }
    }

    #[test]
    fn extended_names_are_decoded() {
        let header = "form-data; name=\"request\"; filename*=utf-8''%E6%B5%8B%E8%AF%95.docx";
        assert_eq!(extended_name(header).unwrap(), "测试.docx");
        assert_eq!(extended_name("form-data; filename=\"a\""), None);
        assert_eq!(extended_name("form-data; filename*=latin-1'x"), None);
    }
}
