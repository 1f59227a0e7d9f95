//! A label request as a document, and the envelope of its answer.
//!
//! The fields are those of the UCWI interface's label calls. What its documentation leaves open is our choice, and said
//! to be so where it is described.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use unlabel_core::{ErrorKind, Label, Outcome, Report};

use crate::{SendBack, StoredObject};

/// The `metadata` of a label request.
///
/// | field | |
/// |---|---|
/// | `queryID` | the caller's name of the request; comes back in the answer |
/// | `app` | the caller's application |
/// | `labels` | `{key: value}`; a value that is `null` or empty means the key, whatever its value (ours) |
/// | `sendBack` | see [`SendBack`] |
/// | `uploadtype` | `file` (default), or the store of `objectInfo`: `s3`, `swift`, `oss`, `cos` |
/// | `objectInfo` | see [`StoredObject::from_object_info`] |
/// | `callback_url` | where the answer of an asynchronous request goes |
///
/// Unknown fields are ignored.
///
/// ```
/// use unlabel_sinks::Request;
/// let text = r#"{"queryID": "1", "labels": {"id": "8888"}, "sendBack": {"type": "response"}}"#;
/// let request = Request::parse(text).unwrap();
/// assert_eq!(request.query_id.as_deref(), Some("1"));
/// assert!(Request::parse(r#"{"labels": {"id": 7}}"#).unwrap_err().contains("sendBack"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `queryID`.
    pub query_id: Option<String>,
    /// `app`.
    pub app: Option<String>,
    /// `labels`: literal keys and values.
    pub labels: Vec<Label>,
    /// `sendBack`.
    pub send_back: SendBack,
    /// The object to treat, where it does not come with the request.
    pub object: Option<StoredObject>,
    /// `callback_url`.
    pub callback_url: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "queryID")]
    query_id: Option<Value>,
    app: Option<Value>,
    labels: Option<Map<String, Value>>,
    #[serde(rename = "sendBack")]
    send_back: Option<Value>,
    uploadtype: Option<Value>,
    #[serde(rename = "objectInfo")]
    object_info: Option<Map<String, Value>>,
    callback_url: Option<Value>,
}

impl Request {
    /// Reads a document.
    ///
    /// # Errors
    /// Words that name the field that is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wire: Wire = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text))
            .map_err(|error| format!("the metadata is not valid JSON: {error}"))?;
        let labels = wire.labels.ok_or("`labels` is missing")?;
        let labels = Label::parse_json(&Value::Object(labels).to_string())
            .map_err(|error| format!("`labels`: {}", error.reason()))?;
        let send_back = wire.send_back.ok_or("`sendBack` is missing")?;
        let send_back = SendBack::deserialize(send_back).map_err(|error| error.to_string())?;
        let uploadtype = text_of("uploadtype", wire.uploadtype)?;
        let object = match (uploadtype.as_deref(), &wire.object_info) {
            (None | Some("file"), _) => None,
            (Some(kind), Some(info)) => Some(StoredObject::from_object_info(kind, info)?),
            (Some(kind), None) => return Err(format!("`uploadtype` is `{kind}`, and `objectInfo` is missing")),
        };
        Ok(Self {
            query_id: text_of("queryID", wire.query_id)?,
            app: text_of("app", wire.app)?,
            labels,
            send_back,
            object,
            callback_url: text_of("callback_url", wire.callback_url)?,
        })
    }
}

/// A field as text; a number is read as its digits.
fn text_of(name: &str, value: Option<Value>) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("`{name}` must be text")),
    }
}

/// The answer to a request: `{"result", "data", "responseCode", "message"}`.
///
/// `result` is 0 for success and 1 for failure, `responseCode` an HTTP status. What is in `data` is ours: `queryID`,
/// and `labels` with the status of each: `removed`, `absent`, `value_mismatch`, `refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `responseCode`.
    pub code: u16,
    /// `message`.
    pub message: String,
    /// `data`.
    pub data: Map<String, Value>,
}

