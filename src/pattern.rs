//! Usage-line patterns and named expressions: parse, match, print.

/// A parsed pattern.
#[derive(Debug)]
pub struct Pattern;
/// Many patterns compiled together.
#[derive(Debug, Default)]
pub struct RuleSet;
/// One expression, matched whole.
#[derive(Debug)]
pub struct Expression;
