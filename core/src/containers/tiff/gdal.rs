//! The items of GDAL in tag 42112 (its driver of `GeoTIFF`): `<GDALMetadata><Item name="K">V</Item>…`.
//!
//! Every item is a label of its own. Those with a role (scale, offset, unit of a band), statistics, and domains that
//! place the picture on earth are what programs need of it.

use crate::containers::xml::{Element, Event, Labels, Text, Walk};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::survey::{Kind, Site};

/// Domains in which GDAL and its drivers keep what they compute with.
const DOMAINS: [&str; 7] =
    ["COLOR_PROFILE", "DERIVED_SUBDATASETS", "GEOLOCATION", "IMAGERY", "IMAGE_STRUCTURE", "RPC", "SUBDATASETS"];

/// Reads the items of `value`, which zeros may follow.
///
/// # Errors
/// Whatever keeps it from being read as such a list.
pub(super) fn items(value: &[u8], limits: &Limits) -> Result<Labels> {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = Text::decode(value.get(..end).unwrap_or_default(), limits)?;
    let mut walk = Walk::new(&text, limits);
    walk.all_is_metadata();
    let mut is_list = false;
    while let Some(event) = walk.next()? {
        let Event::Start(element) = event else { continue };
        match element.name.local {
            "GDALMetadata" => is_list = true,
            "Item" if is_list => take(&mut walk, &element)?,
            _ => {}
        }
    }
    if !is_list {
        return Err(Error::malformed(0, "not a list of items of GDAL"));
    }
    let mut labels = walk.labels;
    for (site, range) in labels.sites.iter_mut().zip(&labels.ranges) {
        site.offset = range.start as u64;
    }
    Ok(labels)
}

fn take<'t>(walk: &mut Walk<'t>, element: &Element<'t>) -> Result<()> {
    let blank = walk.before;
    let attribute = |name: &str| element.value("", name).unwrap_or_default().into_owned();
    let (name, role, domain, sample) = (attribute("name"), attribute("role"), attribute("domain"), attribute("sample"));
    let content = walk.scanner.content(element)?;
    let kind = match &*role {
        "" if name.starts_with("STATISTICS_") || DOMAINS.contains(&&*domain) => Kind::Bookkeeping,
        "" => Kind::Custom,
        "description" => Kind::Standard,
        _ => Kind::Bookkeeping,
    };
    let mut place = "GDAL metadata".to_owned();
    for (what, value) in [("domain", domain), ("band", sample)] {
        if !value.is_empty() {
            place = format!("{place}, {what} {value}");
        }
    }
    let site =
        Site { address: format!("gdal:{name}"), key: name, value: Some(content.text), kind, place, ..Site::default() };
    walk.push(site, blank, content.range);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::Carrier;
    use crate::plan::{Layout, Plan};

    const LIST: &[u8] =
        b"<GDALMetadata>\n  <Item name=\"id\">8888</Item>\n  <Item name=\"a &amp; b\">x &lt; y</Item>\n  \
        <Item name=\"SCALE\" sample=\"0\" role=\"scale\">2</Item>\n  <Item name=\"LINE_OFF\" domain=\"RPC\">1</Item>\n\
        </GDALMetadata>\n\0";

    #[test]
    fn every_item_is_a_label() {
        let labels = items(LIST, &Limits::default()).unwrap();
        let told: Vec<_> = labels.sites.iter().map(|it| (&*it.key, it.value.as_deref().unwrap(), it.kind)).collect();
        assert_eq!(
            told,
            [
                ("id", "8888", Kind::Custom),
                ("a & b", "x < y", Kind::Custom),
                ("SCALE", "2", Kind::Bookkeeping),
                ("LINE_OFF", "1", Kind::Bookkeeping),
            ]
        );
        let plan = Plan::new(labels.edits(&[0], Layout::Preserve).unwrap(), LIST.len() as u64).unwrap();
        let after = plan.apply(LIST).unwrap();
        assert_eq!(items(&after, &Limits::default()).unwrap().sites.len(), 3);
        assert_eq!(memchr::memmem::find(&after, b"8888"), None);
    }

    #[test]
    fn other_texts_are_no_lists() {
        assert!(items(b"<Other/>", &Limits::default()).is_err());
        assert!(items(b"", &Limits::default()).is_err());
    }
}
