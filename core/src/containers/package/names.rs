//! Names of members and references to them.

/// A part name or package-level target in one spelling: lower case, percent escapes decoded, no leading slash, no
/// dots, query or fragment.
pub(crate) fn normal(name: &str) -> String {
    let is_plain = !name.bytes().any(|byte| matches!(byte, b'?' | b'#' | b'%' | b'\\'));
    let is_gap = |pair: &[u8]| matches!(pair, b"//" | b"/.");
    let has_gap = |name: &str| name.starts_with(['/', '.']) || name.as_bytes().windows(2).any(is_gap);
    if is_plain && !name.ends_with('/') && !has_gap(name) {
        return name.to_ascii_lowercase();
    }
    let name = name.split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<&str> = Vec::new();
    for segment in name.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let joined = segments.join("/").to_ascii_lowercase();
    if joined.contains('%') { unescaped(&joined) } else { joined }
}

fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().and_then(|pair| std::str::from_utf8(pair).ok());
        let code = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn every_spelling_of_a_name_is_one() {
        for name in
            ["docProps/Custom.xml", "/docProps/custom.xml", "docprops//./custom%2exml?a#b", "x/../DocProps\\custom.xml"]
        {
            assert_eq!(normal(name), "docprops/custom.xml", "{name}");
        }
        assert_eq!(normal("[Content_Types].xml"), "[content_types].xml");
        assert_eq!(normal("word/"), "word");
    }
}
