//! The documents of the dialect: read into plain data, written with escaping.

use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Entry, Page, PartTag};

/// What a store says of a request that it did not fulfil.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    upload_id: String,
}

#[derive(Debug, Deserialize)]
struct Copied {
    #[serde(rename = "ETag")]
    etag: String,
}

#[derive(Debug, Deserialize)]
struct Completed {
    #[serde(rename = "ETag")]
    etag: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    #[serde(default)]
    contents: Vec<Listed>,
    #[serde(default)]
    is_truncated: bool,
    next_marker: Option<String>,
    encoding_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    key: String,
    size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagging {
    #[serde(default)]
    tag_set: TagSet,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagSet {
    #[serde(default)]
    tag: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// The name of the document's element.
pub(super) fn root(document: &str) -> Option<String> {
    let mut reader = Reader::from_str(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => {
                return Some(element.local_name().as_ref().to_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// The reason of a refusal, where the document is one.
pub(super) fn failure(document: &str) -> Option<Failure> {
    (root(document)? == "Error").then(|| quick_xml::de::from_str(document).ok())?
}

fn read<T: DeserializeOwned>(document: &str) -> Result<T> {
    quick_xml::de::from_str(document)
        .map_err(|_| Error::new(ErrorKind::Network, "the answer of the store is not what it should be"))
}

/// The identifier of an upload.
pub(super) fn upload_id(document: &str) -> Result<String> {
    let Begun { upload_id } = read(document)?;
    if upload_id.is_empty() {
        return Err(Error::new(ErrorKind::Network, "the store did not name the upload"));
    }
    Ok(upload_id)
}

/// The entity tag of a copied part, without quotes.
pub(super) fn copied_etag(document: &str) -> Result<String> {
    read(document).map(|Copied { etag }| etag.trim_matches('"').to_owned())
}

/// The entity tag of an object that was put together, without quotes, if it was told.
pub(super) fn completed_etag(document: &str) -> Result<Option<String>> {
    let Completed { etag } = read(document)?;
    Ok(etag.map(|etag| etag.trim_matches('"').to_owned()).filter(|etag| !etag.is_empty()))
}

/// One page of a listing.
pub(super) fn page(document: &str) -> Result<Page> {
    let listing: Listing = read(document)?;
    let is_encoded = listing.encoding_type.as_deref() == Some("url");
    let plain = |key: String| -> Result<String> {
        if !is_encoded {
            return Ok(key);
        }
        let decoded = percent_decode_str(&key).decode_utf8();
        decoded.map(Into::into).map_err(|_| Error::new(ErrorKind::Rejected, format!("the key {key} is not UTF-8")))
    };
    let entries = listing.contents.into_iter().map(|entry| Ok(Entry { key: plain(entry.key)?, len: entry.size }));
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let next = match listing.next_marker.filter(|marker| !marker.is_empty()) {
        _ if !listing.is_truncated => None,
        Some(marker) => Some(plain(marker)?),
        None => entries.last().map(|entry| entry.key.clone()),
    };
    Ok(Page { entries, next })
}

/// Tags of an object.
pub(super) fn tags(document: &str) -> Result<Vec<(String, String)>> {
    let tagging: Tagging = read(document)?;
    Ok(tagging.tag_set.tag.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// The request that makes an object of parts.
pub(super) fn completion(parts: &[PartTag]) -> String {
    let part = |part: &PartTag| {
        let etag = format!("\"{}\"", part.etag);
        format!("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number, escape(etag.as_str()))
    };
    let parts: Vec<_> = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

    #[test]
    fn refusals_are_told_from_answers() {
        let refusal = format!(
            "  {HEAD}<Error><Code>NoSuchKey</Code><Message>a &lt;b&gt; &amp; c</Message><HostId>h</HostId></Error>"
        );
        // A document declaration is only allowed at the very start, but space before it is what COS sends.
        let refusal = refusal.trim_start();
        let failure = failure(refusal).unwrap();
        assert_eq!((failure.code.as_str(), failure.message.as_str()), ("NoSuchKey", "a <b> & c"));
        assert!(super::failure(&format!("{HEAD}<Tagging/>")).is_none());
        assert!(super::failure("<html><body>502").is_none());
        assert!(super::failure("").is_none());
    }

    #[test]
    fn uploads_and_copies_are_read() {
        let begun = format!(
            "{HEAD}<InitiateMultipartUploadResult xmlns=\"http://doc.oss-cn-hangzhou.aliyuncs.com\">\
             <Bucket>b</Bucket><Key>k</Key><UploadId>0004B9894A22</UploadId></InitiateMultipartUploadResult>"
        );
        assert_eq!(upload_id(&begun).unwrap(), "0004B9894A22");
        assert!(upload_id(&format!("{HEAD}<InitiateMultipartUploadResult/>")).unwrap_err().is_retryable());
        let copied = "<CopyPartResult><LastModified>x</LastModified><ETag>&quot;5B3C&quot;</ETag></CopyPartResult>";
        assert_eq!(copied_etag(copied).unwrap(), "5B3C");
        let completed = |inner: &str| completed_etag(&format!("<C><Key>k</Key>{inner}</C>")).unwrap();
        assert_eq!(completed("<ETag>\"5B3C-2\"</ETag>").as_deref(), Some("5B3C-2"));
        assert_eq!(completed(""), None);
    }

    #[test]
    fn listings_are_read_encoded_or_not() {
        let none = format!("{HEAD}<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
        assert_eq!(page(&none).unwrap(), Page::default());
        let encoded = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <NextMarker>a%2Bb%20c</NextMarker><Contents><Key>a%0Ab</Key><Size>3</Size><Owner><ID>1</ID></Owner></Contents>\
             <Contents><Key>a+b%2541</Key><Size>5368709121</Size></Contents></ListBucketResult>";
        let page = page(encoded).unwrap();
        let keys: Vec<_> = page.entries.iter().map(|entry| (entry.key.as_str(), entry.len)).collect();
        assert_eq!(keys, [("a\nb", 3), ("a+b%41", 5_368_709_121)]);
        assert_eq!(page.next.as_deref(), Some("a+b c"));
        let plain = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>%41 &amp;</Key><Size>1</Size>\
             </Contents></ListBucketResult>";
        assert_eq!(super::page(plain).unwrap().next.as_deref(), Some("%41 &"));
    }

    #[test]
    fn tags_are_read_and_may_be_empty() {
        let document = "<Tagging><TagSet><Tag><Key>a</Key><Value>1 &lt; 2</Value></Tag><Tag><Key>b</Key><Value/></Tag>\
             </TagSet></Tagging>";
        assert_eq!(tags(document).unwrap(), [("a".into(), "1 < 2".into()), ("b".into(), String::new())]);
        assert_eq!(tags("<Tagging><TagSet/></Tagging>").unwrap(), []);
    }

    #[test]
    fn completions_are_escaped() {
        let part = PartTag { number: 1, etag: "<&>".into(), len: 1, key: None };
        let document = completion(&[part.clone(), PartTag { number: 2, etag: "AB".into(), ..part }]);
        assert_eq!(
            document,
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;&lt;&amp;&gt;&quot;</ETag></Part>\
             <Part><PartNumber>2</PartNumber><ETag>&quot;AB&quot;</ETag></Part></CompleteMultipartUpload>"
        );
    }
}
