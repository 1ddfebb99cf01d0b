//! Reading a file of `tools.d/`.

mod case;

mod naming;

mod rules;

mod run;

mod sandbox;

mod splice;

use std::collections::BTreeMap;

use super::{Effect, Keep, OutputLimits, Places, Run, Tool};
use crate::config::content::Content;
use crate::config::name::ToolName;
use crate::config::schema;
use crate::config::settings::Settings;
use crate::config::template::Known;
use crate::config::yaml::{Fields, Node, Reader};
use crate::diagnostic::Diagnostic;

pub(crate) use case::{read_cases, unknown_tool};
pub(crate) use naming::{check_unused, names, referred};
pub(crate) use rules::{Written, read_rules, report};
pub(crate) use sandbox::read_sandbox;

/// The keys of a tool.
const KEYS: [&str; 11] = [
    "description",
    "effect",
    "input",
    "run",
    "timeout",
    "output",
    "let",
    "parts",
    "arguments",
    "sandbox",
    "tests",
];

/// The name that the engine keeps for itself: it pages through the output of earlier calls.
pub(crate) const RESERVED: &str = "read_output";

/// What a file may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World<'a> {
    /// `tolkien.yaml`.
    pub(crate) settings: &'a Settings,
    /// The prompts, by file name.
    pub(crate) prompts: Known<'a>,
    /// The tools.
    pub(crate) tools: Known<'a>,
}

/// Reads one tool; absent when it cannot be used, with the reasons reported.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    name: &str,
    node: &Node,
    world: World<'_>,
) -> Option<Tool> {
    let before = reader.found.len();
    let fields = reader.fields(node, "a tool", &KEYS)?;
    if name == RESERVED {
        let place = reader.place_of(&(0..0));
        reader.found.push(
            Diagnostic::error(
                "reserved-name",
                place,
                format!("the engine keeps the name `{RESERVED}` for itself"),
            )
            .help("give the tool's file another name"),
        );
    }
    let description = description(reader, &fields);
    let (effect_node, effect) = effect(reader, &fields);
    let help = "write the JSON Schema of its arguments: `{type: object, properties: {…}}`";
    let input_node = reader.required(&fields, "input", "a tool", help);
    let input = schema::read(reader, input_node);
    let names = names(reader, &fields, &BTreeMap::new());
    let help = "write what it starts: `run: {command: [program, \"{{ args }}\"]}`";
    let run_node = reader.required(&fields, "run", "a tool", help);
    let run = run_node.and_then(|node| run::read(reader, node, (&input, &names), effect, world));
    let rules = rules::read_arguments(reader, name, &fields, (&input, &names), world);
    if let Some(run) = &run {
        splice::check(reader, run, &rules);
    }
    let timeout = fields
        .get("timeout")
        .and_then(|node| reader.duration(node, "`timeout`"));
    let output = fields
        .get("output")
        .and_then(|node| output(reader, node))
        .unwrap_or_default();
    let sandbox = fields
        .get("sandbox")
        .and_then(|node| read_sandbox(reader, node, world.settings));
    let tests = fields
        .get("tests")
        .map(|node| read_cases(reader, node, Some(&ToolName::new(name)), world.tools))
        .unwrap_or_default();
    if reader.failed_since(before) {
        return None;
    }
    // A rule with a mistake may be the one that was meant to refer to a name.
    check_unused(reader, &fields, &referred(&[node]));
    Some(Tool {
        name: ToolName::new(name),
        description: description?,
        effect: effect?,
        places: Places {
            file: reader.place_of(&(0..0)),
            effect: reader.place(effect_node?),
            input: reader.place_of(&first_line(input_node?)),
            run: reader.place_of(&first_line(run_node?)),
        },
        input: input.schema?,
        run: run?,
        timeout,
        output,
        arguments: rules.by_name,
        sandbox,
        tests,
        content: Content::of(node),
    })
}

fn description(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    let help = "tell the model what it is for, with an example";
    let node = reader.required(fields, "description", "a tool", help)?;
    reader.prose(node, "`description`").map(str::to_owned)
}

fn effect<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>) -> (Option<&'n Node>, Option<Effect>) {
    let help = "write `effect: read`, or `effect: write` when it changes anything";
    let node = reader.required(fields, "effect", "a tool", help);
    let words = [("read", Effect::Read), ("write", Effect::Write)];
    let effect = node.and_then(|node| reader.choice(node, "`effect`", &words));
    (node, effect)
}

/// A mapping's start: its whole range would underline half the file.
fn first_line(node: &Node) -> std::ops::Range<usize> {
    node.span.start..node.span.start
}

impl Run {
    /// Every command that it starts.
    pub fn commands(&self) -> Vec<&super::Command> {
        match self {
            Self::Command(command) => vec![command],
            Self::Steps(steps) => steps.list.iter().map(|step| &step.command).collect(),
            Self::Http(_) | Self::Mcp { .. } => Vec::new(),
        }
    }
}

fn output(reader: &mut Reader<'_>, node: &Node) -> Option<OutputLimits> {
    let fields = reader.fields(node, "`output`", &["limit", "keep", "keep_bytes"])?;
    let default = OutputLimits::default();
    let mut number = |key: &str, bounds: std::ops::RangeInclusive<i64>, default: usize| {
        fields
            .get(key)
            .and_then(|node| reader.integer(node, &format!("`{key}`"), bounds))
            .and_then(|value| usize::try_from(value).ok())
            .unwrap_or(default)
    };
    let limit = number("limit", 100..=1_000_000, default.limit);
    let keep_bytes = number("keep_bytes", 1_024..=64 * 1024 * 1024, default.keep_bytes);
    let words = [
        ("head", Keep::Head),
        ("tail", Keep::Tail),
        ("head_tail", Keep::HeadTail),
    ];
    let keep = fields
        .get("keep")
        .and_then(|node| reader.choice(node, "`keep`", &words))
        .unwrap_or(default.keep);
    Some(OutputLimits {
        limit,
        keep,
        keep_bytes,
    })
}
