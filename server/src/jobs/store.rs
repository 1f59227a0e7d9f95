//! The jobs on disk: one database of `SQLite`, which several processes of one machine may share.
//!
//! Everything that is answered is on the medium before: `synchronous = FULL` with a write-ahead log. A job belongs to a
//! worker for the time of its lease; what a worker says of a job whose lease it lost is not taken.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

/// What `SQLite` refused.
pub(crate) type Result<T> = rusqlite::Result<T>;

/// How long another process may hold the database.
const BUSY: Duration = Duration::from_secs(20);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS jobs (
    -- Never given twice: results are named by it.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app TEXT NOT NULL,
    query TEXT NOT NULL,
    -- The name of the upload, and where it is kept; none where the request names an object.
    name TEXT,
    file TEXT,
    bytes INTEGER NOT NULL,
    -- The metadata, encrypted; empty when nothing is left to do.
    request BLOB NOT NULL,
    state TEXT NOT NULL,
    -- Times are in milliseconds since 1970.
    created INTEGER NOT NULL,
    due INTEGER NOT NULL,
    leased INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0,
    -- How often a worker took it and was not heard of again.
    lost INTEGER NOT NULL DEFAULT 0,
    began INTEGER,
    ended INTEGER,
    -- The envelope, and where the result is kept that is to be fetched.
    answer TEXT,
    result TEXT,
    UNIQUE (app, query)
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due) WHERE state IN ('waiting', 'telling');
CREATE INDEX IF NOT EXISTS jobs_bytes ON jobs (bytes) WHERE bytes > 0;
CREATE INDEX IF NOT EXISTS jobs_file ON jobs (file) WHERE file IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_result ON jobs (result) WHERE result IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (ended) WHERE ended IS NOT NULL;
";

/// Where a job is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// To be treated, or being treated.
    Waiting,
    /// Treated; its callback is to be made.
    Telling,
    /// Ended, and told where that was wanted.
    Done,
    /// Ended; the callback was given up.
    Untold,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Telling => "telling",
            Self::Done => "done",
            Self::Untold => "untold",
        }
    }

    fn parse(name: &str) -> Self {
        [Self::Telling, Self::Done, Self::Untold].into_iter().find(|it| it.name() == name).unwrap_or(Self::Waiting)
    }
}

/// A job that is to be accepted.
pub(crate) struct Draft<'d> {
    pub(crate) app: &'d str,
    pub(crate) query: &'d str,
    pub(crate) name: Option<&'d str>,
    pub(crate) file: Option<&'d str>,
    pub(crate) bytes: u64,
    pub(crate) request: &'d [u8],
    pub(crate) now: i64,
}

/// A job as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) app: String,
    pub(crate) query: String,
    pub(crate) name: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) request: Vec<u8>,
    pub(crate) state: State,
    pub(crate) created: i64,
    pub(crate) tries: u32,
    /// How often it was taken by a worker that was not heard of again, and this time.
    pub(crate) lost: u32,
    /// When the treatment was first tried.
    pub(crate) began: Option<i64>,
    pub(crate) ended: Option<i64>,
    pub(crate) answer: Option<String>,
    pub(crate) result: Option<String>,
}

const COLUMNS: &str = "id, app, query, name, file, request, state, created, tries, lost, began, ended, answer, result";

impl Job {
    fn of(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            app: row.get(1)?,
            query: row.get(2)?,
            name: row.get(3)?,
            file: row.get(4)?,
            request: row.get(5)?,
            state: State::parse(&row.get::<_, String>(6)?),
            created: row.get(7)?,
            tries: row.get(8)?,
            lost: row.get(9)?,
            began: row.get(10)?,
            ended: row.get(11)?,
            answer: row.get(12)?,
            result: row.get(13)?,
        })
    }
}

