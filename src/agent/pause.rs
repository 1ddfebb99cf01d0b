//! Stopping the calls of all tools at once.

use jiff::Timestamp;

use crate::config::name::CallerName;

/// A time in which no call of a tool starts, on any server that shares the store; what ran when it
/// began was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Who stopped them.
    pub by: CallerName,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}
