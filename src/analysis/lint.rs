//! Lints: rules that say nothing, say what others say, or say less than they seem to.
//!
//! [`survey`] finds out what each rule does for each tool that meets it; only what holds for every
//! such tool is told of a policy's rule. Nothing is told that was not searched to the end, and where
//! a search does not come to its end, that is told.

mod case;

mod flag;

mod question;

mod report;

mod survey;

use std::collections::BTreeMap;

use crate::analysis::check::Known;
use crate::analysis::expression::TooLarge;
use crate::config::Config;
use crate::diagnostic::Diagnostic;

/// Everything that there is to say about the rules of a configuration.
pub(super) fn lint(config: &Config, known: &Known<'_>) -> Vec<Diagnostic> {
    let mut found = case::lint(config);
    let mut surveys = BTreeMap::new();
    for (name, tool) in config.tools() {
        let survey = known.answer("survey", tool, || survey::survey(config, tool));
        let looked = survey.and_then(|survey| {
            let flags = flag::lint(config, tool, &survey);
            surveys.insert(name.clone(), survey);
            flags
        });
        match looked {
            Ok(flags) => found.extend(flags),
            Err(TooLarge(what)) => found.push(report::undone(tool, &what)),
        }
    }
    found.extend(report::report(config, &surveys));
    found
}
