//! Reading `steps`: several programs in one private folder.

use super::{Scope, Spot, command};
use crate::config::schema::is_identifier;
use crate::config::tool::{Requirement, Step, Steps, read_sandbox, report};
use crate::config::yaml::{Fields, Node, Reader};
use crate::pattern::Expression;

pub(super) fn steps(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    scope: &mut Scope<'_>,
) -> Option<Steps> {
    let workspace = fields
        .get("workspace")
        .and_then(|node| reader.boolean(node, "`workspace`"))
        .unwrap_or(false);
    scope.workspace = workspace;
    let items = reader.list(fields.get("steps")?, "`steps`")?;
    let mut list = Vec::new();
    for item in items {
        let (id, step) = step(reader, item, scope);
        scope.steps.extend(id);
        list.extend(step);
    }
    if items.is_empty()
        && let Some(node) = fields.get("steps")
    {
        reader.error(
            "missing-key",
            node,
            "`steps` is empty",
            "write at least one `- command: [...]`",
        );
    }
    let result = fields
        .get("result")
        .and_then(|node| scope.parse(reader, node, "`result`", Spot::Result));
    Some(Steps {
        workspace,
        list,
        result,
    })
}

/// The keys of a step.
const KEYS: [&str; 10] = [
    "id",
    "command",
    "env",
    "cwd",
    "stdin",
    "timeout",
    "idle_timeout",
    "ok",
    "sandbox",
    "require",
];

/// A step, and its name even where the rest could not be read.
fn step(reader: &mut Reader<'_>, node: &Node, scope: &Scope<'_>) -> (Option<String>, Option<Step>) {
    let Some(fields) = reader.fields(node, "a step", &KEYS) else {
        return (None, None);
    };
    let help = "write `command: [program, …]`";
    reader.required(&fields, "command", "a step", help);
    let id = fields
        .get("id")
        .and_then(|node| step_id(reader, node, scope));
    let command = command(reader, &fields, scope);
    let mut duration = |key: &str| {
        let node = fields.get(key)?;
        reader.duration(node, &format!("`{key}`"))
    };
    let (timeout, idle_timeout) = (duration("timeout"), duration("idle_timeout"));
    let sandbox = fields
        .get("sandbox")
        .and_then(|node| read_sandbox(reader, node, scope.world.settings));
    let require = fields
        .get("require")
        .and_then(|node| requirement(reader, node, scope));
    let step = command.map(|command| Step {
        id: id.clone(),
        command,
        timeout,
        idle_timeout,
        sandbox,
        require,
    });
    (id, step)
}

fn step_id(reader: &mut Reader<'_>, node: &Node, scope: &Scope<'_>) -> Option<String> {
    let id = reader.text(node, "`id`")?;
    if !is_identifier(id) {
        reader.error(
            "bad-name",
            node,
            format!("`{id}` cannot name a step"),
            "use letters, digits and `_`, and start with a letter",
        );
        return None;
    }
    if scope.steps.iter().any(|other| other == id) {
        reader.error(
            "duplicate-step",
            node,
            format!("there is a second step `{id}`"),
            "give each step an `id` of its own",
        );
        return None;
    }
    Some(id.to_owned())
}

fn requirement(reader: &mut Reader<'_>, node: &Node, scope: &Scope<'_>) -> Option<Requirement> {
    let fields = reader.fields(
        node,
        "`require`",
        &["match", "each_line", "not_empty", "because"],
    )?;
    let mut expression = |key: &str| {
        let node = fields.get(key)?;
        let text = reader.text(node, "an expression")?;
        match Expression::whole(text, scope.names) {
            Ok((expression, hints)) => {
                report(reader, node, hints);
                Some(expression)
            }
            Err(problems) => {
                report(reader, node, problems);
                None
            }
        }
    };
    let (whole, each_line) = (expression("match"), expression("each_line"));
    let not_empty = fields
        .get("not_empty")
        .and_then(|node| reader.boolean(node, "`not_empty`"))
        .unwrap_or(false);
    let because = fields
        .get("because")
        .and_then(|node| reader.prose(node, "`because`"))
        .map(str::to_owned);
    let keys = ["match", "each_line", "not_empty"];
    if keys.iter().all(|key| fields.get(key).is_none())
        && !keys.iter().any(|key| reader.misspelt(&fields, key))
    {
        reader.error(
            "missing-key",
            node,
            "`require` requires nothing",
            "write `match: EXPRESSION`, `each_line: EXPRESSION` or `not_empty: true`",
        );
    }
    Some(Requirement {
        expression: whole,
        each_line,
        not_empty,
        because,
    })
}
