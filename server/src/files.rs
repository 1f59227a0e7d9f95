//! Files that come and go: what a call may reach, what it opens, where a result is sent, and results as answers.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use unlabel_core::{Cleaned, Payload, Source};
use unlabel_sinks::remote::{ObjectReader, Part};
use unlabel_sinks::{PutOptions, Receipt, SendBack, StoredObject};
use url::Url;

use crate::answer::{Answer, Answered};
use crate::app::App;
use crate::form::Upload;
use crate::spool::Content;

/// Refuses places that this server must not be sent to, as far as can be seen before their names are looked up.
pub(crate) fn check_egress(
    app: &App,
    send_back: &SendBack,
    object: Option<&StoredObject>,
    callback: Option<&str>,
) -> Answered<()> {
    let Some(egress) = &app.transfer.egress else { return Ok(()) };
    let check = |owner: &str, field: &str, url: &Url| {
        let sep = if owner.is_empty() { "" } else { "." };
        egress.check(url).map_err(|error| Answer::wrong(format!("`{owner}{sep}{field}`: {error}")))
    };
    for (field, url) in send_back.urls() {
        check("sendBack", field, url)?;
    }
    for (field, url) in object.into_iter().flat_map(StoredObject::urls) {
        check("objectInfo", field, url)?;
    }
    if let Some(text) = callback {
        let url = Url::parse(text).map_err(|error| Answer::wrong(format!("`callback_url` is no URL: {error}")))?;
        check("", "callback_url", &url)?;
    }
    let places = object.into_iter().chain(match send_back {
        SendBack::Store(object) => Some(&**object),
        _ => None,
    });
    for place in places {
        if place.is_ambient() && !app.config.egress.ambient_keys {
            return Err(Answer::wrong("`accessKey` and `secretKey` are missing: this server lends its own to nobody"));
        }
    }
    Ok(())
}

/// An input that was opened, with the object that it is.
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(crate) reader: Option<Arc<ObjectReader>>,
    pub(crate) name: String,
}

pub(crate) async fn open(app: &App, upload: Option<Upload>, object: Option<&StoredObject>) -> Answered<Opened> {
    match (object, upload) {
        (Some(_), Some(_)) => Err(Answer::wrong("`uploadtype` names a store, and there is a file in the body too")),
        (None, None) => Err(Answer::wrong("there is no file in the body: a part with a file name")),
        (None, Some(Upload { name, content })) => {
            // Small ones are in memory; others are mapped, which takes as long whatever their length.
            let source = content.source(&name).map_err(|error| Answer::from(&error))?;
            Ok(Opened { source, reader: None, name })
        }
        (Some(object), None) => {
            let objects = object.objects(&app.transfer).map_err(|error| Answer::from(&error))?;
            let key = object.key.clone().unwrap_or_default();
            let opened = objects.open(&key).await.map_err(|error| Answer::from(&error.doing("`objectInfo`")))?;
            let (source, reader) = opened;
            if source.len() > app.config.limits.file_bytes {
                let most = app.config.limits.file_bytes;
                return Err(Answer::new(413, format!("the object is longer than {most} bytes, this server's limit")));
            }
            let name = crate::form::last_component(&reader.object_ref().key);
            let source = source.with_attached(reader.object().attributes.sites());
            Ok(Opened { source, reader: Some(reader), name })
        }
    }
}

/// Sends a result where it is wanted.
pub(crate) async fn deliver(
    app: &App,
    send_back: &SendBack,
    name: &str,
    cleaned: &Cleaned,
    options: &PutOptions,
    metadata: impl FnOnce() -> String,
) -> unlabel_sinks::Result<Receipt> {
    let Some(payload) = cleaned.payload() else {
        return Err(unlabel_sinks::Error::new(unlabel_sinks::ErrorKind::Io, "there is nothing to send"));
    };
    let mut send_back = send_back.clone();
    if let SendBack::HttpUpload(config) = &mut send_back {
        // The other side learns what it gets, as a call of ours would tell it.
        config.metadata.get_or_insert_with(metadata);
    }
    let sink = send_back.into_sink(&app.transfer)?;
    sink.put(name, payload, options).await
}

/// A file as the answer.
pub(crate) fn response(name: &str, payload: &Payload, content: Option<Content>) -> Answered<Response> {
    let mut response = Response::new(body(payload, content)?);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(payload.len()));
    headers.insert(header::CONTENT_DISPOSITION, disposition("attachment; ", name));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// A file as the part `file` of a form, after the part `report`.
pub(crate) fn form(report: &Value, name: &str, payload: &Payload, content: Option<Content>) -> Answered<Response> {
    let boundary = format!("{:032x}", fastrand::u128(..));
    let disposition = disposition("form-data; name=\"file\"; ", name);
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"report\"\r\nContent-Type: application/json\r\n\r\n\
         {report}\r\n--{boundary}\r\nContent-Disposition: {}\r\nContent-Type: application/octet-stream\r\n\r\n",
        disposition.to_str().unwrap_or_default()
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let len = payload.len() + (head.len() + tail.len()) as u64;
    let part = |text: String| Body::from(text).into_data_stream();
    let parts = part(head).chain(body(payload, content)?.into_data_stream()).chain(part(tail));
    let mut response = Response::new(Body::from_stream(parts));
    let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    response.headers_mut().extend(kind.ok().map(|kind| (header::CONTENT_TYPE, kind)));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(len));
    Ok(response)
}

/// The bytes of a payload; what it is made of stays until the last one is sent.
fn body(payload: &Payload, content: Option<Content>) -> Answered<Body> {
    if payload.source().is_remote() || payload.source().is_mapped() {
        return Ok(Body::new(Part::whole(payload).body().map_frame(move |frame| {
            let _ = &content;
            frame
        })));
    }
    let mut bytes = Vec::with_capacity(payload.len() as usize);
    payload.write_to(&mut bytes).map_err(|error| Answer::from(&error))?;
    Ok(Body::from(bytes))
}

/// JSON with everything beyond ASCII escaped, as headers need it.
pub(crate) fn ascii(value: &Value) -> String {
    use std::fmt::Write;
    let mut units = [0; 2];
    value.to_string().chars().fold(String::new(), |mut text, char| {
        if char.is_ascii() && char != '\u{7f}' {
            text.push(char);
        } else {
            for unit in char.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    })
}

/// Characters that RFC 5987 lets stand as they are.
pub(crate) const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn disposition(kind: &str, name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|char| if char.is_ascii_graphic() && !matches!(char, '"' | '\\') || char == ' ' { char } else { '_' })
        .collect();
    let text = format!("{kind}filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTRIBUTE));
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_travel_in_headers() {
        assert_eq!(
            disposition("attachment; ", "测试 \"1\".docx").to_str().unwrap(),
            "attachment; filename=\"__ _1_.docx\"; filename*=UTF-8''%E6%B5%8B%E8%AF%95%20%221%22.docx"
        );
        assert_eq!(ascii(&Value::from("é\u{1F600}")), r#""\u00e9\ud83d\ude00""#);
    }
}
