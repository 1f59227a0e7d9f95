//! Whose keys are whose in `__metadata__`.

use crate::survey::Kind;

/// Fields of the model specification that say how a model is to be run, rather than what it is called.
const RUNS: [&str; 8] = [
    "sai_model_spec",
    "architecture",
    "implementation",
    "resolution",
    "prediction_type",
    "timestep_range",
    "encoder_layer",
    "hash_sha256",
];

/// Keys that loaders ask for.
const LOADERS: [&str; 6] = [
    "format",
    "total_parameters",
    "total_size",
    "quantization_config",
    "_quantization_metadata",
    "lora_adapter_metadata",
];

/// Who chose a key.
pub(super) fn kind(key: &str) -> Kind {
    match key.strip_prefix("modelspec.") {
        Some(field) if RUNS.contains(&field) => Kind::Bookkeeping,
        Some(_) => Kind::Standard,
        // What the trainer of kohya notes of its run.
        None if LOADERS.contains(&key) || key.starts_with("ss_") || key.starts_with("sshs_") => Kind::Bookkeeping,
        None => Kind::Custom,
    }
}
