//! The integration tests: everything seen from outside, one module a feature.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it is"
)]

#[expect(dead_code, reason = "the program in `examples/` uses the rest")]
mod fake;

mod model;
