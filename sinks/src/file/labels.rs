//! Labels that a file system keeps beside a file: the extended attributes in the user's name space.
//!
//! Alternate streams of NTFS arrive there too, under names of their own: `user.DosStream.NAME:$DATA` from Samba, and
//! `user.NAME` from NTFS-3G.

use std::ffi::{OsStr, OsString};

use unlabel_core::{Kind, Site};

use crate::error::Result;
use crate::object::protection;

/// Name of the attribute that holds words, parted by commas (freedesktop.org, "Common Extended Attributes").
const TAGS: &str = "user.xdg.tags";

/// Attributes that desktops define for everybody: they are chosen by their address only.
const STANDARD: &[&str] = &[
    "user.baloo.rating",
    "user.baloo.userComment",
    "user.creator",
    "user.dublincore.",
    "user.xdg.comment",
    "user.xdg.creator",
    "user.xdg.language",
    "user.xdg.publisher",
    TAGS,
];

/// Attributes that programs and systems keep for themselves. An entry that ends in a dot or a line is a beginning.
const BOOKKEEPING: &[&str] = &[
    "user.DOSATTRIB",
    "user.DosStream.AFP_",
    "user.DosStream.Zone.Identifier:$DATA",
    "user.DosStream.com.apple.",
    "user.SAMBA_PAI",
    "user.Zone.Identifier",
    "user.charset",
    "user.checksum.",
    "user.com.dropbox.",
    "user.crtime",
    "user.fuseoverlayfs.",
    "user.mime_type",
    "user.ocis.",
    "user.org.netatalk.",
    "user.overlay.",
    "user.rsync.",
    "user.shatag.",
    "user.swift.",
    "user.xdg.origin.",
    "user.xdg.referrer.",
    "user.xdg.robots.",
    // Systems other than Linux have one name space for all.
    "com.apple.FinderInfo",
    "com.apple.ResourceFork",
    "com.apple.lastuseddate#PS",
    "com.apple.macl",
    "com.apple.provenance",
    "com.apple.quarantine",
];

/// An extended attribute that is to change with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeChange {
    /// Its full name.
    pub name: OsString,
    /// Its new value; none where it goes.
    pub value: Option<Vec<u8>>,
    /// Whether it gets its value even where it is not there: when the removal of a label is undone.
    pub(super) creates: bool,
}

/// The labels beside a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLabels {
    attributes: Vec<(OsString, Vec<u8>)>,
}

impl FileLabels {
    /// Reads the extended attributes of `file`; none where the system or the file system has none.
    ///
    /// # Errors
    /// [`ErrorKind::Attributes`](crate::ErrorKind::Attributes) when they are there and cannot be read.
    pub fn of(file: &std::fs::File) -> Result<Self> {
        let mut attributes = super::attributes::user(file)?;
        attributes.sort();
        Ok(Self { attributes })
    }

    /// The labels, for [`Source::with_attached`](unlabel_core::Source::with_attached): attributes as `xattr:NAME`, and
    /// each word of `user.xdg.tags` by itself.
    pub fn sites(&self) -> Vec<Site> {
        let mut sites = Vec::new();
        for (name, value) in &self.attributes {
            match tags(name, value) {
                Some(tags) => sites.extend(tags.split(',').filter_map(word).map(|word| site(name, Some(word.into())))),
                None => sites.push(site(name, text(value).map(str::to_owned))),
            }
        }
        sites
    }

    /// What is to change where the labels with these positions in [`sites`](Self::sites) go.
    pub fn without(&self, positions: &[usize]) -> Vec<AttributeChange> {
        let mut position = 0;
        let mut goes = || {
            position += 1;
            positions.contains(&(position - 1))
        };
        let mut changes = Vec::new();
        for (name, value) in &self.attributes {
            let name = name.clone();
            let Some(tags) = tags(&name, value) else {
                changes.extend(goes().then_some(AttributeChange { name, value: None, creates: false }));
                continue;
            };
            let all = tags.split(',');
            let kept: Vec<_> = all.clone().filter(|tag| word(tag).is_none() || !goes()).collect();
            if kept.len() < all.count() {
                let has_words = kept.iter().copied().any(|tag| word(tag).is_some());
                let value = has_words.then(|| kept.join(",").into_bytes());
                changes.push(AttributeChange { name, value, creates: false });
            }
        }
        changes
    }
}

/// The value as a list of tags, if it is one that has any.
fn tags<'v>(name: &OsStr, value: &'v [u8]) -> Option<&'v str> {
    text(value).filter(|tags| name == TAGS && tags.split(',').any(|tag| word(tag).is_some()))
}

/// The word that stands between two commas.
fn word(tag: &str) -> Option<&str> {
    Some(tag.trim()).filter(|word| !word.is_empty())
}

