//! Values of custom properties (ECMA-376 part 1, 22.3 and 22.4).

use crate::containers::xml::{Event, Scanner};
use crate::error::Result;

/// A value as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// Canonical: integers without leading zeros, booleans as `true` and `false`, items of a vector joined. None for
    /// binary values.
    pub(super) canonical: Option<String>,
    /// As spelled, where that differs.
    pub(super) raw: Option<String>,
}

/// Reads the value of the property element that was just opened, to the end of that element.
pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<Value> {
    let (kind, items) = read_typed(scanner)?;
    Ok(canonical(kind, items))
}

/// Reads the texts within the element that was just opened, to its end; blank ones are left out.
pub(super) fn read_items(scanner: &mut Scanner<'_>) -> Result<Vec<String>> {
    let (_, mut items) = read_typed(scanner)?;
    items.retain(|item| !item.trim().is_empty());
    Ok(items)
}

/// The local name of the first element within, and the text of every element that holds any: character data beside
/// elements is layout.
fn read_typed<'t>(scanner: &mut Scanner<'t>) -> Result<(&'t str, Vec<String>)> {
    let depth = scanner.depth();
    let mut kind = "";
    let mut own = String::new();
    let mut items: Vec<String> = Vec::new();
    let mut is_open = false;
    while scanner.depth() >= depth {
        let Some(event) = scanner.next()? else { break };
        match event {
            Event::Start(element) => {
                kind = if kind.is_empty() { element.name.local } else { kind };
                is_open = !matches!(element.name.local, "vector" | "array" | "variant");
                if is_open {
                    items.push(String::new());
                }
            }
            Event::Text(range) | Event::CData(range) => {
                let text = scanner.decoded(range);
                match items.last_mut() {
                    Some(item) if is_open => item.push_str(&text),
                    _ if scanner.depth() == depth => own.push_str(&text),
                    _ => {}
                }
            }
            Event::End(_) => is_open = false,
            _ => {}
        }
    }
    if kind.is_empty() {
        items.push(own);
    }
    Ok((kind, items))
}

fn canonical(kind: &str, mut items: Vec<String>) -> Value {
    let binary = ["blob", "oblob", "stream", "ostream", "storage", "ostorage", "vstream", "cf"];
    let integer = ["i1", "i2", "i4", "i8", "int", "ui1", "ui2", "ui4", "ui8", "uint"];
    let raw = if items.len() == 1 { items.pop().unwrap_or_default() } else { items.join(", ") };
    if binary.contains(&kind) {
        return Value { canonical: None, raw: Some(raw) };
    }
    let canonical = match kind {
        "" | "lpwstr" | "lpstr" | "bstr" | "vector" | "array" => raw.clone(),
        "bool" => match raw.trim() {
            "1" | "true" | "TRUE" | "True" => "true".to_owned(),
            "0" | "false" | "FALSE" | "False" => "false".to_owned(),
            other => other.to_owned(),
        },
        kind if integer.contains(&kind) => {
            raw.trim().parse::<i128>().map_or_else(|_| raw.trim().to_owned(), |n| n.to_string())
        }
        _ => raw.trim().to_owned(),
    };
    let raw = (raw != canonical).then_some(raw);
    Value { canonical: Some(canonical), raw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::xml::Text;
    use crate::limits::Limits;

    fn value(xml: &str) -> (Option<String>, Option<String>) {
        let limits = Limits::default();
        let document = format!("<property>{xml}</property>");
        let text = Text::decode(document.as_bytes(), &limits).unwrap();
        let mut scanner = Scanner::new(&text, &limits);
        scanner.next().unwrap();
        let Value { canonical, raw } = read(&mut scanner).unwrap();
        assert!(scanner.next().unwrap().is_none());
        (canonical, raw)
    }

    fn pair(canonical: &str, raw: Option<&str>) -> (Option<String>, Option<String>) {
        (Some(canonical.to_owned()), raw.map(str::to_owned))
    }

    #[test]
    fn types_have_one_canonical_text() {
        assert_eq!(value("<vt:lpwstr>a &amp; b </vt:lpwstr>"), pair("a & b ", None));
        assert_eq!(value("<vt:i4>+007</vt:i4>"), pair("7", Some("+007")));
        assert_eq!(value("<vt:i4>-7</vt:i4>"), pair("-7", None));
        assert_eq!(value("<vt:bool>1</vt:bool>"), pair("true", Some("1")));
        assert_eq!(value("<vt:bool>false</vt:bool>"), pair("false", None));
        assert_eq!(value("<vt:filetime>2024-01-01T00:00:00Z</vt:filetime>"), pair("2024-01-01T00:00:00Z", None));
        assert_eq!(value("<vt:empty/>"), pair("", None));
        assert_eq!(value("<vt:blob>AAAA</vt:blob>"), (None, Some("AAAA".to_owned())));
    }

    #[test]
    fn items_of_vectors_are_joined() {
        let vector =
            "<vt:vector size='2' baseType='lpwstr'><vt:lpwstr>a</vt:lpwstr>\n<vt:lpwstr>b</vt:lpwstr></vt:vector>";
        assert_eq!(value(vector), pair("a, b", None));
        let variants = "<vt:vector><vt:variant><vt:i4>1</vt:i4></vt:variant></vt:vector>";
        assert_eq!(value(variants), pair("1", None));
    }
}
