//! Reading a scenario and the world beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Answered, Calls, ExpectedAnswer, ExpectedCall, Recording, Scenario};
use crate::config::Config;
use crate::config::name::{EnvName, RoleName, ToolName};
use crate::config::settings::unknown_role;
use crate::config::template::Known;
use crate::config::tool::{Expect, report, unknown_tool};
use crate::config::yaml::{self, Fields, Node, Reader};
use crate::diagnostic::{Diagnostic, Place, Source, suggestion};
use crate::pattern::{Lengths, Names, Pattern};

/// The keys of a world, which are keys of a scenario too.
const WORLD: [&str; 2] = ["environment", "recordings"];

/// The keys of a scenario.
const SCENARIO: [&str; 9] = [
    "question",
    "role",
    "environment",
    "recordings",
    "approvals",
    "expect",
    "forbid",
    "answer",
    "script",
];

/// What to write where a file is something else.
const WHAT_IT_IS: &str = "a scenario asks a `question`, says which calls it must `expect`, and has the \
    `script` of the model's replies; what several share stands in `world.yaml`";

/// How a scenario names its verdicts.
const VERDICTS: [(&str, Expect); 3] = [
    ("allow", Expect::Allow),
    ("ask", Expect::Ask),
    ("deny", Expect::Deny),
];

/// What several scenarios share.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    environment: BTreeMap<EnvName, String>,
    recordings: Vec<Recording>,
}

/// Reads the file that the scenarios of a folder share.
pub(super) fn world(source: &Source, config: &Config, found: &mut Vec<Diagnostic>) -> World {
    let mut world = World::default();
    let Some(node) = yaml::parse(source, found) else {
        return world;
    };
    let mut reading = Reading::new(source, config, found);
    if let Some(fields) = reading.reader.fields(&node, "a world", &WORLD) {
        reading.add(&fields, &mut world);
    }
    world
}

/// Reads one scenario into the world beside it.
pub(super) fn scenario(
    source: &Source,
    beside: World,
    config: &Config,
    found: &mut Vec<Diagnostic>,
) -> Option<Scenario> {
    let node = yaml::parse(source, found)?;
    let mut reading = Reading::new(source, config, found);
    if is_something_else(&node) {
        let place = Place::file(Arc::clone(source.name()));
        let message = "this file is no scenario: it has neither `question` nor `script`";
        let other = Diagnostic::error("missing-key", place, message).help(WHAT_IT_IS);
        found.push(other);
        return None;
    }
    let fields = reading.reader.fields(&node, "a scenario", &SCENARIO)?;
    let mut world = World::default();
    reading.add(&fields, &mut world);
    world.recordings.extend(beside.recordings);
    let mut environment = beside.environment;
    environment.append(&mut world.environment);
    let question = reading.reader.required(
        &fields,
        "question",
        "a scenario",
        "write what the operator asks",
    );
    let question = question.and_then(|node| reading.reader.prose(node, "`question`"));
    let script = reading.reader.required(
        &fields,
        "script",
        "a scenario",
        "write what the scripted model replies: `[{text, calls: [{tool, input}]}]`",
    );
    let script = script.map(|node| reading.reader.json(node));
    Some(Scenario {
        name: reading.name(),
        role: reading.role(&fields),
        environment,
        recordings: world.recordings.into(),
        approvals: reading.each(&fields, "approvals", &["decision"], Reading::answered),
        calls: reading.each(
            &fields,
            "expect",
            &["verdict", "shown", "scripted"],
            Reading::expected,
        ),
        forbidden: reading.each(&fields, "forbid", &[], |_, _, calls| Some(calls)),
        answer: reading.answer(&fields),
        question: question?.trim().to_owned(),
        script: script?,
    })
}

/// Whether a mapping has nothing of a scenario, so that what it lacks is not worth telling key by key.
fn is_something_else(node: &Node) -> bool {
    let mut known = SCENARIO.iter();
    !node.members().is_empty() && known.all(|key| node.member(key).is_none())
}

struct Reading<'a> {
    reader: Reader<'a>,
    config: &'a Config,
}

impl<'a> Reading<'a> {
    fn new(source: &'a Source, config: &'a Config, found: &'a mut Vec<Diagnostic>) -> Self {
        let reader = Reader::new(source, found);
        Self { reader, config }
    }

    fn path(&self) -> &Path {
        Path::new(&**self.reader.source.name())
    }

