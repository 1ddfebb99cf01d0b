//! Random tools whose templates tie parameters together, and small edits of them: what a line alone does
//! not tell.

use serde_json::{Value, json};

use super::Random;
use super::roots::{Drawn, list};

impl Drawn {
    /// A tool of this name in which parameters stand twice, in several steps, together in a group, or in
    /// a computed word.
    pub(super) fn tied(random: &mut Random, name: &str) -> Self {
        let mut tied = Self::random(random, name);
        let properties = tied.tool["input"]["properties"].as_object().unwrap();
        let names: Vec<&String> = properties.keys().collect();
        let all: Vec<Value> = names.iter().map(|name| word(name)).collect();
        let single = properties
            .iter()
            .filter(|(_, schema)| schema["type"] != "array");
        let single: Vec<Value> = single.map(|(name, _)| word(name)).collect();
        let run = &tied.tool["run"];
        let mut command = match run.get("command") {
            Some(command) => command.as_array().unwrap().clone(),
            None => return tied,
        };
        let again = random.pick(&all).clone();
        let steps = match random.below(5) {
            0 => {
                command.extend(["k".into(), again]);
                None
            }
            1 if !single.is_empty() => {
                let mut group: Vec<Value> = vec!["-y".into()];
                group.extend(list(random, 1, 2, |random| random.pick(&single).clone()));
                command.push(group.into());
                None
            }
            2 => Some(json!([{"command": ["look", again]}, {"command": command.clone()}])),
            3 => {
                let name = random.pick(&names);
                let filter = match &properties[*name]["type"] {
                    Value::String(kind) if kind == "array" => "join(',')",
                    _ => "upper",
                };
                command.push(format!("--c={{{{ {name} | {filter} }}}}").into());
                None
            }
            _ => None,
        };
        tied.tool["run"] = match steps {
            Some(steps) => json!({"steps": steps}),
            None => json!({"command": command}),
        };
        tied
    }

    /// A small edit of a rule, or of what a parameter may be: absent, a flag, or empty.
    pub(super) fn edited(&self, random: &mut Random, name: &str) -> Self {
        let mut edited = self.clone();
        let properties = self.tool["input"]["properties"].as_object().unwrap();
        let names: Vec<&String> = properties.keys().collect();
        let one = (*random.pick(&names)).clone();
        match random.below(4) {
            0 => {
                let required = edited.tool["input"]["required"].as_array_mut().unwrap();
                let before = required.len();
                required.retain(|name| *name != one);
                if required.len() == before {
                    required.push(one.into());
                }
            }
            1 if properties[&one]["type"] == "string" => {
                if let Some(rules) = edited.tool["arguments"].get_mut(&one) {
                    rules["dash"] = (rules.get("dash") != Some(&true.into())).into();
                }
            }
            1 if properties[&one]["type"] == "array" => {
                for pattern in edited.tool["arguments"][&one]["allow"]
                    .as_array_mut()
                    .unwrap()
                {
                    match pattern.as_str() {
                        Some("**") => *pattern = "* **".into(),
                        Some("* **") => *pattern = "**".into(),
                        _ => {}
                    }
                }
            }
            _ => edited = self.changed(random, name),
        }
        edited
    }
}

/// A parameter as a word of a command.
fn word(name: &str) -> Value {
    format!("{{{{ {name} }}}}").into()
}
