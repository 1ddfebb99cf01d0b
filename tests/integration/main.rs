//! Everything that is tested from outside, in one binary: a module for each feature.

mod decision;

mod diagnostics;

mod house;
