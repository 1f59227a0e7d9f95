//! Where cleaned files go.
