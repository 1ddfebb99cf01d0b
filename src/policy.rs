//! Deciding whether a call may happen.
