//! Everything that is tested from outside, in one binary: a module for each feature.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it is"
)]

mod analysis;

mod audit;

mod bad_link;

mod busy;

mod chance;

mod commands;

mod decision;

mod diagnostics;

mod end_to_end;

mod eval;

#[expect(dead_code, reason = "the program in `examples/` uses the rest")]
mod fake;

mod faults;

mod house;

mod http;

mod kills;

mod model;

mod mutants;

#[path = "../postgres.rs"]
mod postgres;

mod proposals;

mod redaction;

mod reload;

mod running;

mod sandbox;

mod session;

mod shutdown;
