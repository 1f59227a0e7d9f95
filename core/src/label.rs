//! A label: a key and a value that somebody put on a file.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, ErrorKind, Result};

/// A label to remove: a literal key, and a value if only that value is meant.
///
/// `value: None` and an empty value both delete by key; any other value deletes only where key and value match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The key, decoded: never empty in a [`Selector`](crate::Selector).
    pub key: String,
    /// The value to match, or nothing to delete by key.
    pub value: Option<String>,
}

impl Label {
    /// A label meant by its key alone.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), value: None }
    }

    /// A label meant by key and value. An empty value means the key alone.
    pub fn with_value(key: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { key: key.into(), value: (!value.is_empty()).then_some(value) }
    }

    /// Reads labels in either wire form: an object `{"id": "8888"}`, or a list
    /// `[{"key": "id", "value": "8888"}]` whose `value` may be missing.
    ///
    /// Keys and values are literal: no globs, no families. A `null` or empty value deletes by key; numbers and
    /// booleans are read as their JSON text. An object that names a key twice yields both.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the text is neither form, holds no label, or a key is empty.
    ///
    /// ```
    /// use unlabel_core::Label;
    /// let object = Label::parse_json(r#"{"id": "8888", "note": ""}"#).unwrap();
    /// let list = Label::parse_json(r#"[{"key": "id", "value": "8888"}, {"key": "note"}]"#).unwrap();
    /// assert_eq!(object, list);
    /// ```
    pub fn parse_json(text: &str) -> Result<Vec<Self>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let WireLabels(labels) = serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Usage, format!("labels are not valid JSON: {error}")))?;
        if labels.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no labels given"));
        }
        if labels.iter().any(|label| label.key.is_empty()) {
            return Err(Error::new(ErrorKind::Usage, "a label has an empty key"));
        }
        Ok(labels)
    }
}

/// The two wire forms, told apart by their JSON type.
struct WireLabels(Vec<Label>);

#[derive(serde::Deserialize)]
struct WireLabel {
    key: String,
    #[serde(default)]
    value: WireValue,
}

/// A scalar as text; nested values are an error.
#[derive(Default)]
struct WireValue(Option<String>);

impl<'de> Deserialize<'de> for WireValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text),
            scalar @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => Some(scalar.to_string()),
            _ => return Err(de::Error::custom("a label's value must be text")),
        }))
    }
}

fn label(key: String, WireValue(value): WireValue) -> Label {
    Label { key, value: value.filter(|value| !value.is_empty()) }
}

impl<'de> Deserialize<'de> for WireLabels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = WireLabels;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(r#"{"key": "value"} or [{"key": "…", "value": "…"}]"#)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WireLabels, A::Error> {
                let mut labels = Vec::new();
                while let Some((key, value)) = map.next_entry()? {
                    labels.push(label(key, value));
                }
                Ok(WireLabels(labels))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<WireLabels, A::Error> {
                let mut labels = Vec::new();
                while let Some(WireLabel { key, value }) = list.next_element()? {
                    labels.push(label(key, value));
                }
                Ok(WireLabels(labels))
            }
        }

        deserializer.deserialize_any(Forms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_wire_forms_read_the_same() {
        let want = vec![Label::with_value("id", "8888"), Label::new("x")];
        assert_eq!(Label::parse_json(r#"{"id":"8888","x":null}"#).unwrap(), want);
        assert_eq!(Label::parse_json(r#"[{"key":"id","value":"8888"},{"key":"x","value":""}]"#).unwrap(), want);
        assert_eq!(Label::parse_json(r#"{"id":8888,"x":null}"#).unwrap(), want);
    }

    #[test]
    fn wrong_files_are_usage_errors() {
        for text in ["", "{", "{}", "[]", r#"{"":"1"}"#, r#"[{"key":""}]"#, r#"["id"]"#, r#"{"a":{"b":1}}"#, "7"] {
            assert_eq!(Label::parse_json(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }
}