/// A value as text, without the NUL that Samba ends streams with.
fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value.strip_suffix(b"\0").unwrap_or(value)).ok()?;
    (!text.contains('\0')).then_some(text)
}

fn site(name: &OsStr, value: Option<String>) -> Site {
    let name = name.to_string_lossy();
    let short = name.strip_prefix("user.").unwrap_or(&name);
    let stream = short.strip_prefix("DosStream.").and_then(|stream| stream.strip_suffix(":$DATA"));
    let key = stream.unwrap_or(short).to_owned();
    let barrier = protection(&key);
    let kind = if is_among(STANDARD, &name) {
        Kind::Standard
    } else if is_among(BOOKKEEPING, &name) {
        Kind::Bookkeeping
    } else {
        Kind::Custom
    };
    Site {
        aliases: (key != *name).then(|| name.clone().into_owned()).into_iter().collect(),
        address: format!("xattr:{name}"),
        key,
        value,
        kind,
        place: "extended attributes".to_owned(),
        barrier,
        ..Site::default()
    }
}

/// Whether a list has the name, or a beginning of it.
fn is_among(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| name == *known || (known.ends_with(['.', '_']) && name.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(attributes: &[(&str, &[u8])]) -> FileLabels {
        FileLabels { attributes: attributes.iter().map(|(name, value)| ((*name).into(), value.to_vec())).collect() }
    }

    #[test]
    fn attributes_streams_and_words_are_sites() {
        let labels = labels(&[
            ("user.AIGC", b"x"),
            ("user.DOSATTRIB", b"\0\0\x05"),
            ("user.DosStream.id:$DATA", b"8888\0"),
            ("user.label", b"secret"),
            ("user.xdg.tags", b"one, two,,three"),
        ]);
        let sites = labels.sites();
        let told: Vec<_> = sites.iter().map(|site| (&*site.key, site.kind, site.value.as_deref())).collect();
        let words = ["one", "two", "three"].map(|word| ("xdg.tags", Kind::Standard, Some(word)));
        assert_eq!(
            told[..4],
            [
                ("AIGC", Kind::Custom, Some("x")),
                ("DOSATTRIB", Kind::Bookkeeping, None),
                ("id", Kind::Custom, Some("8888")),
                ("label", Kind::Custom, Some("secret")),
            ]
        );
        assert_eq!(told[4..], words);
        assert!(sites[0].barrier.is_some());
        assert_eq!(sites[2].aliases, ["user.DosStream.id:$DATA"]);

        let change = |name: &str, value: Option<&str>| AttributeChange {
            name: name.into(),
            value: value.map(|value| value.as_bytes().to_vec()),
            creates: false,
        };
        assert_eq!(labels.without(&[3, 5]), [change("user.label", None), change(TAGS, Some("one,,three"))]);
        assert_eq!(labels.without(&[4]), [change(TAGS, Some(" two,,three"))]);
        assert_eq!(labels.without(&[4, 5, 6]), [change(TAGS, None)]);
        assert_eq!(labels.without(&[]), []);
    }

    #[cfg(unix)]
    #[test]
    fn chosen_attributes_go_in_place_and_are_left_out_of_copies() {
        use std::os::unix::fs::MetadataExt;

        use unlabel_core::{Edit, Payload, Plan, Source};

        use crate::{File, PutOptions};

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.bin");
        let set = |name: &str, value: &str| {
            xattr::set(&path, name, value.as_bytes()).expect("the file system of the tests has extended attributes");
        };
        let has = |path: &std::path::Path, name: &str| xattr::get(path, name).unwrap();
        for changes_content in [false, true] {
            std::fs::write(&path, b"content").unwrap();
            set("user.id", "8888");
            set("user.other", "kept");
            set(TAGS, "one,two");
            let source = Source::open(&path).unwrap();
            let labels = FileLabels::of(source.file().unwrap()).unwrap();
            assert_eq!(labels.sites().len(), 4);
            let options = PutOptions::default().file_attributes(labels.without(&[0, 2]));
            let edits = if changes_content { vec![Edit::fill(0..2, b' ')] } else { Vec::new() };
            let payload = Payload::new(source, Plan::new(edits, 7).unwrap());

            let copy = directory.path().join("copy.bin");
            File::at(&copy).write("", &payload, &options).unwrap();
            let before = std::fs::metadata(&path).unwrap();
            File::in_place().write("", &payload, &options).unwrap();
            let after = std::fs::metadata(&path).unwrap();
            assert_eq!(before.ino() == after.ino(), !changes_content, "content that stays is not written anew");
            assert_eq!(before.modified().unwrap(), after.modified().unwrap());
            for path in [&path, &copy] {
                assert_eq!(has(path, "user.id"), None);
                assert_eq!(has(path, "user.other").unwrap(), b"kept");
                assert_eq!(has(path, TAGS).unwrap(), b"two");
            }
        }
    }
}
