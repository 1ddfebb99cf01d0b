//! Reading `steps`: several programs in one private folder.

use super::{Scope, Spot, command};
use crate::config::tool::{Requirement, Step, Steps, read_sandbox};
use crate::config::yaml::{Fields, Node, Reader};
use crate::pattern;

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
    let mut failed = items.is_empty();
    for item in items {
        match step(reader, item, scope) {
            Some(step) => {
                scope.steps.extend(step.id.clone());
                list.push(step);
            }
            None => failed = true,
        }
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
        .map(|node| scope.parse(reader, node, "`result`", Spot::Result));
    if failed || result.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    Some(Steps {
        workspace,
        list,
        result: result.flatten(),
    })
}

fn step(reader: &mut Reader<'_>, node: &Node, scope: &Scope<'_>) -> Option<Step> {
    let known = [
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
    let fields = reader.fields(node, "a step", &known)?;
    reader.required(
        &fields,
        "command",
        "a step",
        "write `command: [program, …]`",
    );
    let id = fields.get("id").and_then(|node| {
        let id = reader.text(node, "`id`")?;
        if !crate::config::schema::is_identifier(id) || scope.steps.iter().any(|other| other == id)
        {
            reader.error(
                "bad-name",
                node,
                format!("`{id}` cannot name a step"),
                "use letters, digits and `_`, and each name once",
            );
            return None;
        }
        Some(id.to_owned())
    });
    let command = command(reader, &fields, scope);
    let timeout = fields
        .get("timeout")
        .and_then(|node| reader.duration(node, "`timeout`"));
    let idle_timeout = fields
        .get("idle_timeout")
        .and_then(|node| reader.duration(node, "`idle_timeout`"));
    let sandbox = fields
        .get("sandbox")
        .and_then(|node| read_sandbox(reader, node));
    let require = fields
        .get("require")
        .and_then(|node| requirement(reader, node));
    Some(Step {
        id,
        command: command?,
        timeout,
        idle_timeout,
        sandbox,
        require,
    })
}

fn requirement(reader: &mut Reader<'_>, node: &Node) -> Option<Requirement> {
    let fields = reader.fields(
        node,
        "`require`",
        &["match", "each_line", "not_empty", "because"],
    )?;
    let mut expression = |key: &str| {
        let node = fields.get(key)?;
        let text = reader.text(node, "an expression")?;
        match pattern::Expression::whole(text, &pattern::Names::builtin()) {
            Ok((expression, hints)) => {
                crate::config::tool::report(reader, node, hints);
                Some(expression)
            }
            Err(problems) => {
                crate::config::tool::report(reader, node, problems);
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
        .and_then(|node| reader.text(node, "`because`"))
        .map(str::to_owned);
    Some(Requirement {
        expression: whole,
        each_line,
        not_empty,
        because,
    })
}
