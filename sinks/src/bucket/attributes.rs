//! What is stored beside the bytes, as headers.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, HeaderMap,
    HeaderName, HeaderValue,
};

use super::{Vendor, encode, own};
use crate::Attributes;
use crate::error::{Error, ErrorKind, Result};

/// Writes everything there is into the headers of a request.
pub(super) fn write<V: Vendor>(attributes: &Attributes, headers: &mut HeaderMap) -> Result<()> {
    for (name, value) in [
        (CONTENT_TYPE, &attributes.content_type),
        (CACHE_CONTROL, &attributes.cache_control),
        (CONTENT_DISPOSITION, &attributes.content_disposition),
        (CONTENT_ENCODING, &attributes.content_encoding),
        (CONTENT_LANGUAGE, &attributes.content_language),
        (EXPIRES, &attributes.expires),
    ] {
        if let Some(text) = value {
            let value = value_of(&name, text)?;
            headers.insert(name, value);
        }
    }
    for (name, text) in &attributes.metadata {
        let name = own::<V>(&format!("meta-{name}"))?;
        let value = value_of(&name, text)?;
        if headers.contains_key(&name) {
            return Err(Error::new(ErrorKind::Rejected, format!("{name} is there twice")));
        }
        headers.insert(name, value);
    }
    if !attributes.tags.is_empty() {
        let pairs = attributes.tags.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value)));
        let name = own::<V>("tagging")?;
        let value = value_of(&name, &pairs.collect::<Vec<_>>().join("&"))?;
        headers.insert(name, value);
    }
    Ok(())
}

fn value_of(name: &HeaderName, text: &str) -> Result<HeaderValue> {
    let unfit = |_| Error::new(ErrorKind::Rejected, format!("the value of {name} cannot be that of a header"));
    HeaderValue::from_bytes(text.as_bytes()).map_err(unfit)
}

/// Reads them of an answer. Tags are not among the headers.
pub(super) fn read<V: Vendor>(headers: &HeaderMap) -> Attributes {
    let of = |name: HeaderName| headers.get(name).map(text);
    let prefix = format!("{}meta-", V::PREFIX);
    let metadata = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().strip_prefix(&prefix)?.to_owned(), text(value))))
        .collect();
    Attributes {
        content_type: of(CONTENT_TYPE),
        cache_control: of(CACHE_CONTROL),
        content_disposition: of(CONTENT_DISPOSITION),
        content_encoding: of(CONTENT_ENCODING),
        content_language: of(CONTENT_LANGUAGE),
        expires: of(EXPIRES),
        metadata,
        tags: Vec::new(),
    }
}

/// A value as text: UTF-8, which the vendors send back as it came, or else byte by byte.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
#[cfg(feature = "oss")]
mod tests {
    use super::*;
    use crate::oss::Alibaba;

    #[test]
    fn attributes_survive_the_way_there_and_back() {
        let mut attributes = Attributes {
            content_type: Some("application/pdf".into()),
            cache_control: Some("no-cache".into()),
            content_disposition: Some("attachment; filename=\"ü.pdf\"".into()),
            content_encoding: Some("identity".into()),
            content_language: Some("de".into()),
            expires: Some("Thu, 01 Dec 2033 16:00:00 GMT".into()),
            metadata: vec![("owner".into(), "Jürgen 日本".into()), ("empty".into(), String::new())],
            tags: vec![("a b".into(), "1+1=2&more".into())],
        };
        let mut headers = HeaderMap::new();
        write::<Alibaba>(&attributes, &mut headers).unwrap();
        assert_eq!(headers["x-oss-tagging"], "a%20b=1%2B1%3D2%26more");
        assert_eq!(headers["x-oss-meta-empty"], "");
        attributes.tags.clear();
        let mut back = read::<Alibaba>(&headers);
        back.metadata.sort_by_key(|(name, _)| std::cmp::Reverse(name.clone()));
        assert_eq!(back, attributes);
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_and_not_printed() {
        for (name, value) in [("a b", "x"), ("a", "secret\r\nx-oss-acl: public-read"), ("", "nul\0secret")] {
            let attributes = Attributes { metadata: vec![(name.into(), value.into())], ..Attributes::default() };
            let error = write::<Alibaba>(&attributes, &mut HeaderMap::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
