//! The wire form in which a request names where cleaned bytes go.

use serde::{Deserialize, Serialize};

use crate::{Sink, Stdout};

/// Where a request wants the cleaned bytes: an object whose `type` names the kind of sink and whose other fields
/// configure it.
///
/// | `type` | where | fields |
/// |---|---|---|
/// | `response` | back to the caller | none |
///
/// `sendBackType` is read as `type`, as older clients write it; unknown fields are ignored. Kinds that this build
/// cannot serve are an error that says so, and so is a kind that does not exist. A local file is no kind: a request
/// must not choose paths on the machine that serves it.
///
/// ```
/// use unlabel_sinks::SendBack;
/// let send_back: SendBack = serde_json::from_str(r#"{"type": "response"}"#).unwrap();
/// assert_eq!(send_back, SendBack::Response);
/// let error = serde_json::from_str::<SendBack>(r#"{"type": "pigeon"}"#).unwrap_err();
/// assert!(error.to_string().contains("unknown sendBack type `pigeon`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Wire", tag = "type", rename_all = "camelCase")]
#[non_exhaustive]
pub enum SendBack {
    /// Back to the caller: the body of the response, or standard output.
    Response,
}

/// Every kind that the interface names, whether or not this build has a sink for it.
const KINDS: &[&str] = &["response", "httpUpload", "s3", "swift", "oss", "cos"];

/// The object as it arrives.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type", alias = "sendBackType")]
    kind: String,
}

impl TryFrom<Wire> for SendBack {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        match wire.kind.as_str() {
            "response" => Ok(Self::Response),
            kind if KINDS.contains(&kind) => Err(format!("sendBack type `{kind}` is not part of this build")),
            kind => Err(format!("unknown sendBack type `{kind}`: one of {}", KINDS.join(", "))),
        }
    }
}

impl SendBack {
    /// The sink that is meant. For [`Response`](Self::Response) outside a server: standard output.
    pub fn into_sink(self) -> Box<dyn Sink> {
        match self {
            Self::Response => Box::new(Stdout::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SendBack, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_wire_form_round_trips() {
        let text = serde_json::to_string(&SendBack::Response).unwrap();
        assert_eq!(text, r#"{"type":"response"}"#);
        assert_eq!(parse(&text), Ok(SendBack::Response));
        assert_eq!(parse(r#"{"sendBackType":"response","queryID":"1"}"#), Ok(SendBack::Response));
        assert_eq!(SendBack::Response.into_sink().to_string(), "standard output");
    }

    #[test]
    fn what_cannot_be_served_is_said() {
        let says = |text: &str, words: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        };
        says(r#"{"type":"s3","s3Bucket":"b"}"#, "`s3` is not part of this build");
        says(r#"{"type":"file","path":"/etc/passwd"}"#, "unknown sendBack type `file`");
        says(r#"{"url":"http://x"}"#, "missing field `type`");
        says(r#"{"type":7}"#, "invalid type");
    }
}
