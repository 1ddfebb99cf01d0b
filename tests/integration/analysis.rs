//! What the analysis says of whole configurations: invariants, differences, refactorings.

mod budget;

mod cache;

mod holes;

mod invariants;

mod large;

mod refactorings;

pub(crate) mod world;
