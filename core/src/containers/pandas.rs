//! What pandas and pyarrow keep of a data frame, as JSON in the metadata of a table: its attributes are labels.

use std::ops::Range;

use super::Carrier;
use super::json::{Scanner, Shape, decoded};
use super::outline::{Collection, Outline, Slot, Style};
use crate::error::Result;
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Kind, Site};

/// The attributes of a data frame in a JSON text.
#[derive(Debug)]
pub(crate) struct Attributes {
    outline: Outline,
    text: Vec<u8>,
}

impl Attributes {
    /// The attributes that the metadata with this key holds, if it is such.
    pub(crate) fn read(key: &str, text: &[u8], limits: &Limits) -> Option<Self> {
        let mut outline = Outline::default();
        let read = match key {
            "pandas" => Self::find(text, &mut outline, limits),
            "PANDAS_ATTRS" => {
                Scanner::new(text, limits).and_then(|mut scanner| members(key, &mut scanner, &mut outline, limits))
            }
            _ => return None,
        };
        read.ok().filter(|()| !outline.sites.is_empty()).map(|()| Self { outline, text: text.to_vec() })
    }

    fn find(text: &[u8], outline: &mut Outline, limits: &Limits) -> Result<()> {
        let mut scanner = Scanner::new(text, limits)?;
        let mut is_first = true;
        while let Some(key) = scanner.member(&mut is_first)? {
            if decoded(scanner.slice(key)) == "attributes" && scanner.peek() == Some(b'{') {
                members("pandas", &mut scanner, outline, limits)?;
            } else {
                scanner.value()?;
            }
        }
        scanner.end()
    }
}

/// The members of the object that comes next are labels.
fn members(place: &str, scanner: &mut Scanner<'_>, outline: &mut Outline, limits: &Limits) -> Result<()> {
    scanner.peek();
    let start = scanner.position();
    let mut slots = Vec::new();
    let mut is_first = true;
    while let Some(key) = scanner.member(&mut is_first)? {
        let name = decoded(scanner.slice(key.clone()));
        let value = scanner.position();
        let shape = scanner.value()?;
        let spelled = scanner.slice(value..scanner.position());
        let site = Site {
            address: format!("pandas:{name}"),
            key: name,
            value: Some(if shape == Shape::Text { decoded(spelled) } else { spelled.to_owned() }),
            kind: Kind::Custom,
            place: place.to_owned(),
            ..Site::default()
        };
        let range = key.start..scanner.position();
        outline.push(site, range.clone(), limits);
        slots.push(Slot { range, sites: outline.sites.len() - 1..outline.sites.len(), stays: false });
    }
    let body = start + 1..scanner.position().saturating_sub(1);
    outline.collections.push(Collection { style: Style::Flow, body, slots });
    Ok(())
}

impl Carrier for Attributes {
    fn sites(&self) -> &[Site] {
        &self.outline.sites
    }

    fn edits(&self, chosen: &[usize], _: Layout) -> Result<Vec<Edit>> {
        // The text around it counts its bytes: spaces take the place.
        Ok(self.outline.edits(&self.text, chosen, Layout::Preserve))
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.outline.claims.clone()
    }
}
