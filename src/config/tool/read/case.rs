//! Reading `tests:`, of tools and of policies.

use crate::config::name::ToolName;
use crate::config::template::Known;
use crate::config::tool::{Case, CaseInput, Expect};
use crate::config::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::suggestion;

/// Reads cases; `tool` is the tool whose file they stand in, absent in a policy, where each case
/// names its own of the `known` tools.
pub(crate) fn read_cases(
    reader: &mut Reader<'_>,
    node: &Node,
    tool: Option<&ToolName>,
    known: Known<'_>,
) -> Vec<Case> {
    reader
        .list(node, "`tests`")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| read_case(reader, item, tool, known))
        .collect()
}

fn read_case(
    reader: &mut Reader<'_>,
    node: &Node,
    tool: Option<&ToolName>,
    known: Known<'_>,
) -> Option<Case> {
    let keys: &[&str] = if tool.is_some() {
        &["allow", "ask", "deny", "rule"]
    } else {
        &["tool", "allow", "ask", "deny", "rule"]
    };
    let fields = reader.fields(node, "a case", keys)?;
    let tool = match tool {
        Some(tool) => Some(tool.clone()),
        None => called(reader, &fields, known),
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
        if !expectations
            .iter()
            .any(|(key, _)| reader.misspelt(&fields, key))
        {
            reader.error(
                "missing-key",
                node,
                "a case needs exactly one of `allow`, `ask` and `deny`",
                "write `- allow: get pods -A`, or the whole input: `- deny: {args: [get, secrets]}`",
            );
        }
        return None;
    };
    let input = match &value.kind {
        Kind::Map(_) => CaseInput::Input(reader.json(value)),
        // An empty line is the list without words.
        Kind::Scalar { .. } if value.is_null() => CaseInput::Line(String::new()),
        Kind::Scalar { text, .. } => CaseInput::Line(text.clone()),
        Kind::List(_) | Kind::Refused => {
            reader.wrong_type(
                value,
                "a case's call",
                "a line, or the whole input as a mapping",
            );
            return None;
        }
    };
    let rule_node = fields.get("rule");
    let rule = rule_node.and_then(|node| reader.text(node, "`rule`"));
    Some(Case {
        tool: tool?,
        input,
        expect,
        rule: rule.map(str::to_owned),
        rule_place: rule_node.map(|node| reader.place(node)),
        place: reader.place(value),
    })
}

/// The tool that a policy's case calls.
fn called(reader: &mut Reader<'_>, fields: &Fields<'_>, known: Known<'_>) -> Option<ToolName> {
    let help = "name the tool that is called";
    let node = reader.required(fields, "tool", "a policy's case", help)?;
    let name = reader.text(node, "`tool`")?;
    if known.complete && !known.names.contains(&name) {
        unknown_tool(reader, node, name, known);
        return None;
    }
    Some(ToolName::new(name))
}

/// Reports a name, or a glob, that no tool has.
pub(crate) fn unknown_tool(reader: &mut Reader<'_>, node: &Node, name: &str, known: Known<'_>) {
    reader.error(
        "unknown-tool",
        node,
        format!("no tool is named `{name}`"),
        suggestion(name, known.names.iter().copied(), "the tools are"),
    );
}
