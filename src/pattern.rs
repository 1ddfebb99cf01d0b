//! Usage-line patterns and named expressions: parse, match, print.
