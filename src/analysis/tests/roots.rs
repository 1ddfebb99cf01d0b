//! Random tools with rules and policies, calls of them, and small changes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Random;

/// One tool with its policies, as they are written.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) tool: Value,
    pub(super) policies: Vec<Value>,
}

/// Expressions for one word.
const WORDS: [&str; 30] = [
    "get",
    "get|list",
    "list",
    "pods?",
    "delete",
    "secrets?",
    "(?i:secret)s?",
    "<ns>",
    "<ns>",
    "<any>",
    "<word>",
    "<short>",
    "<short>",
    "--x=<short>",
    "<short>/<ns>",
    "<short>|get|<ns>x",
    "-n",
    "-n|--all",
    "-.*",
    "--x=.*",
    "[a-z]+",
    "[^-].*",
    "[^-]*",
    ".*e.*",
    r".*\bb\b.*",
    r"(?u)\w+",
    ".{0,2}",
    "a?",
    "(?-s).*",
    "[^/]+(?:/[^/]+)?",
];

/// Words that calls are made of.
pub(super) const ARGUMENTS: [&str; 24] = [
    "get", "list", "pods", "pod", "delete", "secret", "SECRETS", "ſecret", "-n", "-", "--all",
    "--x=abc", "--x=abcd", "abc", "abcd", "a", "", "abc/abc", "../b", "é", "a b", "$x", "a\nb",
    "1",
];

/// A pattern over several words.
fn pattern(random: &mut Random, depth: usize) -> String {
    let word = |random: &mut Random| (*random.pick::<&str>(&WORDS)).to_owned();
    if depth == 0 {
        return match random.below(10) {
            0 => "*".to_owned(),
            1 | 2 => "**".to_owned(),
            _ => word(random),
        };
    }
    let mut inner = || pattern(random, depth - 1);
    let (one, two) = (inner(), inner());
    match random.below(9) {
        0..3 => format!("{one} {two}"),
        3 => format!("( {one} | {two} )"),
        4 => format!("[ {one} ]"),
        5 => format!("[ {one} | {two} ]..."),
        6 => format!("( {one} {two} )..."),
        7 => format!("{} {one}...", word(random)),
        _ => one,
    }
}

fn single(random: &mut Random) -> String {
    (*random.pick::<&str>(&WORDS)).to_owned()
}

pub(super) fn list<T>(
    random: &mut Random,
    least: usize,
    most: usize,
    mut one: impl FnMut(&mut Random) -> T,
) -> Vec<T> {
    let count = least + random.below(most - least + 1);
    (0..count).map(|_| one(random)).collect()
}

fn text_schema(random: &mut Random) -> Value {
    match random.below(9) {
        0 => json!({"type": "string", "enum": ["abc", "a", "-n", "get"]}),
        1 => json!({"type": "string", "maxLength": 1 + random.below(5)}),
        2 => json!({"type": "string", "minLength": 1 + random.below(4)}),
        3 => json!({"type": "string", "minLength": 2, "maxLength": 3}),
        4 => json!({"type": "string", "pattern": "^[a-z/-]*$"}),
        5 => json!({"type": "string", "pattern": "b"}),
        6 if random.one_in(3) => json!({"type": "string", "const": "abc"}),
        _ => json!({"type": "string"}),
    }
}

fn scalar_schema(random: &mut Random) -> Value {
    random
        .pick(&[
            json!({"type": "boolean"}),
            json!({"type": "integer", "minimum": -1, "maximum": 3}),
            json!({"type": "integer"}),
            json!({"type": "number", "enum": [1, 2.5, 3.0]}),
            json!({"type": "integer", "const": 2}),
            json!({"type": "integer", "minimum": 2}),
        ])
        .clone()
}

fn list_schema(random: &mut Random) -> Value {
    let mut schema = json!({"type": "array", "items": text_schema(random)});
    if !random.one_in(3) {
        schema["items"] = json!({"type": "string"});
    }
    if random.one_in(4) {
        schema["minItems"] = (1 + random.below(2)).into();
    }
    if random.one_in(4) {
        schema["maxItems"] = (1 + random.below(3)).into();
    }
    if random.one_in(20) {
        schema["uniqueItems"] = true.into();
    }
    schema
}

fn rules(random: &mut Random, of_list: bool) -> Value {
    let one = |random: &mut Random| {
        if of_list {
            let depth = random.below(3);
            pattern(random, depth)
        } else {
            single(random)
        }
    };
    let mut rules = Map::new();
    if of_list || !random.one_in(4) {
        rules.insert("allow".to_owned(), list(random, 1, 3, one).into());
    }
    if random.one_in(2) || rules.is_empty() {
        rules.insert("deny".to_owned(), list(random, 1, 2, one).into());
    }
    if random.one_in(12) {
        rules.insert("within".to_owned(), "/srv".into());
    }
    if random.one_in(8) {
        rules.insert("max".to_owned(), (2 + random.below(3)).into());
    }
    if random.one_in(8) {
        rules.insert("multiline".to_owned(), true.into());
    }
    if !of_list && random.one_in(4) {
        rules.insert("dash".to_owned(), true.into());
    }
    rules.into()
}

