//! The set of command lines that a tool lets through, as an automaton: proofs, differences, witnesses.
//!
//! Two levels, never one automaton over the characters of a whole line. Below, [`automaton`] turns
//! every expression into a minimal automaton over one word, and [`words`] finds every kind of word
//! that the rules tell apart. Above, [`mod@line`] and [`track`] are automata over kinds of words — a
//! tool's template with its parameter rules, and the patterns of policies — and [`search`] walks them
//! together, cheapest line first. [`language`] compiles a tool into them; [`invariant`] asks whether a
//! forbidden line gets through. [`diff`] lays two configurations side by side, command lines and all.
//!
//! Budgets count states, so that every machine gives the same answer; only a search that saw
//! everything proves something. Every line that is shown was decided by [`crate::policy`] first.

mod automaton;

mod bits;

pub mod cache;

pub mod check;

mod classes;

pub mod compare;

mod cores;

pub mod diff;

mod expression;

mod grouping;

pub mod invariant;

mod language;

mod line;

pub mod lint;

pub mod mutant;

mod search;

mod track;

mod vocabulary;

mod witness;

mod words;

#[cfg(test)]
mod tests;
