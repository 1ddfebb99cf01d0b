//! Cases that test no rule: a call that is denied because it is not even valid.

use std::sync::Arc;

use serde_json::Value;

use crate::analysis::language::policies;
use crate::config::Config;
use crate::config::policy::Policy;
use crate::config::tool::{Case, Expect, Tool};
use crate::diagnostic::Diagnostic;
use crate::policy::{self, Request, decide_for};

/// Looks at every case that expects a denial.
pub(super) fn lint(config: &Config) -> Vec<Diagnostic> {
    let of_tools = config.tools().values().flat_map(|tool| &tool.tests);
    let of_policies = config.policies().values().flat_map(|policy| &policy.tests);
    let cases = of_tools.chain(of_policies);
    let found = cases.filter_map(|case| {
        let tool = config.tool(case.tool.as_str())?;
        let input = policy::input(tool, &case.input).ok()?;
        untested(config, tool, case, &input)
    });
    found.collect()
}

fn untested(config: &Config, tool: &Tool, case: &Case, input: &Value) -> Option<Diagnostic> {
    let (Expect::Deny, None) = (case.expect, &case.rule) else {
        return None;
    };
    if !has_rules(config, tool) {
        return None;
    }
    let request = Request {
        tool: tool.name.as_str(),
        input,
    };
    let verdict = decide_for(config, request, None);
    let reason = verdict.reason();
    let schema = format!("{}.input", tool.name);
    (reason.rule.as_str() == schema).then(|| {
        Diagnostic::warning(
            "case-without-rule",
            case.place.clone(),
            format!(
                "this case tests no rule, since its input is not valid: {}",
                reason.because
            ),
        )
        .label(tool.places.input.clone(), "the schema denies it")
        .help(format!(
            "mend the input, or write `rule: {schema}` beside it where the schema is what is tested"
        ))
    })
}

/// Whether a rule could deny a call of the tool; where none could, only the schema is left to test.
fn has_rules(config: &Config, tool: &Tool) -> bool {
    let denies = |policy: &Arc<Policy>| !policy.deny.is_empty() || policy.allow.is_some();
    !tool.arguments.is_empty() || policies(config, tool).iter().any(denies)
}
