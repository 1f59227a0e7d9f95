//! The file systems that a commit writes to, synced as a whole.
//!
//! Each is opened once, before anything becomes visible: an open file learns of every error that happens after that
//! while its file system writes back.

#[cfg(target_os = "linux")]
pub(super) use linux::FileSystems;
#[cfg(not(target_os = "linux"))]
pub(super) use other::FileSystems;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::fs::{self, File};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use super::super::{fault, stage::directory_of};

    /// An open file of each.
    #[derive(Debug, Default)]
    pub(in crate::file) struct FileSystems {
        opened: HashMap<u64, File>,
        /// The directory that was looked at last: files of one come in rows.
        last: PathBuf,
        is_incomplete: bool,
    }

    impl FileSystems {
        /// That of the directory that `path` is in.
        pub(in crate::file) fn add_directory_of(&mut self, path: &Path) {
            let directory = directory_of(path);
            if directory == self.last {
                return;
            }
            directory.clone_into(&mut self.last);
            self.note(fs::metadata(directory), || File::open(directory));
        }

        /// That of an open file.
        pub(in crate::file) fn add(&mut self, file: &File) {
            self.note(file.metadata(), || file.try_clone());
        }

        fn note(&mut self, metadata: io::Result<fs::Metadata>, open: impl FnOnce() -> io::Result<File>) {
            let device = metadata.map(|metadata| metadata.dev());
            if device.as_ref().is_ok_and(|device| self.opened.contains_key(device)) {
                return;
            }
            match device.and_then(|device| Ok((device, open()?))) {
                Ok((device, file)) => drop(self.opened.insert(device, file)),
                Err(_) => self.is_incomplete = true,
            }
        }

        /// Brings all that was written to them to the medium; answers whether that is certain.
        pub(in crate::file) fn sync(&self) -> bool {
            !self.is_incomplete && self.opened.values().all(|file| is_synced(file).is_ok())
        }
    }

    fn is_synced(file: &File) -> io::Result<()> {
        fault::step("syncfs")?;
        Ok(rustix::fs::syncfs(file)?)
    }
}

/// Systems without a call for that: files are synced one by one.
#[cfg(not(target_os = "linux"))]
mod other {
    use std::fs::File;
    use std::path::Path;

    #[derive(Debug, Default)]
    pub(in crate::file) struct FileSystems;

    impl FileSystems {
        pub(in crate::file) fn add_directory_of(&mut self, _: &Path) {}

        pub(in crate::file) fn add(&mut self, _: &File) {}

        pub(in crate::file) fn sync(&self) -> bool {
            false
        }
    }
}
