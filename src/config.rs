//! Loading a folder into one checked configuration, or diagnostics.