/// How a parameter stands in a command.
fn elements(random: &mut Random, name: &str, kind: &str, others: &[&str]) -> Vec<Value> {
    if kind == "array" {
        return vec![format!("{{{{ {name} }}}}").into()];
    }
    let it = format!("{{{{ {name} }}}}");
    let element = match random.below(9) {
        0..3 => it.clone().into(),
        3 => format!("--{name}={it}").into(),
        4 => format!("{it}/x").into(),
        5 => format!("x{it}y").into(),
        6 => json!(["-o", it]),
        7 => json!([it, "b"]),
        _ => match others.first() {
            Some(other) => format!("{it}:{{{{ {other} }}}}").into(),
            None => it.clone().into(),
        },
    };
    let again = random.one_in(25).then(|| it.into());
    [element].into_iter().chain(again).collect()
}

impl Drawn {
    /// A tool of this name.
    pub(super) fn random(random: &mut Random, name: &str) -> Self {
        let mut kinds: Vec<(&str, &str, Value)> = Vec::new();
        if !random.one_in(6) {
            kinds.push(("args", "array", list_schema(random)));
        }
        if random.one_in(2) {
            kinds.push(("ns", "string", text_schema(random)));
        }
        if random.one_in(4) {
            kinds.push(("to", "string", text_schema(random)));
        }
        if random.one_in(4) || kinds.is_empty() {
            kinds.push(("n", "scalar", scalar_schema(random)));
        }
        let texts: Vec<&str> = kinds
            .iter()
            .filter(|one| one.1 == "string")
            .map(|one| one.0)
            .collect();
        let mut groups: Vec<Vec<Value>> = Vec::new();
        let mut arguments = Map::new();
        let mut required = Vec::new();
        let mut properties = Map::new();
        for (name, kind, schema) in &kinds {
            let others: Vec<&str> = texts
                .iter()
                .copied()
                .filter(|other| other != name)
                .collect();
            groups.push(elements(random, name, kind, &others));
            if *kind == "array" || (*kind == "string" && !random.one_in(3)) {
                arguments.insert((*name).to_owned(), rules(random, *kind == "array"));
            }
            if random.one_in(2) {
                required.push((*name).to_owned());
            }
            properties.insert((*name).to_owned(), schema.clone());
        }
        for word in list(random, 0, 2, |random| {
            *random.pick(&["b", "get", "-v", "--x=abc"])
        }) {
            groups.push(vec![word.into()]);
        }
        random.shuffle(&mut groups);
        let program = *random.pick(&["tool", "/usr/bin/tool"]);
        let command: Vec<Value> = [program.into()]
            .into_iter()
            .chain(groups.concat())
            .collect();
        let run = if random.one_in(10) {
            json!({"steps": [{"command": ["first", command.last()]}, {"command": command}]})
        } else {
            json!({"command": command})
        };
        let effect = *random.pick(&["read", "write"]);
        Self {
            tool: json!({
                "description": "A tool.",
                "effect": effect,
                "input": {"type": "object", "required": required, "properties": properties},
                "run": run,
                "arguments": arguments,
            }),
            policies: list(random, 1, 2, |random| policy(random, name)),
        }
    }

    /// The same tool with everything open: what its schema and its template let through.
    pub(super) fn opened(&self) -> Self {
        let mut opened = self.clone();
        let arguments = opened.tool["arguments"].as_object_mut().unwrap();
        for rules in arguments.values_mut() {
            let kept = |key: &str| rules.get(key).cloned();
            let (max, multiline) = (kept("max"), kept("multiline"));
            *rules = json!({"allow": ["**"]});
            for (key, value) in [("max", max), ("multiline", multiline)] {
                if let Some(value) = value {
                    rules[key] = value;
                }
            }
        }
        for (name, schema) in self.tool["input"]["properties"].as_object().unwrap() {
            if schema["type"] == "string" {
                let rules = arguments.entry(name.clone()).or_insert_with(|| json!({}));
                rules["allow"] = json!(["<any>"]);
                rules["dash"] = true.into();
            }
        }
        opened.policies.clear();
        opened
    }

