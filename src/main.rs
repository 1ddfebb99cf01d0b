//! The `tolkien` binary.

fn main() {}
