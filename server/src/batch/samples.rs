//! Samples of a dataset are lines of a manifest: JSON Lines, each with an `id` and the `source` of its file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use unlabel_core::{Edit, Payload, Plan, Source};
use unlabel_sinks::ErrorKind;

use super::{Call, Fault, Service, answer};
use crate::answer::Answer;
use crate::app::App;

/// Longest body, and longest sample.
const BODY: u64 = 12 << 20;
const LINE: usize = 12 << 20;
/// So much of a manifest is read at a time.
const BLOCK: u64 = 1 << 20;
const MANIFEST: &str = "manifest.jsonl";
/// How often a manifest is begun anew that somebody changes meanwhile.
const ATTEMPTS: usize = 5;

#[derive(Deserialize)]
pub(super) struct Body {
    samples: Vec<String>,
    /// Whether the files go too.
    #[serde(default)]
    delete_source: Option<bool>,
}

/// What became of one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Deleted,
    /// Why not: a code of the service, and words.
    Left(&'static str, String),
}

/// `POST /v2/{project_id}/datasets/{dataset_id}/data-annotations/samples/delete`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((project, dataset)): Path<(String, String)>,
    request: Request,
) -> Response {
    let done = async {
        let call: Call<'_, Body> = Call::read(&app, [&project, "datasets", &dataset], request, BODY).await?;
        if call.body.samples.is_empty() {
            return Err(Fault::Syntax("`samples` is empty".to_owned()));
        }
        for _ in 0..ATTEMPTS {
            if let Some(fates) = remove(&app, &call).await? {
                return Ok(Json(told(&call.body.samples, &fates)));
            }
        }
        Err(Fault::Other(Answer::later(503, "the manifest is being changed", 1)))
    };
    answer(Service::ModelArts, done.await)
}

/// The results, in the order of the request.
fn told(samples: &[String], fates: &[Fate]) -> Value {
    let result = |(id, fate): (&String, &Fate)| match fate {
        Fate::Deleted => json!({ "success": true, "sample_id": id }),
        Fate::Left(code, words) => {
            json!({ "success": false, "sample_id": id, "error_code": code, "error_msg": words })
        }
    };
    let results: Vec<_> = samples.iter().zip(fates).map(result).collect();
    json!({ "success": fates.iter().all(|fate| *fate == Fate::Deleted), "results": results })
}

/// Removes samples from the manifest; None when somebody changed it meanwhile.
///
/// The files go first: when the server is ended in between, their samples are still named, and the next call ends it.
async fn remove(app: &App, call: &Call<'_, Body>) -> Result<Option<Vec<Fate>>, Fault> {
    let key = format!("{}/{MANIFEST}", call.key);
    let stored = call.store.open(&key).await?;
    let source = stored.source.clone();
    let wanted = call.body.samples.clone();
    let found = app.work(source, move |source| find(&source, &wanted)).await??;
    let mut fates = vec![Fate::Left("ModelArts.4420", "Sample not found".to_owned()); call.body.samples.len()];
    let mut edits = Vec::new();
    for line in found {
        let removed = match &line.file {
            Some(file) if call.body.delete_source == Some(true) => {
                call.store.delete(&format!("{}/{file}", call.key)).await
            }
            _ => Ok(()),
        };
        let fate = match removed {
            Ok(()) => {
                edits.push(Edit::delete(line.range));
                Fate::Deleted
            }
            Err(error) => {
                Fate::Left("ModelArts.4651", format!("the file of the sample stays, so it does too: {error}"))
            }
        };
        for position in line.positions {
            // Of samples with the same ID all must go.
            if let Some(slot) = fates.get_mut(position).filter(|slot| !matches!(slot, Fate::Left("ModelArts.4651", _)))
            {
                slot.clone_from(&fate);
            }
        }
    }
    if edits.is_empty() {
        return Ok(Some(fates));
    }
    let plan = Plan::new(edits, stored.source.len()).map_err(|error| Answer::from(&error))?;
    let payload = Payload::new(stored.source.clone(), plan);
    match call.store.replace(&key, &stored, &payload, &[]).await {
        Ok(()) => Ok(Some(fates)),
        Err(error) if error.kind() == ErrorKind::Changed => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A sample of the manifest that is to go.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    range: Range<u64>,
    /// Where its ID stands in the request.
    positions: Vec<usize>,
    /// Its file, unless it is a text: below the dataset.
    file: Option<String>,
}

#[derive(Deserialize)]
struct Sample<'s> {
    #[serde(borrow, default)]
    id: Option<Cow<'s, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'s, str>>,
    #[serde(borrow, default)]
    annotation: Vec<Annotation<'s>>,
}

#[derive(Deserialize)]
struct Annotation<'s> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'s, str>>,
}

