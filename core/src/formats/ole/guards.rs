//! Signatures and encryption of compound files ([MS-OFFCRYPTO] 2.3 and 2.5; [MS-DOC] 2.5.2; [MS-PPT] 2.3.7).

use crate::containers::cfb::{CompoundFile, EntryKind};
use crate::error::ErrorKind;
use crate::survey::{Barrier, Guard, Scope};

/// Streams and storages of the root that mean something stands in the way.
const SIGNS: [(&str, ErrorKind, Scope, &str); 9] = [
    ("_signatures", ErrorKind::Signed, Scope::File, "a digital signature covers the streams of the document"),
    ("_xmlsignatures", ErrorKind::Signed, Scope::File, "a digital signature covers the streams of the document"),
    ("\u{5}DigitalSignature", ErrorKind::Signed, Scope::File, "a digital signature covers the installer package"),
    ("\u{5}MsiDigitalSignatureEx", ErrorKind::Signed, Scope::File, "a digital signature covers the installer package"),
    ("encryption", ErrorKind::Encrypted, Scope::Hidden, "the document properties are encrypted"),
    ("EncryptedSummary", ErrorKind::Encrypted, Scope::Hidden, "the document properties are encrypted"),
    ("\u{9}DRMContent", ErrorKind::Encrypted, Scope::Hidden, "the document is encrypted by rights management"),
    ("\u{9}DRMViewerContent", ErrorKind::Encrypted, Scope::Hidden, "the document is encrypted by rights management"),
    ("\u{6}DataSpaces", ErrorKind::Encrypted, Scope::Hidden, "the document is encrypted by rights management"),
];

/// The class of an installer package, `{000C1084-0000-0000-C000-000000000046}`; patches and transforms differ in the
/// first byte.
const INSTALLER: [u8; 15] = *b"\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";

/// Fields of the summary by which an installer package says what it is and on what it runs.
const NEEDED: [&str; 4] = ["summary:Template", "summary:RevisionNumber", "summary:PageCount", "summary:WordCount"];

/// Why a field must stay although nothing guards the file.
pub(super) fn over_field(file: &CompoundFile<'_>, address: &str) -> Option<Barrier> {
    let is_installer = || file.entry(0).is_some_and(|root| root.class.get(1..) == Some(&INSTALLER[..]));
    let reason = "without this field the installer package cannot be installed";
    (NEEDED.contains(&address) && is_installer()).then(|| Barrier::new(ErrorKind::Unsupported, reason))
}

/// What stands in the way of an edit of the file, in directory order.
pub(super) fn find(file: &CompoundFile<'_>) -> Vec<Guard> {
    let mut guards = Vec::new();
    for entry in file.ids().filter_map(|id| file.entry(id)).filter(|entry| entry.parent == Some(0)) {
        if let Some((_, kind, scope, reason)) = SIGNS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(&entry.name)) {
            guards.push(Guard { barrier: Barrier::new(*kind, *reason), scope: *scope, offset: entry.offset });
        }
        if entry.name == "WordDocument" && entry.kind == EntryKind::Stream && is_encrypted_text(file) {
            let reason = "the text is encrypted, and with it the document variables";
            let barrier = Barrier::new(ErrorKind::Encrypted, reason);
            guards.push(Guard { barrier, scope: Scope::Hidden, offset: entry.offset });
        }
    }
    guards
}

/// Whether the header of Word's text says that it is encrypted.
fn is_encrypted_text(file: &CompoundFile<'_>) -> bool {
    const ENCRYPTED: u8 = 1;
    let head = || {
        let extents = file.extents(file.find(0, "WordDocument")?).ok()?;
        extents.head(file.input(), 12)
    };
    head()
        .is_some_and(|head| head.starts_with(&[0xEC, 0xA5]) && head.get(11).is_some_and(|flags| flags & ENCRYPTED != 0))
}
