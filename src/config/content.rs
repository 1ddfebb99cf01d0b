//! What a file of a tool or a policy says, in one canonical text a section.
//!
//! Comments, spaces, quotes and the order of keys are gone, and so is what only explains or checks:
//! descriptions, reasons, cases. Two files with the same content mean the same, wherever they came
//! from, which is what an acknowledgement holds on to.

use std::collections::{BTreeMap, BTreeSet};

use super::yaml::{Kind, Node};
use crate::pattern::Names;

/// The sections of one file, by their key; each key of a parameter's rules is a section of its own
/// (`arguments.args.allow`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// The canonical text of each section.
    pub(crate) sections: BTreeMap<String, String>,
    /// The policies that its texts import names from.
    pub(crate) imports: BTreeSet<String>,
}

/// The key that is split further.
const SPLIT: &str = "arguments";

/// Lists of rules, whose `because` tells a reason and decides nothing.
const RULES: [&str; 4] = ["deny", "ask", "allow", "never"];

/// Annotations of JSON Schema: they tell the model what a parameter is for.
pub(crate) const ANNOTATIONS: [&str; 4] = ["description", "title", "examples", "$comment"];

impl Content {
    /// The content of one file.
    pub(crate) fn of(node: &Node) -> Self {
        let mut content = Self::default();
        for entry in node.members() {
            let path = [entry.key.as_str()];
            if entry.value.is_null() || is_explanation(&[], &entry.key) {
                continue;
            }
            entry.value.each_text(&mut |text| {
                let imports = Names::policies_in(text).map(str::to_owned);
                content.imports.extend(imports);
            });
            if entry.key == SPLIT {
                for parameter in entry.value.members() {
                    for rules in parameter.value.members() {
                        let path = [SPLIT, parameter.key.as_str(), rules.key.as_str()];
                        let text = canonical(&rules.value, &path);
                        content.sections.insert(path.join("."), text);
                    }
                }
            } else {
                let text = canonical(&entry.value, &path);
                content.sections.insert(entry.key.clone(), text);
            }
        }
        content
    }

    /// One section; empty where nothing is written.
    pub(crate) fn section(&self, path: &str) -> &str {
        self.sections.get(path).map_or("", String::as_str)
    }
}

/// Whether a key below this path says nothing that decides.
fn is_explanation(path: &[&str], key: &str) -> bool {
    match path {
        [] => ["description", "tests"].contains(&key),
        ["input"] | ["input", "properties", _] => ANNOTATIONS.contains(&key),
        [list, "-"] | [SPLIT, _, list, "-"] => key == "because" && RULES.contains(list),
        _ => false,
    }
}

/// JSON with sorted keys and without spaces; what is written plainly and is no text stays as it was
/// written, so that `1.0` and `1.00` are two things.
fn canonical(node: &Node, path: &[&str]) -> String {
    let below = |step| [path, &[step]].concat();
    match &node.kind {
        Kind::Refused => "null".to_owned(),
        Kind::Scalar { .. } if node.is_null() => "null".to_owned(),
        Kind::Scalar { text, .. } if node.plain_value().is_some() => text.clone(),
        Kind::Scalar { text, .. } => quoted(text),
        Kind::List(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| canonical(item, &below("-")))
                .collect();
            format!("[{}]", items.join(","))
        }
        Kind::Map(entries) => {
            let entries: BTreeMap<&str, &Node> = entries
                .iter()
                .filter(|entry| !is_explanation(path, &entry.key))
                .map(|entry| (entry.key.as_str(), &entry.value))
                .collect();
            let entries: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", quoted(key), canonical(value, &below(key))))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::Content;
    use crate::config::yaml;
    use crate::diagnostic::Source;

    fn content(text: &str) -> Content {
        let mut found = Vec::new();
        let node = yaml::parse(&Source::new("a.yaml", text), &mut found).unwrap();
        assert!(found.is_empty(), "{found:?}");
        Content::of(&node)
    }

    #[test]
    fn what_explains_or_checks_is_left_out_and_the_rest_is_sorted() {
        let content = content(
            "description: it reads\neffect: read # safe\ninput:\n  type: object\n  properties:\n    \
             description: {type: string, description: a text, maxLength: 1.0}\narguments:\n  args:\n    \
             deny: [{match: 'a <other.name>', because: no}]\n    allow: [b]\ntests: [{allow: b}]\n",
        );
        let sections: Vec<String> = content
            .sections
            .iter()
            .map(|(path, text)| format!("{path} {text}"))
            .collect();
        assert_eq!(
            sections,
            [
                r#"arguments.args.allow ["b"]"#,
                r#"arguments.args.deny [{"match":"a <other.name>"}]"#,
                r#"effect "read""#,
                r#"input {"properties":{"description":{"maxLength":1.0,"type":"string"}},"type":"object"}"#,
            ]
        );
        assert_eq!(content.imports.iter().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn quotes_and_order_say_nothing_but_a_number_is_no_text() {
        let one = content("a: {x: 'b', y: [1, 2]}\n");
        assert_eq!(one, content("a:\n  y:\n    - 1\n    - 2\n  x: b\n"));
        assert_ne!(one, content("a: {x: b, y: ['1', 2]}\n"));
        assert_ne!(one, content("a: {x: b, y: [2, 1]}\n"));
    }
}
