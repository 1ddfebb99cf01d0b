//! Lints: rules that say nothing, say what others say, or say less than they seem to; and commands that
//! take what the model says for a program.
//!
//! [`survey`] finds out what each rule does for each tool that meets it; only what holds for every
//! such tool is told of a policy's rule. Nothing is told that was not searched to the end, and where
//! a search does not come to its end, that is told.

mod case;

mod flag;

mod question;

mod report;

mod script;

mod survey;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analysis::check::Known;
use crate::analysis::cores;
use crate::analysis::expression::TooLarge;
use crate::config::Config;
use crate::config::tool::Tool;
use crate::diagnostic::Diagnostic;

/// Everything that there is to say about the rules of a configuration.
pub(super) fn lint(config: &Config, known: &Known<'_>) -> Vec<Diagnostic> {
    let mut found = case::lint(config);
    found.extend(script::lint(config));
    let mut surveys = BTreeMap::new();
    let tools: Vec<&Arc<Tool>> = config.tools().values().collect();
    let looked = cores::map(&tools, |tool| {
        let survey = known.answer("survey", tool, || survey::survey(config, tool));
        survey.and_then(|survey| {
            let flags = flag::lint(config, tool, &survey)?;
            Ok((survey, flags))
        })
    });
    for (tool, looked) in tools.into_iter().zip(looked) {
        match looked {
            Ok((survey, flags)) => {
                surveys.insert(tool.name.clone(), survey);
                found.extend(flags);
            }
            Err(TooLarge(what)) => found.push(report::undone(tool, &what)),
        }
    }
    found.extend(report::report(config, &surveys));
    found
}
