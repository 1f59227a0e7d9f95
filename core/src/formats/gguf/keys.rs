//! Whose keys are whose.

use crate::survey::Kind;

/// Fields of `general.` without which a file is read otherwise.
const NEEDED: [&str; 5] = ["architecture", "alignment", "quantization_version", "file_type", "type"];

/// The first parts of keys that programs keep for themselves.
const PROGRAMS: [&str; 14] = [
    "adapter",
    "clip",
    "controlvector",
    "diffusion",
    "imatrix",
    "mmproj",
    "quantize",
    "rope",
    "sampling",
    "split",
    "tokenizer",
    "training",
    "vision",
    "xlora",
];

/// Who chose a key of a model of this architecture.
pub(super) fn kind(key: &str, architecture: &str) -> Kind {
    match key.split_once('.') {
        Some(("general", field)) if NEEDED.contains(&field) => Kind::Bookkeeping,
        Some(("general", _)) => Kind::Standard,
        Some((first, _)) if PROGRAMS.contains(&first) || first == architecture => Kind::Bookkeeping,
        _ => Kind::Custom,
    }
}
