//! Showing a tag to the residue scan.

use super::{Holds, Part, Tag};
use crate::scan::{Class, Scan};

impl Tag<'_> {
    /// Shows the tag, whose first byte is byte `base` of the file: frames that no site accounts for, what they hold that
    /// is coded, padding; as content the files in it.
    pub fn show(&self, scan: &mut Scan<'_>, place: &str, base: u64) {
        let end = self.padding().start;
        let files: Vec<_> = self.files.iter().filter_map(|file| file.plain.clone()).collect();
        let mut claimed = self.claimed.clone();
        claimed.extend(files.iter().cloned());
        scan.raw_region(Class::Metadata, place, base, self.bytes.get(..end).unwrap_or_default(), &claimed);
        let padding = self.bytes.get(self.padding()).unwrap_or_default();
        scan.raw_region(Class::Slack, place, base + end as u64, padding, &[]);
        self.show_coded(scan, place, base, &self.parts, &self.body.bytes);
        if scan.wants_content() {
            for range in files {
                let bytes = self.bytes.get(range.clone()).unwrap_or_default();
                scan.raw_region(Class::Content, place, base + range.start as u64, bytes, &[]);
            }
        }
    }

    /// Frames whose bytes say nothing before they are decoded. A label accounts for all of its frame, but a file.
    fn show_coded(&self, scan: &mut Scan<'_>, place: &str, base: u64, parts: &[Part], outer: &[u8]) {
        for part in parts {
            let is_coded = self.body.is_coded() || !part.frame.coding.is_plain();
            let site = self.sites.get(part.sites.start).filter(|_| !part.sites.is_empty());
            let is_known = matches!(part.holds, Holds::Label) && site.is_some_and(|site| site.value.is_some());
            let is_file =
                self.files.binary_search_by_key(&part.sites.start, |file| file.site).is_ok() && site.is_some();
            if !is_coded && !matches!(part.holds, Holds::Frames(_)) || is_known && !is_file {
                continue;
            }
            let Ok(content) = part.frame.content(outer, self.limit) else { continue };
            let offset = base + site.map_or(0, |site| site.offset);
            match &part.holds {
                Holds::Frames(parts) => {
                    if is_coded {
                        self.show_coded(scan, place, base, parts, &content);
                    }
                }
                Holds::Packet(packet) => {
                    use crate::containers::Carrier;
                    let bytes = content.get(super::PACKET..).unwrap_or_default();
                    scan.region(Class::Metadata, place, offset, bytes, &packet.claimed());
                }
                Holds::Label if is_file => {
                    if scan.wants_content() {
                        scan.region(Class::Content, place, offset, &content, &[]);
                    }
                }
                Holds::Label | Holds::Structure => {
                    let key = site.map_or(0, |site| site.key.len());
                    scan.region(Class::Metadata, place, offset, &content, std::slice::from_ref(&(0..key)));
                }
            }
        }
    }
}