impl Sample<'_> {
    /// Of a text dataset there is one file for many samples, or none.
    fn is_text(&self) -> bool {
        let is_text = |it: &Annotation<'_>| it.kind.as_ref().is_some_and(|kind| kind.contains("/text_"));
        self.source.as_ref().is_some_and(|source| source.starts_with("content://"))
            || self.annotation.iter().any(is_text)
    }
}

fn find(manifest: &Source, wanted: &[String]) -> Result<Vec<Line>, Answer> {
    let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
    for (position, id) in wanted.iter().enumerate() {
        positions.entry(id).or_default().push(position);
    }
    let mut found = Vec::new();
    let mut lines = 0;
    each_line(manifest, |range, line| {
        lines += 1;
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let broken = |error| Answer::new(422, format!("line {lines} of the manifest is not a sample: {error}"));
        let sample: Sample<'_> = serde_json::from_slice(line).map_err(broken)?;
        if let Some(positions) = sample.id.as_deref().and_then(|id| positions.get(id)) {
            let file = sample.source.as_deref().filter(|_| !sample.is_text()).map(str::to_owned);
            found.push(Line { range, positions: positions.clone(), file });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Shows every line, with its end, and where it stands.
fn each_line(manifest: &Source, mut show: impl FnMut(Range<u64>, &[u8]) -> Result<(), Answer>) -> Result<(), Answer> {
    let (mut rest, mut at): (Vec<u8>, u64) = (Vec::new(), 0);
    let mut read = 0;
    while read < manifest.len() {
        let end = (read + BLOCK).min(manifest.len());
        let block = manifest.read(read..end).map_err(|error| Answer::from(&error))?;
        read = end;
        rest.extend_from_slice(&block);
        let mut start = 0;
        while let Some(len) = memchr::memchr(b'\n', rest.get(start..).unwrap_or_default()) {
            let next = start + len + 1;
            show(at..at + (next - start) as u64, rest.get(start..next).unwrap_or_default())?;
            at += (next - start) as u64;
            start = next;
        }
        rest.drain(..start);
        if rest.len() > LINE {
            return Err(Answer::new(422, format!("the line of the manifest at byte {at} is longer than {LINE} bytes")));
        }
    }
    if rest.is_empty() { Ok(()) } else { show(at..manifest.len(), &rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = concat!(
        "{\"source\":\"a.jpg\",\"usage\":\"TRAIN\",\"id\":\"1\",\"annotation\":[]}\n",
        "\n",
        "{\"source\":\"content://words\",\"id\":\"2\"}\r\n",
        "{\"id\":\"3\",\"source\":\"t.txt\",\"annotation\":[{\"type\":\"modelarts/text_entity\",\"x\":1}]}\n",
        "{\"id\":\"1\",\"source\":\"b.jpg\"}",
    );

    #[test]
    fn samples_are_found_by_id() {
        let wanted = ["1", "2", "none", "3", "2"].map(str::to_owned);
        let found = find(&Source::from_bytes(MANIFEST), &wanted).unwrap();
        let told: Vec<_> = found.iter().map(|line| (line.positions.clone(), line.file.as_deref())).collect();
        assert_eq!(told, [(vec![0], Some("a.jpg")), (vec![1, 4], None), (vec![3], None), (vec![0], Some("b.jpg"))]);
        let edits = found.into_iter().map(|line| Edit::delete(line.range)).collect();
        let plan = Plan::new(edits, MANIFEST.len() as u64).unwrap();
        assert_eq!(plan.apply(MANIFEST.as_bytes()).unwrap(), b"\n");
    }

    #[test]
    fn lines_go_over_blocks() {
        let long = "x".repeat(BLOCK as usize);
        let text = format!("{{\"id\":\"1\",\"source\":\"{long}\"}}\n{{\"id\":\"2\"}}\n");
        let found = find(&Source::from_bytes(text.clone()), &["2".to_owned()]).unwrap();
        assert_eq!(&text[found[0].range.start as usize..found[0].range.end as usize], "{\"id\":\"2\"}\n");
    }

    #[test]
    fn a_manifest_that_is_none_is_told() {
        let error = find(&Source::from_bytes("{\"id\":\"1\"}\nnothing\n"), &["1".to_owned()]).unwrap_err();
        assert!(error.envelope.message.starts_with("line 2 of the manifest"), "{}", error.envelope.message);
    }

    #[test]
    fn results_stand_in_the_order_of_the_request() {
        let fates = [Fate::Deleted, Fate::Left("ModelArts.4420", "Sample not found".to_owned())];
        let told = told(&["a".to_owned(), "b".to_owned()], &fates);
        assert_eq!(told["success"], false);
        assert_eq!(told["results"][0], json!({ "success": true, "sample_id": "a" }));
        assert_eq!(told["results"][1]["error_code"], "ModelArts.4420");
    }
}
