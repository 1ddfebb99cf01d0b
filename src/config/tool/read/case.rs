//! Reading `tests:`, of tools and of policies.

use crate::config::name::ToolName;
use crate::config::tool::{Case, CaseInput, Expect};
use crate::config::yaml::{Kind, Node, Reader};

/// Reads cases; `tool` is the tool whose file they stand in, absent in a policy, where each case
/// names its own.
pub(crate) fn read_cases(
    reader: &mut Reader<'_>,
    node: &Node,
    tool: Option<&ToolName>,
) -> Vec<Case> {
    reader
        .list(node, "`tests`")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| read_case(reader, item, tool))
        .collect()
}

fn read_case(reader: &mut Reader<'_>, node: &Node, tool: Option<&ToolName>) -> Option<Case> {
    let known: &[&str] = if tool.is_some() {
        &["allow", "ask", "deny", "rule"]
    } else {
        &["tool", "allow", "ask", "deny", "rule"]
    };
    let fields = reader.fields(node, "a case", known)?;
    let tool = match tool {
        Some(tool) => tool.clone(),
        None => {
            let node = reader.required(
                &fields,
                "tool",
                "a policy's case",
                "name the tool that is called",
            )?;
            ToolName::new(reader.text(node, "`tool`")?)
        }
    };
    let expectations = [
        ("allow", Expect::Allow),
        ("ask", Expect::Ask),
        ("deny", Expect::Deny),
    ];
    let mut given = expectations
        .iter()
        .filter_map(|(key, expect)| fields.entry(key).map(|entry| (&entry.value, *expect)));
    let (Some((value, expect)), None) = (given.next(), given.next()) else {
        reader.error(
            "missing-key",
            node,
            "a case needs exactly one of `allow`, `ask` and `deny`",
            "write `- allow: get pods -A`, or the whole input: `- deny: {args: [get, secrets]}`",
        );
        return None;
    };
    let input = match &value.kind {
        Kind::Map(_) => CaseInput::Input(reader.json(value)),
        // An empty line is the list without words.
        Kind::Scalar { .. } if value.is_null() => CaseInput::Line(String::new()),
        Kind::Scalar { text, .. } => CaseInput::Line(text.clone()),
        Kind::List(_) => {
            reader.wrong_type(
                value,
                "a case's call",
                "a line, or the whole input as a mapping",
            );
            return None;
        }
    };
    let rule = fields
        .get("rule")
        .and_then(|node| reader.text(node, "`rule`"))
        .map(str::to_owned);
    Some(Case {
        tool,
        input,
        expect,
        rule,
        place: reader.place(value),
    })
}
