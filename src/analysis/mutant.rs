//! Mutants: every rule made weaker in turn, which some case must notice.
//!
//! A rule that can be weakened without a case failing is written but not tested: the next person who
//! touches it breaks it and is told nothing. Mutants that change nothing are recognised exactly and
//! not counted; for each that survives there is a call which only the whole rule stops, and which makes
//! the missing case.

mod finding;

mod made;

mod trial;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compare::languages;
use crate::config::Config;
use crate::config::name::ToolName;
use crate::config::tool::{Case, Tool};
use crate::diagnostic::Diagnostic;
use crate::policy;
use made::Mutant;

/// What came of all mutants.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were made.
    pub made: usize,
    /// Those that a case notices.
    pub noticed: usize,
    /// Those that change nothing, whatever the call.
    pub equal: usize,
    /// For each of the others a finding.
    pub findings: Vec<Diagnostic>,
}

/// What became of one mutant.
enum Fate {
    Noticed,
    Equal,
    /// This call of this tool is decided otherwise, and no case says so.
    Survives(ToolName, Value),
    Undecided(String),
}

/// Makes every mutant of a configuration, and looks at what notices it.
pub fn test(config: &Config) -> Report {
    let mutants = made::all(config);
    let mut report = Report {
        made: mutants.len(),
        ..Report::default()
    };
    let mut fates: BTreeMap<usize, Fate> = BTreeMap::new();
    for (number, mutant) in mutants.iter().enumerate() {
        if is_noticed(config, mutant) {
            fates.insert(number, Fate::Noticed);
        }
    }
    let left = |number: &usize| !fates.contains_key(number);
    let left: Vec<usize> = (0..mutants.len()).filter(left).collect();
    let told = trial::differences(config, &mutants, &left);
    for number in left {
        if let Some(mutant) = mutants.get(number) {
            let fate = match told.get(&number) {
                Some(trial::Difference::None) => Fate::Equal,
                Some(trial::Difference::Call(tool, input)) => {
                    Fate::Survives(tool.clone(), input.clone())
                }
                None => compared(config, mutant),
            };
            fates.insert(number, fate);
        }
    }
    for (number, fate) in fates {
        let Some(mutant) = mutants.get(number) else {
            continue;
        };
        match fate {
            Fate::Noticed => report.noticed += 1,
            Fate::Equal => report.equal += 1,
            Fate::Survives(tool, input) => {
                report
                    .findings
                    .extend(finding::survives(config, mutant, &tool, &input));
            }
            Fate::Undecided(why) => report.findings.push(finding::undecided(mutant, &why)),
        }
    }
    // One case may be missing for several: a rule as a whole, and the alternative that the call is of.
    let mut seen = BTreeSet::new();
    report
        .findings
        .retain(|found| seen.insert((found.place.to_string(), found.help.clone())));
    report
}

/// Whether a case is decided otherwise than it says.
fn is_noticed(config: &Config, mutant: &Mutant<'_>) -> bool {
    let touched: Vec<&Case> = mutant
        .tools(config)
        .into_iter()
        .flat_map(|tool| cases(config, tool).map(move |case| (tool, case)))
        .filter(|(tool, case)| mutant.may_touch(config, tool, case))
        .map(|(_, case)| case)
        .collect();
    if touched.is_empty() {
        return false;
    }
    let changed = mutant.config(config);
    touched.iter().any(|case| !policy::holds(&changed, case))
}

/// Every case of a tool, its own and those of the policies that select it.
fn cases<'a>(config: &'a Config, tool: &'a Tool) -> impl Iterator<Item = &'a Case> {
    let policies = config.policies().values();
    let of_policies = policies.flat_map(|policy| &policy.tests);
    let about = of_policies.filter(move |case| case.tool == tool.name);
    tool.tests.iter().chain(about)
}

/// What a whole comparison says of a mutant.
fn compared(config: &Config, mutant: &Mutant<'_>) -> Fate {
    let changed = mutant.config(config);
    for tool in mutant.tools(config) {
        let after = changed.tool(tool.name.as_str());
        let difference = languages(
            Some((config, tool)),
            after.map(|after| (&changed, after.as_ref())),
        );
        let mut shown = difference.permitted.iter().chain(&difference.denied);
        if let Some(input) = shown.find_map(|witness| witness.input.clone()) {
            return Fate::Survives(tool.name.clone(), input);
        }
        if !difference.equal {
            let why = difference.undecided.unwrap_or_default();
            return Fate::Undecided(why);
        }
    }
    Fate::Equal
}