impl Envelope {
    /// An answer without data.
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: Map::new() }
    }

    /// The answer about a file.
    pub fn of_report(report: &Report) -> Self {
        let code = match report.outcome {
            Outcome::Clean | Outcome::Stripped => 200,
            Outcome::Unsupported => 415,
            _ => 422,
        };
        let message = match (&report.reason, code) {
            (_, 200) => "OK".to_owned(),
            (Some(reason), _) => reason.clone(),
            (None, _) => report.outcome.name().to_owned(),
        };
        let statuses = report.labels.iter().map(|label| (label.key.clone(), Value::from(label.status.name())));
        let mut envelope = Self::new(code, message).with("outcome", report.outcome.name());
        envelope.data.insert("labels".to_owned(), Value::Object(statuses.collect()));
        envelope
    }

    /// The answer about a file that could not be treated.
    pub fn of_error(error: &unlabel_core::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Usage => 400,
            ErrorKind::LimitExceeded => 413,
            ErrorKind::Unsupported => 415,
            ErrorKind::Io | ErrorKind::Unverified => 500,
            _ => 422,
        };
        Self::new(code, error.to_string())
    }

    /// The answer where the source could not be fetched or the result not delivered.
    pub fn of_delivery(error: &crate::Error) -> Self {
        use crate::ErrorKind as Kind;
        let code = match error.kind() {
            Kind::Config | Kind::Name => 400,
            Kind::NotFound => 404,
            Kind::TooLarge => 413,
            Kind::Network | Kind::Timeout | Kind::Unavailable => 503,
            _ => 500,
        };
        Self::new(code, format!("{}: {error}", error.kind().name()))
    }

    /// The same with a field more in `data`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// Whether the request succeeded.
    pub fn is_success(&self) -> bool {
        self.code < 300
    }

    /// The envelope as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "result": i32::from(!self.is_success()),
            "data": self.data,
            "responseCode": self.code,
            "message": self.message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_the_interface_is_read() {
        let request = Request::parse(
            r#"{"app":"5f0c","queryID":"q-1","labels":{"id":"8888","note":null},"update":false,"user":"ignored",
                "uploadtype":"s3","objectInfo":{"s3Bucket":"in","s3Key":"a.docx"},
                "sendBack":{"type":"s3","s3Bucket":"out","s3Region":"us-east-1"},"callback_url":"http://x/"}"#,
        )
        .unwrap();
        assert_eq!(request.labels, [Label::with_value("id", "8888"), Label::new("note")]);
        assert_eq!(request.object.unwrap().key.as_deref(), Some("a.docx"));
        assert_eq!(request.callback_url.as_deref(), Some("http://x/"));
        let file = Request::parse(r#"{"labels":{"a":""},"sendBack":{"type":"response"},"uploadtype":"file"}"#).unwrap();
        assert_eq!(file.object, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("{", "not valid JSON"),
            ("{}", "`labels` is missing"),
            (r#"{"labels":{}}"#, "`labels`: no labels given"),
            (r#"{"labels":{"a":{"b":1}}}"#, "`labels`"),
            (r#"{"labels":{"a":"1"}}"#, "`sendBack` is missing"),
            (r#"{"labels":{"a":"1"},"sendBack":{"type":"s3"}}"#, "`s3Bucket`"),
            (r#"{"labels":{"a":"1"},"sendBack":{"type":"response"},"uploadtype":"s3"}"#, "`objectInfo` is missing"),
            (r#"{"labels":{"a":"1"},"sendBack":{"type":"response"},"queryID":["1"]}"#, "`queryID` must be text"),
        ] {
            let error = Request::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn the_envelope_has_the_four_fields() {
        let mut report = Report::new(Outcome::Refused, 1);
        report.reason = Some("signed: all of it".into());
        let envelope = Envelope::of_report(&report).with("queryID", "q");
        assert_eq!(
            envelope.to_json().to_string(),
            r#"{"result":1,"data":{"outcome":"refused","labels":{},"queryID":"q"},"responseCode":422,"message":"signed: all of it"}"#
        );
        assert!(Envelope::of_report(&Report::new(Outcome::Stripped, 1)).is_success());
    }
}
