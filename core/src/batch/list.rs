//! Paths from a list, as they are read.

use std::io::{BufRead, Read};
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};

/// Bytes of a path in a list; a longer one is no path, and the list none of paths.
const LONGEST: u64 = 64 << 10;

/// The paths of a list, one after the other; only the one in hand is in memory.
///
/// ```
/// use unlabel_core::batch::PathList;
/// let paths = PathList::lines(&b"a.docx\nsub/b.pdf\r\n\n"[..]).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(paths, ["a.docx".as_ref(), "sub/b.pdf".as_ref()] as [&std::path::Path; 2]);
/// # Ok::<(), unlabel_core::Error>(())
/// ```
#[derive(Debug)]
pub struct PathList<R> {
    reader: Option<R>,
    end: u8,
    number: u64,
}

impl<R: BufRead> PathList<R> {
    /// One path per line. A line ends in LF or CR LF; an empty one is passed over.
    pub fn lines(reader: R) -> Self {
        Self { reader: Some(reader), end: b'\n', number: 0 }
    }

    /// Paths that end in a NUL byte, as `find -print0` writes them: any name can be in such a list.
    pub fn nul(reader: R) -> Self {
        Self { reader: Some(reader), end: 0, number: 0 }
    }

    fn read(&mut self) -> Option<Result<PathBuf>> {
        loop {
            let mut bytes = Vec::new();
            let reader = self.reader.as_mut()?;
            self.number += 1;
            match reader.take(LONGEST + 1).read_until(self.end, &mut bytes) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(Error::io("cannot read the list of files", error))),
            }
            if bytes.len() as u64 > LONGEST {
                let words = format!("entry {} of the list of files is longer than {LONGEST} bytes", self.number);
                return Some(Err(Error::new(ErrorKind::Usage, words)));
            }
            if bytes.last() == Some(&self.end) {
                bytes.pop();
                if self.end == b'\n' && bytes.last() == Some(&b'\r') {
                    bytes.pop();
                }
            }
            if !bytes.is_empty() {
                return Some(path_of(bytes));
            }
        }
    }
}

impl<R: BufRead> Iterator for PathList<R> {
    /// A list that cannot be read any further ends with an error.
    type Item = Result<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read();
        if !matches!(item, Some(Ok(_))) {
            self.reader = None;
        }
        item
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere not all bytes are a path")]
fn path_of(bytes: Vec<u8>) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> Result<PathBuf> {
    let text = String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::Usage, "the list of files is not UTF-8"))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn nul_lists_hold_any_name() {
        let paths: Vec<_> = PathList::nul(&b"a\nb\0\0c\r\0last"[..]).map(Result::unwrap).collect();
        assert_eq!(paths, ["a\nb", "c\r", "last"].map(Path::new));
    }

    #[test]
    fn a_list_that_is_none_of_paths_ends_with_an_error() {
        let mut words = b"a\n".to_vec();
        words.extend(vec![b'x'; 200 << 10]);
        words.extend(b"\nb\n");
        let mut list = PathList::lines(&words[..]);
        assert_eq!(list.next().unwrap().unwrap(), Path::new("a"));
        assert!(list.next().unwrap().unwrap_err().reason().contains("entry 2"));
        assert!(list.next().is_none());
    }
}
