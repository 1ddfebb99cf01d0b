//! Calls whose question comes to nothing.

use super::*;
use crate::agent::id::ApprovalId;

#[test]
fn a_call_that_waits_ends_when_its_time_is_over_and_is_decided_again_when_it_is_outdated() {
    let (call_id, approval_id) = (CallId::from, ApprovalId::from("a1"));
    let effects = after_the_question([
        reply(Said::ToolUse, &["c1", "c2"]),
        waits("c1"),
        waits("c2"),
        Event::ApprovalSuperseded {
            call_id: call_id("c1"),
            approval_id: approval_id.clone(),
        },
        // Nothing waits until it is decided.
        answered("c1", true),
        Event::ApprovalExpired {
            call_id: call_id("c2"),
            approval_id,
        },
        decided("c1", Decision::Allow),
    ]);
    assert_eq!(
        effects,
        [
            "decide c1",
            "decide c2",
            "have c1 approved",
            "have c2 approved",
            "decide c1",
            "record end of c2: Expired",
            "record start of c1",
            "start c1",
        ]
    );
}
