//! What one tool needs of the machine: every program, environment name and secret that it mentions.

use std::collections::BTreeMap;

use crate::config::name::{EnvName, SecretName};
use crate::config::template::{Part, Template};
use crate::config::tool::{Command, Run, Tool};
use crate::diagnostic::Place;

/// What one tool mentions, each with the first place that does.
#[derive(Debug, Default)]
pub(super) struct Needs<'a> {
    pub(super) programs: BTreeMap<&'a str, &'a Place>,
    pub(super) environment: BTreeMap<&'a EnvName, &'a Place>,
    pub(super) secrets: BTreeMap<&'a SecretName, &'a Place>,
}

impl<'a> Needs<'a> {
    pub(super) fn of(tool: &'a Tool) -> Self {
        let mut needs = Self::run(&tool.run);
        for rules in tool.arguments.values() {
            rules.within.iter().for_each(|text| needs.template(text));
        }
        for sandbox in tool.sandboxes() {
            sandbox.paths().for_each(|text| needs.template(text));
        }
        needs
    }

    pub(super) fn run(run: &'a Run) -> Self {
        let mut needs = Self::default();
        match run {
            Run::Command(command) => needs.command(command),
            Run::Steps(steps) => {
                for step in &steps.list {
                    needs.command(&step.command);
                }
                steps.result.iter().for_each(|text| needs.template(text));
            }
            Run::Http(request) => {
                needs.template(&request.url);
                needs.named(&request.headers);
                request.body.iter().for_each(|text| needs.template(text));
            }
            Run::Mcp { .. } => {}
        }
        needs
    }

    fn command(&mut self, command: &'a Command) {
        self.programs
            .entry(&command.program)
            .or_insert(&command.place);
        for word in &command.words {
            word.templates().iter().for_each(|text| self.template(text));
        }
        self.named(&command.env);
        command.stdin.iter().for_each(|text| self.template(text));
        command.cwd.iter().for_each(|text| self.template(text));
    }

    fn named(&mut self, texts: &'a [(String, Template)]) {
        for (_, text) in texts {
            self.template(text);
        }
    }

    fn template(&mut self, text: &'a Template) {
        for part in &text.parts {
            match part {
                Part::Env(name) => {
                    self.environment.entry(name).or_insert(&text.place);
                }
                Part::Secret(name) => {
                    self.secrets.entry(name).or_insert(&text.place);
                }
                _ => {}
            }
        }
    }
}
