//! What the model is told before anybody says a word: the shipped prompt and the shipped tools.

use super::program::Folder;

/// Characters a token stands for: the estimate that `tolkien prompt` tells too.
const CHARACTERS_PER_TOKEN: f64 = 4.0;

/// What the plan grants the whole prefix.
const TOKENS: f64 = 6_000.0;

/// The plan's seven sections, in its order.
const SECTIONS: [&str; 7] = [
    "# Who you are",
    "# The infrastructure",
    "# The repositories",
    "# Your tools",
    "# Workflows",
    "# The documentation",
    "# Safety",
];

fn shown(arguments: &[&str]) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let ran = Folder::new().run(&[arguments, &["--config", root]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

#[test]
fn the_shipped_prefix_stays_within_its_tokens() {
    let prompt = shown(&["prompt"]);
    let tools = shown(&["tools", "--json"]);
    let characters = prompt.chars().count() + tools.chars().count();
    let characters = f64::from(u32::try_from(characters).unwrap());
    let tokens = characters / CHARACTERS_PER_TOKEN;
    assert!(tokens < TOKENS, "about {tokens:.0} tokens");
}

#[test]
fn the_shipped_prompt_has_the_seven_sections_and_names_every_tool() {
    let prompt = shown(&["prompt"]);
    let headings: Vec<&str> = prompt
        .lines()
        .filter(|line| line.starts_with("# "))
        .collect();
    assert_eq!(headings, SECTIONS);
    let tools: serde_json::Value = serde_json::from_str(&shown(&["tools", "--json"])).unwrap();
    let named = |tool: &serde_json::Value| {
        prompt.contains(&format!("`{}`", tool["name"].as_str().unwrap()))
    };
    let missing: Vec<_> = tools
        .as_array()
        .unwrap()
        .iter()
        .filter(|tool| !named(tool))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