/// The database.
pub(crate) struct Store(Mutex<Connection>);

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a job, unless there is one of this name. Answers whether it is new.
    pub(crate) fn accept(&self, draft: &Draft<'_>) -> Result<bool> {
        let Draft { app, query, name, file, bytes, request, now } = draft;
        let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "INSERT INTO jobs (app, query, name, file, bytes, request, state, created, due)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?7) ON CONFLICT (app, query) DO NOTHING",
        )?;
        Ok(statement.execute(params![app, query, name, file, bytes, request, now])? == 1)
    }

    pub(crate) fn find(&self, app: &str, query: &str) -> Result<Option<Job>> {
        let connection = self.lock();
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE app = ?1 AND query = ?2");
        connection.prepare_cached(&sql)?.query_row(params![app, query], Job::of).optional()
    }

    /// Jobs with an ID below `before`, the newest first: of some applications, or of all.
    pub(crate) fn page(&self, applications: Option<&[String]>, before: i64, limit: u32) -> Result<Vec<Job>> {
        let connection = self.lock();
        let names = applications.map(|names| serde_json::Value::from(names).to_string());
        let columns = COLUMNS.replace("request", "x'' AS request");
        let sql = format!(
            "SELECT {columns} FROM jobs WHERE id < ?2 AND (?1 IS NULL OR app IN (SELECT value FROM json_each(?1)))
             ORDER BY id DESC LIMIT ?3"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        statement.query_map(params![names, before, limit], Job::of)?.collect()
    }

    /// Jobs that wait, and bytes of uploads and results that are kept.
    pub(crate) fn totals(&self) -> Result<(u64, u64)> {
        let connection = self.lock();
        // Each is read from an index of its own.
        let mut statement = connection.prepare_cached(
            "SELECT (SELECT count(*) FROM jobs WHERE state IN ('waiting', 'telling')),
                    (SELECT coalesce(sum(bytes), 0) FROM jobs WHERE bytes > 0)",
        )?;
        statement.query_row([], |row| Ok((row.get::<_, u32>(0)?.into(), row.get::<_, i64>(1)?.unsigned_abs())))
    }

    /// Gives the job that is due longest to `worker` until `until`.
    pub(crate) fn take(&self, worker: &str, now: i64, until: i64) -> Result<Option<Job>> {
        let connection = self.lock();
        let sql = format!(
            "UPDATE jobs SET worker = ?1, leased = ?3, tries = tries + 1, lost = lost + 1, began = coalesce(began, ?2)
             WHERE id = (
                 SELECT id FROM jobs WHERE state IN ('waiting', 'telling') AND due <= ?2 AND leased <= ?2
                 ORDER BY due LIMIT 1)
             RETURNING {COLUMNS}"
        );
        connection.prepare_cached(&sql)?.query_row(params![worker, now, until], Job::of).optional()
    }

    /// Makes a lease longer; false when the job is not this worker's any more.
    pub(crate) fn renew(&self, id: i64, worker: &str, until: i64) -> Result<bool> {
        self.update("UPDATE jobs SET leased = ?3 WHERE id = ?1 AND worker = ?2", params![id, worker, until])
    }

    /// Gives a job back, to be taken when it is due.
    pub(crate) fn put_off(&self, id: i64, worker: &str, due: i64) -> Result<bool> {
        let sql = "UPDATE jobs SET due = ?3, leased = 0, worker = '', lost = 0 WHERE id = ?1 AND worker = ?2";
        self.update(sql, params![id, worker, due])
    }

    /// Says how the treatment ended; its upload is not needed any more.
    pub(crate) fn end(
        &self,
        id: i64,
        worker: &str,
        state: State,
        answer: &str,
        result: Option<(&str, u64)>,
        now: i64,
    ) -> Result<bool> {
        let (path, bytes) = result.unzip();
        let sql = "UPDATE jobs SET state = ?3, answer = ?4, result = ?5, bytes = ?6, ended = ?7, due = ?7, leased = 0,
                   worker = '', tries = 0, lost = 0, file = NULL,
                   request = CASE ?3 WHEN 'telling' THEN request ELSE x'' END WHERE id = ?1 AND worker = ?2";
        let bytes = i64::try_from(bytes.unwrap_or(0)).unwrap_or(i64::MAX);
        self.update(sql, params![id, worker, state.name(), answer, path, bytes, now])
    }

    /// Says how the callback ended. From here on the job is kept for its time.
    pub(crate) fn told(&self, id: i64, worker: &str, state: State, now: i64) -> Result<bool> {
        let sql = "UPDATE jobs SET state = ?3, ended = ?4, leased = 0, worker = '', request = x''
                   WHERE id = ?1 AND worker = ?2";
        self.update(sql, params![id, worker, state.name(), now])
    }

    /// Removes ended jobs that were ended before `before`, and answers where their results are.
    pub(crate) fn sweep(&self, before: i64) -> Result<Vec<String>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "DELETE FROM jobs WHERE ended IS NOT NULL AND ended < ?1 AND state IN ('done', 'untold') RETURNING result",
        )?;
        let found = statement.query_map([before], |row| row.get::<_, Option<String>>(0))?;
        found.filter_map(Result::transpose).collect()
    }

    /// Whether a job keeps this file.
    pub(crate) fn keeps(&self, file: &str) -> Result<bool> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT 1 FROM jobs WHERE file = ?1 OR result = ?1 LIMIT 1")?;
        statement.exists([file])
    }

    fn update(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<bool> {
        Ok(self.lock().prepare_cached(sql)?.execute(values)? == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(query: &str, now: i64) -> Draft<'_> {
        Draft { app: "a", query, name: Some("x.docx"), file: Some("1"), bytes: 7, request: b"secret", now }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("jobs.sqlite")).unwrap();
        (directory, store)
    }

    #[test]
    fn a_job_goes_its_way() {
        let (_directory, store) = store();
        assert!(store.accept(&draft("q", 10)).unwrap());
        assert!(!store.accept(&draft("q", 11)).unwrap(), "the first one stays");
        assert_eq!(store.totals().unwrap(), (1, 7));
        let job = store.take("w", 10, 100).unwrap().unwrap();
        assert_eq!((job.query.as_str(), job.state, job.tries, job.created), ("q", State::Waiting, 1, 10));
        assert!(store.take("v", 50, 150).unwrap().is_none(), "it is leased");
        assert!(store.end(job.id, "w", State::Telling, "{}", Some(("r", 5)), 60).unwrap());
        let job = store.take("v", 60, 150).unwrap().unwrap();
        assert_eq!((job.state, job.answer.as_deref(), job.file, job.tries), (State::Telling, Some("{}"), None, 1));
        assert!(store.told(job.id, "v", State::Done, 70).unwrap());
        assert!(store.take("v", 1000, 1100).unwrap().is_none());
        assert_eq!((store.totals().unwrap(), store.keeps("r").unwrap()), ((0, 5), true));
        assert!(store.sweep(70).unwrap().is_empty());
        assert_eq!(store.sweep(71).unwrap(), ["r"]);
        assert!(store.find("a", "q").unwrap().is_none());
    }

    #[test]
    fn pages_have_the_newest_first() {
        let (_directory, store) = store();
        for query in ["1", "2", "3"] {
            store.accept(&draft(query, 0)).unwrap();
        }
        let page = |names: Option<&[String]>, before, limit| {
            let jobs = store.page(names, before, limit).unwrap();
            jobs.into_iter().map(|job| (job.id, job.query)).collect::<Vec<_>>()
        };
        let first = page(None, i64::MAX, 2);
        assert_eq!(first.iter().map(|(_, query)| query.as_str()).collect::<Vec<_>>(), ["3", "2"]);
        assert_eq!(page(Some(&["b".to_owned(), "a".to_owned()]), first[1].0, 2).len(), 1);
        assert!(page(Some(&[]), i64::MAX, 9).is_empty());
    }

    #[test]
    fn who_lost_a_lease_has_no_say() {
        let (_directory, store) = store();
        store.accept(&draft("q", 0)).unwrap();
        let job = store.take("w", 0, 100).unwrap().unwrap();
        assert!(store.renew(job.id, "w", 200).unwrap());
        assert!(store.take("v", 150, 250).unwrap().is_none());
        assert_eq!(store.take("v", 200, 300).unwrap().unwrap().tries, 2);
        assert!(!store.renew(job.id, "w", 400).unwrap());
        assert!(!store.end(job.id, "w", State::Done, "{}", None, 210).unwrap());
        assert!(store.put_off(job.id, "v", 500).unwrap());
        assert!(store.take("w", 499, 600).unwrap().is_none());
        assert!(store.take("w", 500, 600).unwrap().is_some());
    }

    #[test]
    fn two_processes_share_it() {
        let (directory, first) = store();
        let second = Store::open(&directory.path().join("jobs.sqlite")).unwrap();
        for number in 0..20 {
            let query = number.to_string();
            [&first, &second][number % 2].accept(&draft(&query, 0)).unwrap();
        }
        let mut taken: Vec<_> =
            (0..20).map(|number| [&first, &second][number % 2].take("w", 0, 100).unwrap().unwrap().query).collect();
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 20);
    }
}
