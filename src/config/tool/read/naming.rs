//! Reading names: `let` and `parts`, of tools and of policies.

use std::collections::BTreeMap;

use super::report;
use crate::config::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::Diagnostic;
use crate::pattern::{NameProblem, Names};

/// Reads `let` and `parts`; `imported` holds other policies' names.
pub(crate) fn names(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    imported: &BTreeMap<String, Names>,
) -> Names {
    let mut nodes: BTreeMap<(bool, &str), &Node> = BTreeMap::new();
    let mut lets = Vec::new();
    let mut parts = Vec::new();
    if let Some(node) = fields.get("let") {
        for entry in reader.entries(node, "`let`").unwrap_or_default() {
            if let Some((node, text, max)) = expression(reader, &entry.value) {
                nodes.insert((false, &entry.key), node);
                lets.push((entry.key.as_str(), text, max));
            }
        }
    }
    if let Some(node) = fields.get("parts") {
        for entry in reader.entries(node, "`parts`").unwrap_or_default() {
            if let Some(text) = reader.text(&entry.value, "a part") {
                nodes.insert((true, &entry.key), &entry.value);
                parts.push((entry.key.as_str(), text.to_owned()));
            }
        }
    }
    let lets = lets
        .iter()
        .map(|(name, text, max)| (*name, text.as_str(), *max));
    let parts = parts.iter().map(|(name, text)| (*name, text.as_str()));
    let (names, problems) = Names::new(lets, parts, imported);
    for NameProblem {
        name,
        part,
        problem,
    } in problems
    {
        if let Some(node) = nodes.get(&(part, name.as_str())) {
            report(reader, node, vec![problem]);
        }
    }
    names
}

/// A `let`: a text, or `{re, max}`.
fn expression<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
) -> Option<(&'n Node, String, Option<u32>)> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Some((node, reader.text(node, "an expression")?.to_owned(), None));
    }
    let fields = reader.fields(node, "a named expression", &["re", "max"])?;
    let re = reader.required(
        &fields,
        "re",
        "a named expression",
        "write `{re: '[a-z]+', max: 63}`",
    )?;
    let text = reader.text(re, "`re`")?.to_owned();
    let max = fields
        .get("max")
        .and_then(|node| reader.integer(node, "`max`", 1..=1_000_000))
        .and_then(|max| u32::try_from(max).ok());
    Some((re, text, max))
}

/// Reports names that nothing refers to; `readers` is everything that could.
pub(crate) fn check_unused(reader: &mut Reader<'_>, fields: &Fields<'_>, readers: &[&Node]) {
    let mut unused: Vec<(&str, &str, &std::ops::Range<usize>)> = ["let", "parts"]
        .into_iter()
        .filter_map(|section| Some((section, fields.get(section)?)))
        .flat_map(|(section, node)| {
            let members = node.members().iter();
            members.map(move |entry| (section, entry.key.as_str(), &entry.key_span))
        })
        .collect();
    for node in readers {
        node.each_text(&mut |text| {
            unused.retain(|(_, name, _)| {
                let reference = |end: &str| end == *name || end.ends_with(&format!(".{name}"));
                !text
                    .split('<')
                    .skip(1)
                    .filter_map(|rest| rest.split_once('>'))
                    .any(|(end, _)| reference(end))
            });
        });
    }
    for (section, name, span) in unused {
        let place = reader.place_of(span);
        reader.found.push(
            Diagnostic::warning(
                "unused-name",
                place,
                format!("nothing refers to `<{name}>`"),
            )
            .help(format!(
                "remove it from `{section}`, or write `<{name}>` in a rule"
            )),
        );
    }
}
