//! Document properties as single-file Office documents spell them: elements named after the property.

use crate::containers::office;
use crate::containers::xml::{Element, Walk};
use crate::error::Result;
use crate::survey::{KeyCase, Kind, Site};

/// The namespace of `o:DocumentProperties` and `o:CustomDocumentProperties`.
pub(super) const OFFICE: &str = "urn:schemas-microsoft-com:office:office";
/// `WordprocessingML` of Office 2003.
pub(super) const WORD: &str = "http://schemas.microsoft.com/office/word/2003/wordml";
/// Packages in one XML file.
pub(super) const PACKAGE: &str = "http://schemas.microsoft.com/office/2006/xmlPackage";

/// A name in which characters that XML forbids in names are written as `_x0020_`.
pub(in crate::formats) fn unescape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("_x") {
        out.push_str(rest.get(..at).unwrap_or_default());
        let digits = rest.get(at + 2..at + 6).filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        out.extend(code);
        if code.is_none() {
            out.push_str("_x");
        }
        let used = if code.is_some() { "_x0020_".len() } else { "_x".len() };
        rest = rest.get(at + used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The site of a property whose element has this local name.
pub(in crate::formats) fn property(local: &str, value: String, raw: &str, is_custom: bool) -> Site {
    let key = unescape(local);
    Site {
        address: if is_custom { format!("custom:{key}") } else { format!("office:{key}") },
        kind: if is_custom { office::kind(&key) } else { Kind::Standard },
        raw_value: (raw != value).then(|| raw.to_owned()),
        value: Some(value),
        key,
        case: KeyCase::Insensitive,
        ..Site::default()
    }
}

/// Reads a child of a property list to its end.
pub(super) fn read<'t>(walk: &mut Walk<'t>, element: &Element<'t>, is_custom: bool) -> Result<()> {
    let content = walk.scanner.content(element)?;
    if content.text.trim().is_empty() && !is_custom {
        walk.claim(content.range);
        return Ok(());
    }
    let raw = walk.text.slice(content.inner);
    let site = property(element.name.local, content.text, raw, is_custom);
    walk.push(site, None, content.range);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        assert_eq!(unescape("My_x0020_Key_x4e2d_"), "My Key\u{4e2d}");
        assert_eq!(unescape("a_x_x00zz_b_x002"), "a_x_x00zz_b_x002");
    }
}
