//! A request of a line, as the options of a run on one file.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::ValueEnum;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use unlabel_core::Label;
use unlabel_sinks::SendBack;

use crate::args::Strip;

/// What is to be done, and with which labels and destinations.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: PathBuf,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    List { all_kinds: bool },
    Strip { options: Box<Strip>, labels: Vec<Label>, send_back: Option<SendBack> },
}

/// The fields. One that is not known is an error: it could be a misspelt safety.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the request")]
struct Wire {
    #[serde(rename = "id")]
    _id: Value,
    op: Option<String>,
    path: Option<String>,
    path_bytes: Option<String>,
    #[serde(default)]
    all_kinds: bool,
    labels: Option<Value>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    keep: Vec<String>,
    #[serde(default)]
    ignore_value: bool,
    #[serde(default)]
    recursive: bool,
    #[serde(default, deserialize_with = "one_or_many")]
    to: Vec<PathBuf>,
    #[serde(rename = "sendBack", alias = "send_back")]
    send_back: Option<Value>,
    #[serde(default)]
    in_place: bool,
    #[serde(default)]
    break_links: bool,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    delete_source: bool,
    #[serde(default)]
    prune_empty: bool,
    #[serde(default)]
    allow_signed: bool,
    #[serde(default)]
    allow_partial: bool,
    if_exists: Option<String>,
    layout: Option<String>,
    proof: Option<String>,
    max_size: Option<u64>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Words that name the field that is missing or wrong.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let path = match (&wire.path, &wire.path_bytes) {
            (Some(path), None) => PathBuf::from(path),
            (None, Some(bytes)) => exact(bytes)?,
            _ => return Err("one of `path` and `path_bytes` is needed".to_owned()),
        };
        if crate::input::is_stream(&path) {
            return Err("`path` is `-`: standard input has the requests".to_owned());
        }
        let action = match wire.op.as_deref() {
            None | Some("strip") => wire.strip()?,
            Some("list") => Action::List { all_kinds: wire.all_kinds },
            Some(other) => return Err(format!("`op` is `{other}`: one of strip, list")),
        };
        Ok(Self { path, action })
    }
}

impl Wire {
    fn strip(self) -> Result<Action, String> {
        let labels = self.labels.map(|labels| Label::parse_json(&labels.to_string())).transpose();
        let labels = labels.map_err(|error| format!("`labels`: {}", error.reason()))?.unwrap_or_default();
        let send_back = self.send_back.map(SendBack::deserialize).transpose().map_err(|error| error.to_string())?;
        let places = usize::from(!self.to.is_empty()) + usize::from(self.in_place) + usize::from(send_back.is_some());
        if places > 1 {
            return Err("one of `to`, `sendBack` and `in_place` is wanted".to_owned());
        }
        if self.to.iter().any(|to| crate::input::is_stream(to)) || send_back == Some(SendBack::Response) {
            return Err("standard output has the answers: name another place".to_owned());
        }
        let mut options = Strip {
            labels: self.rules,
            all: self.all,
            keep: self.keep,
            ignore_value: self.ignore_value,
            recursive: self.recursive,
            to: self.to,
            in_place: self.in_place,
            break_links: self.break_links,
            dry_run: self.dry_run,
            delete_source: self.delete_source,
            prune_empty: self.prune_empty,
            allow_signed: self.allow_signed,
            allow_partial: self.allow_partial,
            if_exists: choice("if_exists", self.if_exists)?,
            layout: choice("layout", self.layout)?,
            proof: choice("proof", self.proof)?,
            json: true,
            ..Strip::default()
        };
        options.selection.max_size = self.max_size;
        if self.delete_source && (self.in_place || self.dry_run) {
            return Err("`delete_source` goes with `to` and `sendBack` only".to_owned());
        }
        Ok(Action::Strip { options: Box::new(options), labels, send_back })
    }
}

/// One of the words that the option of the command line takes.
fn choice<T: ValueEnum + Default>(field: &str, value: Option<String>) -> Result<T, String> {
    let Some(value) = value else { return Ok(T::default()) };
    T::from_str(&value, false).map_err(|_| {
        let known = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let known: Vec<_> = known.map(|value| value.get_name().to_owned()).collect();
        format!("`{field}` is `{value}`: one of {}", known.join(", "))
    })
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Places {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match Places::deserialize(deserializer)? {
        Places::One(place) => vec![place],
        Places::Many(places) => places,
    })
}

/// A path that is no text, in Base64.
fn exact(bytes: &str) -> Result<PathBuf, String> {
    let bytes = BASE64_STANDARD.decode(bytes).map_err(|error| format!("`path_bytes`: {error}"))?;
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        Ok(std::ffi::OsString::from_vec(bytes).into())
    }
    #[cfg(not(unix))]
    String::from_utf8(bytes).map(PathBuf::from).map_err(|error| format!("`path_bytes`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (line, words) in [
            ("", "EOF"),
            ("[]", "expected struct"),
            (r#"{"path":"a"}"#, "`id`"),
            (r#"{"id":1}"#, "`path`"),
            (r#"{"id":1,"path":"-"}"#, "standard input"),
            (r#"{"id":1,"path":"a","dryrun":true}"#, "unknown field `dryrun`"),
            (r#"{"id":1,"path":"a","labels":{}}"#, "`labels`: no labels"),
            (r#"{"id":1,"path":"a","op":"copy"}"#, "one of strip, list"),
            (r#"{"id":1,"path":"a","layout":"tight"}"#, "one of preserve, compact"),
            (r#"{"id":1,"path":"a","to":"-"}"#, "standard output"),
            (r#"{"id":1,"path":"a","to":"x","in_place":true}"#, "one of `to`"),
            (r#"{"id":1,"path":"a","sendBack":{"type":"response"}}"#, "standard output"),
        ] {
            let error = Request::parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn fields_are_those_of_the_command() {
        let line =
            br#"{"id":{"x":1},"path":"a","labels":{"id":"8888"},"rules":["@msip"],"to":["x","y"],"if_exists":"skip"}"#;
        let Action::Strip { options, labels, send_back } = Request::parse(line).unwrap().action else { panic!() };
        assert_eq!(labels, [Label::with_value("id", "8888")]);
        assert_eq!((options.labels, options.to.len(), send_back), (vec!["@msip".to_owned()], 2, None));
        assert_eq!(options.if_exists, crate::args::IfExists::Skip);
    }
}