    fn name(&self) -> String {
        let name = self.path().file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn role(&mut self, fields: &Fields<'_>) -> Option<RoleName> {
        let node = fields.get("role")?;
        let role = self.reader.text(node, "`role`")?;
        unknown_role(&mut self.reader, node, role, self.config.settings());
        Some(RoleName::new(role))
    }

    /// Adds what a file says of the world.
    fn add(&mut self, fields: &Fields<'_>, world: &mut World) {
        if let Some(node) = fields.get("environment") {
            self.environment(node, world);
        }
        let mut recordings = self.each(
            fields,
            "recordings",
            &["output", "exit_code"],
            Self::recording,
        );
        world.recordings.append(&mut recordings);
    }

    /// Values that begin with a dot are paths from the file's folder.
    fn environment(&mut self, node: &Node, world: &mut World) {
        let entries = self
            .reader
            .entries(node, "`environment`")
            .unwrap_or_default();
        for entry in entries {
            let known = &self.config.settings().environment;
            if !known.contains_key(entry.key.as_str()) {
                let names = known.keys().map(EnvName::as_str);
                let help = suggestion(&entry.key, names, "the names are");
                let message = format!("the settings list no environment name `{}`", entry.key);
                let place = self.reader.place_of(&entry.key_span);
                let found = Diagnostic::error("unknown-name", place, message).help(help);
                self.reader.found.push(found);
            }
            let Some(value) = self.reader.text(&entry.value, "a value of `environment`") else {
                continue;
            };
            let folder = self.path().parent().unwrap_or(Path::new(""));
            let value = match folder.join(value).canonicalize() {
                Ok(path) if value.starts_with('.') => path.display().to_string(),
                _ => value.to_owned(),
            };
            world
                .environment
                .insert(EnvName::new(entry.key.as_str()), value);
        }
    }

    /// Reads a list of mappings that each say which calls they are about, and more.
    fn each<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        more: &[&str],
        mut read: impl FnMut(&mut Self, &Fields<'_>, Calls) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = fields.get(key) else {
            return Vec::new();
        };
        let what = format!("`{key}`");
        let keys: Vec<&str> = ["tool", "match"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let mut read_all = Vec::new();
        for item in self.reader.list(node, &what).unwrap_or_default() {
            let Some(fields) = self
                .reader
                .fields(item, &format!("an item of {what}"), &keys)
            else {
                continue;
            };
            let calls = self.calls(&fields);
            read_all.extend(read(self, &fields, calls));
        }
        read_all
    }

    fn calls(&mut self, fields: &Fields<'_>) -> Calls {
        let tool = fields.get("tool").and_then(|node| {
            let name = self.reader.text(node, "`tool`")?;
            if self.config.tool(name).is_none() {
                let names: Vec<&str> = self.config.tools().keys().map(ToolName::as_str).collect();
                let known = Known {
                    names: &names,
                    complete: true,
                };
                unknown_tool(&mut self.reader, node, name, known);
            }
            Some(ToolName::new(name))
        });
        let pattern = fields.get("match").and_then(|node| {
            let text = self.reader.text(node, "`match`")?;
            let (pattern, problems) =
                match Pattern::parse(text, &Names::builtin(), Lengths::Ignored) {
                    Ok((pattern, hints)) => (Some(Arc::new(pattern)), hints),
                    Err(problems) => (None, problems),
                };
            report(&mut self.reader, node, problems);
            pattern
        });
        Calls { tool, pattern }
    }

    fn recording(&mut self, fields: &Fields<'_>, calls: Calls) -> Option<Recording> {
        self.reader.required(
            fields,
            "tool",
            "a recording",
            "name the tool whose answer it is",
        )?;
        let output = fields.get("output");
        let output = output.and_then(|node| self.reader.text(node, "`output`"));
        let code = fields.get("exit_code");
        let code = code.and_then(|node| self.reader.integer(node, "`exit_code`", 0..=255));
        Some(Recording {
            calls,
            output: output.unwrap_or_default().to_owned(),
            exit_code: code.and_then(|code| u8::try_from(code).ok()).unwrap_or(0),
        })
    }

    fn answered(&mut self, fields: &Fields<'_>, calls: Calls) -> Option<Answered> {
        let node = self.reader.required(
            fields,
            "decision",
            "an approval",
            "write `approve` or `deny`",
        )?;
        let words = [("approve", true), ("deny", false)];
        let is_approved = self.reader.choice(node, "`decision`", &words)?;
        Some(Answered { calls, is_approved })
    }

    fn expected(&mut self, fields: &Fields<'_>, calls: Calls) -> Option<ExpectedCall> {
        let verdict = fields.get("verdict");
        let verdict = verdict.map(|node| self.reader.choice(node, "`verdict`", &VERDICTS));
        let shown = fields.get("shown");
        let shown = shown.and_then(|node| self.reader.texts(node, "`shown`"));
        let scripted = fields.get("scripted");
        let scripted = scripted.and_then(|node| self.reader.boolean(node, "`scripted`"));
        Some(ExpectedCall {
            calls,
            verdict: verdict.unwrap_or(Some(Expect::Allow))?,
            shown: shown.unwrap_or_default(),
            is_scripted: scripted.unwrap_or(false),
        })
    }

    fn answer(&mut self, fields: &Fields<'_>) -> ExpectedAnswer {
        let fields = fields
            .get("answer")
            .and_then(|node| self.reader.fields(node, "`answer`", &["contains", "lacks"]));
        let mut texts = |key: &str| {
            let node = fields.as_ref().and_then(|fields| fields.get(key));
            let texts = node.and_then(|node| self.reader.texts(node, key));
            texts.unwrap_or_default()
        };
        ExpectedAnswer {
            contains: texts("contains"),
            lacks: texts("lacks"),
        }
    }
}
