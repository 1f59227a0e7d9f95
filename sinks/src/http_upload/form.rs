//! The body of a form with one file (RFC 7578), as browsers write it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::remote::{Part, PartBody};

/// What stands for itself in a path (RFC 3986 §2.3).
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as it stands in a path: slashes stay.
pub(super) fn encoded_path(name: &str) -> String {
    name.split('/').map(|part| utf8_percent_encode(part, PATH).to_string()).collect::<Vec<_>>().join("/")
}

/// A form with the fields `metadata` and `request`, the file.
#[derive(Debug)]
pub(super) struct Form {
    boundary: String,
    head: Bytes,
    tail: Bytes,
}

impl Form {
    pub(super) fn new(name: &str, metadata: Option<&str>) -> Self {
        // Of this length, no file has it by chance.
        let boundary = format!("unlabel-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let metadata = metadata.map_or_else(|| json!({ "filename": name }).to_string(), str::to_owned);
        let head = format!(
            "--{boundary}\r\n\
             Content-Disposition: form-data; name=\"metadata\"\r\n\r\n\
             {metadata}\r\n\
             --{boundary}\r\n\
             Content-Disposition: form-data; name=\"request\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            escaped(name)
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Self { boundary, head: head.into(), tail: tail.into() }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub(super) fn len(&self, file: &Part) -> u64 {
        self.head.len() as u64 + file.len() + self.tail.len() as u64
    }

    pub(super) fn body(&self, file: &Part) -> Body {
        Body { head: self.head.clone(), file: file.body(), tail: self.tail.clone() }
    }
}

/// A name between quotes: UTF-8 as it is, and three characters as the HTML standard has them escaped (§4.10.21.8).
fn escaped(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

/// The stream of a form.
#[derive(Debug)]
pub(super) struct Body {
    head: Bytes,
    file: PartBody,
    tail: Bytes,
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = <PartBody as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.head.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.head)))));
        }
        if let Some(frame) = ready!(Pin::new(&mut self.file).poll_frame(context)) {
            return Poll::Ready(Some(frame));
        }
        let tail = std::mem::take(&mut self.tail);
        Poll::Ready((!tail.is_empty()).then(|| Ok(Frame::data(tail))))
    }

    fn is_end_stream(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let file = self.file.size_hint().exact().unwrap_or_default();
        SizeHint::with_exact(self.head.len() as u64 + file + self.tail.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;
    use unlabel_core::{Payload, Plan, Source};

    use super::*;

    #[test]
    fn a_form_is_what_browsers_send() {
        let part = Part::whole(&Payload::new(Source::from_bytes("file"), Plan::identity(4)));
        let form = Form::new("a \"b\"/ü\r\n.docx", Some("{\"app\":1}"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..2 {
            let body = form.body(&part);
            assert_eq!(body.size_hint().exact(), Some(form.len(&part)));
            let bytes = runtime.block_on(async { body.collect().await.unwrap().to_bytes() });
            assert_eq!(bytes.len() as u64, form.len(&part));
            let boundary = &form.boundary;
            let expected = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{{\"app\":1}}\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"request\"; \
                 filename=\"a %22b%22/ü%0D%0A.docx\"\r\nContent-Type: application/octet-stream\r\n\r\n\
                 file\r\n--{boundary}--\r\n"
            );
            assert_eq!(String::from_utf8(bytes.to_vec()).unwrap(), expected);
        }
        assert!(form.content_type().ends_with(&form.boundary));
    }

    #[test]
    fn without_metadata_the_name_is_told() {
        let form = Form::new("a\"b", None);
        assert!(String::from_utf8_lossy(&form.head).contains(r#"{"filename":"a\"b"}"#));
    }
}
