//! Reading a part of the trail.

use super::Content;
use crate::policy::Decision;

/// A place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The chain.
    pub writer: String,
    /// The record's number there.
    pub number: u64,
}

/// Which part of the trail; every part that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only what comes after this record.
    pub after: Option<Place>,
    /// Of the sessions whose ids begin so.
    pub session: Option<String>,
    /// Of this tool.
    pub tool: Option<String>,
    /// Of this caller.
    pub caller: Option<String>,
    /// Decisions with this answer.
    pub verdict: Option<Decision>,
    /// How many at most.
    pub most: u32,
}

impl Filter {
    /// Whether it lets a record through; its place and their number are not looked at.
    pub fn covers(&self, content: &Content) -> bool {
        let record = &content.record;
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let session = self.session.as_deref().unwrap_or_default();
        content.session.as_str().starts_with(session)
            && is(&self.tool, &record.tool)
            && is(&self.caller, record.caller.as_str())
            && (self.verdict.is_none() || self.verdict == record.verdict())
    }
}
