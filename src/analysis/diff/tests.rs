//! Differences of small configurations, each with one change.

mod acknowledging;

mod settings;

mod tool;

mod world;
