//! Deciding whether a call may happen.
//!
//! [`decide()`] is total and pure, answers the same on every machine, and denies what it cannot
//! judge. It is the only maker of a [`Permit`], and a permit is the only thing that
//! [`crate::tool`] runs, so every door — HTTP, MCP, Telegram, the command line — passes here.

mod approver;

mod case;

mod decide;

mod redactions;

mod verdict;

pub use approver::{anybody_may_approve, may_approve};
pub(crate) use case::holds;
pub use case::{check, input, load};
pub use decide::{Request, decide, let_through, visible_tools};
pub(crate) use decide::{decide_for, effect_decision};
pub use redactions::{Redactions, redactions};
pub use verdict::{Approver, Decision, Pending, Permit, Reason, Refusal, Verdict};
