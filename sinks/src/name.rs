//! Names of objects: relative, `/`-separated, and unable to leave the place they are put in.

use crate::error::{Error, ErrorKind, Result};

/// Checks that `name` is a relative name all of whose components are plain.
pub(crate) fn check(name: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::Name, format!("the name {name:?} {why}")));
    if name.is_empty() {
        return refuse("is empty");
    }
    if name.contains('\0') {
        return refuse("contains a NUL");
    }
    for component in name.split('/') {
        match component {
            "" => return refuse("is absolute or has an empty component"),
            "." | ".." => return refuse("points out of its place: `.` and `..` are not allowed"),
            _ if cfg!(windows) && component.contains(['\\', ':']) => return refuse("contains a `\\` or `:`"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_place() {
        for name in ["a", "a/b.docx", "…/x", "a b", " ", "-", "a\nb", ".hidden", "..a"] {
            assert!(check(name).is_ok(), "{name:?}");
        }
        for name in ["", "/etc/passwd", "a//b", "a/", "../a", "a/../b", "./a", ".", "..", "a\0b"] {
            assert_eq!(check(name).unwrap_err().kind(), ErrorKind::Name, "{name:?}");
        }
    }
}
