//! Random tools, written down and loaded together.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::roots::Drawn;
use crate::config::{self, Config, File, Origin, Overrides};
use crate::diagnostic::Severity;

/// A tool that the loader always takes, so that there is one.
const SPARE: &str = "{description: Spare., effect: read, run: {command: [spare]}, \
                     input: {type: object, properties: {}}}";

/// A file with the names that it refers to.
fn with_names(file: &Value) -> String {
    let mut file = file.clone();
    let text = file.to_string();
    let mut names = Map::new();
    for (name, meaning) in [
        ("ns", json!("[a-z][a-z0-9]*")),
        ("short", json!({"re": "[a-z]+", "max": 3})),
    ] {
        if text.contains(&format!("<{name}>")) {
            names.insert(name.to_owned(), meaning);
        }
    }
    if !names.is_empty() {
        file["let"] = names.into();
    }
    file.to_string()
}

/// Loads tools together, each under its number; those that the loader refuses are left out.
pub(super) fn load(drawn: &[Drawn]) -> Arc<Config> {
    let mut refused: BTreeSet<usize> = BTreeSet::new();
    loop {
        let loaded = config::load(&files(drawn, &refused), Overrides::None).unwrap();
        if let Some(config) = loaded.config {
            return config;
        }
        let errors = loaded.diagnostics.iter();
        let errors = errors.filter(|found| found.severity == Severity::Error);
        let before = refused.len();
        refused.extend(errors.map(|error| number(&error.place.file)));
        assert!(refused.len() > before, "{:?}", loaded.diagnostics);
    }
}

fn files(drawn: &[Drawn], without: &BTreeSet<usize>) -> Origin {
    let mut files = vec![
        File::new("prompts/system.md", "You are the agent.\n"),
        File::new("tools.d/spare.yaml", SPARE),
    ];
    let drawn = drawn.iter().enumerate();
    for (number, drawn) in drawn.filter(|(number, _)| !without.contains(number)) {
        let path = format!("tools.d/t{number}.yaml");
        files.push(File::new(path, with_names(&drawn.tool)));
        for (at, policy) in drawn.policies.iter().enumerate() {
            let path = format!("policies/p{number}-{at}.yaml");
            files.push(File::new(path, with_names(policy)));
        }
    }
    Origin::Files(files)
}

/// The number in the name of a tool's or a policy's file.
fn number(file: &str) -> usize {
    let name = file.rsplit('/').next().unwrap();
    let (_, behind) = name.split_at(1);
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}