    /// A small change of it.
    pub(super) fn changed(&self, random: &mut Random, name: &str) -> Self {
        let mut changed = self.clone();
        let other = Self::random(random, name);
        let key = |random: &mut Random, map: &Value| {
            let keys: Vec<String> = map.as_object().unwrap().keys().cloned().collect();
            (!keys.is_empty()).then(|| random.pick(&keys).clone())
        };
        match random.below(10) {
            0..4 => {
                if let Some(parameter) = key(random, &self.tool["arguments"]) {
                    let of_list = parameter == "args";
                    let rules = &mut changed.tool["arguments"][&parameter];
                    let which = if random.one_in(2) { "allow" } else { "deny" };
                    if let Some(Value::Array(list)) = rules.get_mut(which) {
                        edit(random, list, |random| {
                            let depth = if of_list { random.below(3) } else { 0 };
                            if of_list {
                                pattern(random, depth)
                            } else {
                                single(random)
                            }
                            .into()
                        });
                    }
                }
            }
            4..7 => {
                let policy = random.below(changed.policies.len());
                let which = *random.pick(&["deny", "ask", "allow"]);
                if let Some(Value::Array(list)) = changed.policies[policy].get_mut(which) {
                    edit(random, list, rule);
                }
            }
            7 => changed.policies[0] = other.policies[0].clone(),
            8 => changed.tool["effect"] = other.tool["effect"].clone(),
            _ => {
                let properties = &self.tool["input"]["properties"];
                if let Some(parameter) = key(random, properties) {
                    let place = &mut changed.tool["input"]["properties"][&parameter];
                    *place = match place["type"].as_str().unwrap() {
                        "array" => list_schema(random),
                        "string" => text_schema(random),
                        _ => scalar_schema(random),
                    };
                }
            }
        }
        changed
    }

    /// Inputs of calls, most of them valid.
    pub(super) fn inputs(&self, random: &mut Random, count: usize) -> Vec<Value> {
        let properties = self.tool["input"]["properties"].as_object().unwrap();
        let arguments = |random: &mut Random| Value::from(*random.pick::<&str>(&ARGUMENTS));
        let mut inputs = BTreeSet::new();
        for _ in 0..count {
            let mut input = Map::new();
            for (name, schema) in properties {
                if random.one_in(5) {
                    continue;
                }
                let value = match schema["type"].as_str().unwrap() {
                    "array" => list(random, 0, 3, arguments).into(),
                    "string" => match schema.get("enum").and_then(Value::as_array) {
                        Some(values) if !random.one_in(3) => random.pick(values).clone(),
                        _ => arguments(random),
                    },
                    "boolean" => random.one_in(2).into(),
                    _ => random
                        .pick(&[
                            json!(-1),
                            json!(0),
                            json!(1),
                            json!(2),
                            json!(3),
                            json!(2.5),
                            json!(3.0),
                        ])
                        .clone(),
                };
                input.insert(name.clone(), value);
            }
            inputs.insert(Value::Object(input).to_string());
        }
        let inputs = inputs.iter();
        inputs
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    /// What a change put in place of what.
    pub(super) fn difference(&self, before: &Self) -> String {
        let files = |one: &Self| {
            let all = [&one.tool].into_iter().chain(&one.policies);
            let texts: Vec<String> = all.map(|file| format!("{file:#}")).collect();
            texts.concat()
        };
        let (old, new) = (files(before), files(self));
        let gone = old
            .lines()
            .filter(|line| !new.lines().any(|other| other == *line));
        let come = new
            .lines()
            .filter(|line| !old.lines().any(|other| other == *line));
        let gone = gone.map(|line| format!("-{line}\n"));
        gone.chain(come.map(|line| format!("+{line}\n"))).collect()
    }

    /// Whether the same input starts the same line in another.
    pub(super) fn renders_like(&self, other: &Self) -> bool {
        self.tool["run"] == other.tool["run"]
    }
}

/// Drops, replaces, doubles or adds one of a list.
fn edit(random: &mut Random, list: &mut Vec<Value>, fresh: impl Fn(&mut Random) -> Value) {
    let at = random.below(list.len());
    match random.below(4) {
        0 if list.len() > 1 => {
            list.remove(at);
        }
        1 => list[at] = fresh(random),
        2 => list.reverse(),
        _ => list.push(fresh(random)),
    }
}

fn rule(random: &mut Random) -> Value {
    let depth = random.below(3);
    let body = pattern(random, depth);
    let text = match random.below(5) {
        0 => format!("tool ** {body} **"),
        1 => format!("tool {body} **"),
        2 => format!("** {body}"),
        3 => format!("** {} **", single(random)),
        _ => format!("tool {body}"),
    };
    // Every rule has a name of its own, or two that are equal would be refused.
    json!({"id": format!("r{}", random.number()), "match": text, "because": "it is so"})
}

fn policy(random: &mut Random, tool: &str) -> Value {
    let mut policy = json!({
        "description": "A policy.",
        "applies_to": {"tools": [tool]},
        "never": list(random, 1, 2, rule),
    });
    if random.one_in(2) {
        policy["deny"] = list(random, 1, 2, rule).into();
    }
    if random.one_in(3) {
        policy["ask"] = list(random, 1, 2, rule).into();
    }
    if random.one_in(4) {
        policy["allow"] = list(random, 1, 3, rule).into();
    }
    if random.one_in(4) {
        let answer = *random.pick(&["allow", "ask"]);
        policy["effect"] = json!({"read": answer, "write": answer});
    }
    policy
}
