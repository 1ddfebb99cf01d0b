//! The integration tests: everything seen from outside, one module a feature.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it is"
)]

mod fake;

mod model;
