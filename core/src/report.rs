//! What became of one file, and of each label in it.

use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::scan::Proof;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No site of a chosen label was there; the bytes are as they were.
    Clean,
    /// Every site of every chosen label is gone, and that is proved.
    Stripped,
    /// Some sites are gone, others had to stay; [`Report::left`] names them.
    Partial,
    /// The file was left alone: signed, encrypted, protected or contradictory.
    Refused,
    /// No format treats the file.
    Unsupported,
    /// The file could not be read or is malformed, or the result did not pass verification.
    Failed,
    /// The caller chose to leave the file out: it is too large, or its result is there already. It was not treated.
    Skipped,
}

impl Outcome {
    /// Every outcome, in their order.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Clean, Self::Stripped, Self::Partial, Self::Refused, Self::Unsupported, Self::Failed, Self::Skipped];

    /// How many outcomes there are.
    pub const COUNT: usize = 7;

    /// The outcome that has this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// The outcome as one lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Stripped => "stripped",
            Self::Partial => "partial",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Whether nothing that was asked for is left to do: the outcomes that a successful batch consists of.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Clean | Self::Stripped | Self::Skipped)
    }
}

impl From<&Error> for Outcome {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Encrypted
            | ErrorKind::Signed
            | ErrorKind::Protected
            | ErrorKind::Nested
            | ErrorKind::Conflict => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// What became of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All its sites are gone.
    Removed,
    /// It was not in the file.
    Absent,
    /// The key was there with another value; it stays.
    ValueMismatch,
    /// At least one site had to stay.
    Refused,
}

impl Status {
    /// The status as one lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Absent => "absent",
            Self::ValueMismatch => "value_mismatch",
            Self::Refused => "refused",
        }
    }
}

/// One label of a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelReport {
    /// The key or address that the rule names; where the rule is a pattern, the key as found.
    pub key: String,
    /// The value as found, where it is text; for an absent label the value the rule names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Its sites, as `address at place`.
    pub sites: Vec<String>,
}

/// A removed key or value that is still in the file, or a site that had to stay, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Address of the site, or the name of the label that the scan found.
    pub what: String,
    /// Where, for people.
    pub place: String,
    /// Byte offset in the file.
    pub offset: u64,
    /// Why it stays.
    pub reason: String,
}

/// What became of one file.
///
/// As JSON: these fields; those that are empty are left out, but for `format`, `labels` and `plan_digest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The name of the format, where one was recognised.
    pub format: Option<&'static str>,
    /// What became of the file.
    pub outcome: Outcome,
    /// Why it is not clean or stripped, in plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The kind of what stood in the way, as one word: that of `reason`, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// The labels that rules name or match, in rule order, then file order.
    pub labels: Vec<LabelReport>,
    /// How many sites of the chosen labels are gone from the result; 0 where there is none.
    pub removed: u64,
    /// How many of the labels that rules name by their very key are not in the file, or only with other values.
    pub labels_missing: u64,
    /// The digest of the plan, where it was asked for: see [`Cleaned::digest_plan`](crate::Cleaned::digest_plan).
    pub plan_digest: Option<String>,
    /// What had to stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// The words of a removed value where they are not this label: in the document itself (only a full proof looks
    /// there), and for a standard field in other described places. Reported, never edited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Left>,
    /// Sites that no rule chose and that went with a removed one, because they only say more of it, as `address at
    /// place`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub followed: Vec<String>,
    /// What else is worth knowing of the result: parts that became empty and had to stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Length of the input in bytes.
    pub bytes_in: u64,
    /// Length of the result in bytes; of the input when there is no result.
    pub bytes_out: u64,
    /// How much was searched for residue.
    pub proof: Proof,
    /// Removed keys and values found outside the document itself: 0 for every stripped file.
    pub residue: usize,
    /// Whether a signature was overridden by the caller's choice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub overrode_signature: bool,
    /// Names of standard fields that a rule would have matched by key alone, as full addresses: a hint that the
    /// address was meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl Report {
    /// A report of `outcome` on a file of `bytes_in` bytes, with nothing in it yet.
    pub fn new(outcome: Outcome, bytes_in: u64) -> Self {
        Self {
            format: None,
            outcome,
            reason: None,
            error_code: None,
            labels: Vec::new(),
            removed: 0,
            labels_missing: 0,
            plan_digest: None,
            left: Vec::new(),
            copies: Vec::new(),
            followed: Vec::new(),
            notes: Vec::new(),
            bytes_in,
            bytes_out: bytes_in,
            proof: Proof::default(),
            residue: 0,
            overrode_signature: false,
            hints: Vec::new(),
        }
    }

    /// The same, with a reason: `code` is one word, and stands before the others, too.
    #[must_use]
    pub fn because(mut self, code: &'static str, words: impl std::fmt::Display) -> Self {
        self.reason = Some(format!("{code}: {words}"));
        self.error_code = Some(code);
        self
    }

    /// Takes back what the report says of a result that did not arrive: nothing was removed for anybody to see.
    pub fn set_undelivered(&mut self) {
        self.bytes_out = self.bytes_in;
        self.removed = 0;
        for label in self.labels.iter_mut().filter(|label| label.status == Status::Removed) {
            label.status = Status::Refused;
        }
    }

    /// The report of a file that `error` ended.
    pub fn of_error(error: &Error, bytes_in: u64) -> Self {
        let at = error.offset().map_or_else(String::new, |offset| format!(" (at byte {offset})"));
        let report = Self { format: error.format(), ..Self::new(Outcome::from(error), bytes_in) };
        report.because(error.kind().name(), format_args!("{}{at}", error.reason()))
    }
}
