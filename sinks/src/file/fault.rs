//! Cutting a write off on purpose: how tests reach every step at which a process can die or a disk can fail.
//!
//! Every step that changes something on the disk, or brings it to the medium, passes [`step`] first. In builds with debug
//! assertions the environment variable `UNLABEL_FAULT` says what happens there: `12:kill` ends the process at the 13th
//! step as SIGKILL does, `12:stop` freezes it there as SIGSTOP does, `12:28` lets that step fail with the error number 28,
//! `log:FILE` appends the name of each to a file, a line each, and `0:named` has it that the file system knows no files
//! without a name. Other builds have none of this.

#[cfg(not(debug_assertions))]
pub(super) fn step(_: &'static str) -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(debug_assertions))]
#[cfg(target_os = "linux")]
pub(super) fn has_unnamed() -> bool {
    true
}

#[cfg(debug_assertions)]
#[cfg(target_os = "linux")]
pub(super) use injected::has_unnamed;
#[cfg(debug_assertions)]
pub(super) use injected::step;
#[cfg(all(test, unix))]
pub(super) use injected::{Fault, logged, with};

#[cfg(debug_assertions)]
mod injected {
    use std::cell::{Cell, RefCell};
    use std::fs::File;
    use std::io::{self, Write};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// What happens at which step, counted from 0.
    #[derive(Clone, Copy, Debug)]
    pub(in crate::file) struct Fault {
        pub(in crate::file) at: usize,
        /// The error number that the step fails with; the end of the process where it is none.
        pub(in crate::file) errno: Option<i32>,
        /// Whether the steps after it fail, too.
        pub(in crate::file) lasts: bool,
    }

    /// What the environment asks for.
    enum Asked {
        Fault(Fault),
        /// To freeze at this step.
        Stop(usize),
        /// Files that always have a name.
        Named,
        Log(File),
    }

    static ASKED: OnceLock<Option<Asked>> = OnceLock::new();

    /// How many steps all threads passed.
    static PASSED: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        /// The fault of a test, and how many steps were passed.
        static OWN: Cell<Option<(Fault, usize)>> = const { Cell::new(None) };
        /// The steps that a test wants to know.
        static LOG: RefCell<Option<Vec<&'static str>>> = const { RefCell::new(None) };
    }

    /// Fails, or ends the process, where that was asked for.
    pub(in crate::file) fn step(name: &'static str) -> io::Result<()> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.push(name)));
        if let Some((fault, passed)) = OWN.get() {
            OWN.set(Some((fault, passed + 1)));
            return fault.strike(passed);
        }
        match ASKED.get_or_init(asked) {
            Some(Asked::Fault(fault)) => fault.strike(PASSED.fetch_add(1, Ordering::Relaxed)),
            Some(Asked::Stop(at)) if PASSED.fetch_add(1, Ordering::Relaxed) == *at => freeze(),
            Some(Asked::Log(file)) => (&*file).write_all(format!("{name}\n").as_bytes()),
            Some(Asked::Stop(_) | Asked::Named) | None => Ok(()),
        }
    }

    /// Whether there are files without a name.
    #[cfg(target_os = "linux")]
    pub(in crate::file) fn has_unnamed() -> bool {
        !matches!(ASKED.get_or_init(asked), Some(Asked::Named))
    }

    fn asked() -> Option<Asked> {
        let words = std::env::var("UNLABEL_FAULT").ok()?;
        let (at, what) = words.split_once(':')?;
        if at == "log" {
            return File::options().create(true).append(true).open(what).ok().map(Asked::Log);
        }
        if what == "named" {
            return Some(Asked::Named);
        }
        if what == "stop" {
            return at.parse().ok().map(Asked::Stop);
        }
        Some(Asked::Fault(Fault { at: at.parse().ok()?, errno: what.parse().ok(), lasts: false }))
    }

    impl Fault {
        fn strike(self, passed: usize) -> io::Result<()> {
            if passed != self.at && !(self.lasts && passed > self.at) {
                return Ok(());
            }
            match self.errno {
                Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                None => end(),
            }
        }
    }

    #[cfg(unix)]
    fn end() -> io::Result<()> {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
        loop {
            std::thread::park();
        }
    }

    /// Until somebody lets the process go on.
    #[cfg(unix)]
    fn freeze() -> io::Result<()> {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        // Another thread may be the one that takes the signal.
        std::thread::sleep(std::time::Duration::from_millis(500));
        Ok(())
    }

    #[cfg(not(unix))]
    fn freeze() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(not(unix))]
    fn end() -> io::Result<()> {
        std::process::abort()
    }

    /// Runs `work` on this thread with a fault, and answers how many steps it passed.
    #[cfg(all(test, unix))]
    pub(in crate::file) fn with<T>(fault: Fault, work: impl FnOnce() -> T) -> (T, usize) {
        OWN.set(Some((fault, 0)));
        let result = work();
        (result, OWN.take().map_or(0, |(_, passed)| passed))
    }

    /// Runs `work` on this thread, and answers which steps it passed.
    #[cfg(all(test, unix))]
    pub(in crate::file) fn logged<T>(work: impl FnOnce() -> T) -> (T, Vec<&'static str>) {
        LOG.set(Some(Vec::new()));
        let result = work();
        (result, LOG.take().unwrap_or_default())
    }
}
