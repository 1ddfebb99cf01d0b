//! What must hold of a list that is spliced into a command, word by word.

use super::rules::Rules;
use crate::config::tool::{ArgumentRules, Command, CommandWord, Rule, Run};
use crate::config::yaml::Reader;
use crate::diagnostic::{Diagnostic, Place};

/// Checks every command that a tool starts.
pub(super) fn check(reader: &mut Reader<'_>, run: &Run, rules: &Rules) {
    for command in run.commands() {
        for (at, word) in command.words.iter().enumerate() {
            let CommandWord::Splice { parameter, place } = word else {
                continue;
            };
            match rules.by_name.get(parameter) {
                Some(rules) if rules.allow.is_some() => {
                    check_ending(reader, command, at, (parameter, rules));
                }
                _ => check_ruled(reader, rules, parameter, place),
            }
        }
    }
}

/// The words go to the program as they are, so somebody must have said which words.
fn check_ruled(reader: &mut Reader<'_>, rules: &Rules, parameter: &str, place: &Place) {
    if rules.doubtful(parameter) {
        return;
    }
    reader.found.push(
        Diagnostic::error(
            "missing-allow",
            place.clone(),
            format!("`{parameter}` is spliced into the command, and no rule says which words it may hold"),
        )
        .help(format!(
            "write `arguments: {{{parameter}: {{allow: [...]}}}}`; `allow: ['**']` says \"anything\" on purpose"
        )),
    );
}

/// After a bare `--` a program takes everything for an operand, a forced flag included.
fn check_ending(
    reader: &mut Reader<'_>,
    command: &Command,
    at: usize,
    (parameter, rules): (&str, &ArgumentRules),
) {
    let forced = command
        .words
        .iter()
        .skip(at + 1)
        .find_map(|word| match word {
            CommandWord::One(template) => Some(template),
            CommandWord::Group(group) => group.first(),
            CommandWord::Splice { .. } => None,
        });
    let Some(forced) = forced.filter(|word| word.text != "--") else {
        return;
    };
    let ends = |rule: &&Rule| rule.pattern.may_end_with("--");
    let Some(rule) = rules.allow.iter().flatten().find(ends) else {
        return;
    };
    let refused = |rule: &Rule| ["** --", "** -- **"].contains(&rule.pattern.to_string().as_str());
    if rules.deny.iter().any(refused) {
        return;
    }
    reader.found.push(
        Diagnostic::warning(
            "word-after-splice",
            forced.place.clone(),
            format!(
                "`{}` stands after the words of `{parameter}`, which may end in a bare `--`: then it is no flag",
                forced.text
            ),
        )
        .label(rule.place.clone(), "this rule lets a bare `--` through")
        .help(format!(
            "write it before \"{{{{ {parameter} }}}}\", or deny the ending: `deny: ['** --']`"
        )),
    );
}

impl Rules {
    /// Whether the rules on a parameter are written, but could not be read: nothing follows from
    /// their absence.
    fn doubtful(&self, parameter: &str) -> bool {
        self.unread || self.doubtful.contains(parameter)
    }
}
