//! Arbitrary calls against a fixed configuration with every form of `run`: a decision never panics,
//! is the same each time, and is the one that the contract's order gives when every rule is asked
//! by itself; a line that may run holds nothing that deceives, and reads back as its words.
//!
//! The input is text: the first line is `TOOL ROLE CHANNEL`; the rest is the call's input as JSON, or
//! else one line for each parameter by name (`~` leaves it out), with tabs between the words of a
//! list and `\n` for a line end.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use tolkien::call::{Caller, words};
use tolkien::config::policy::{Channel, EffectAnswer, Policy};
use tolkien::config::schema::ParameterKind;
use tolkien::config::tool::{Effect, Rule, Run, Tool};
use tolkien::config::{Config, File, Origin, Overrides};
use tolkien::policy::{self, Decision, Request, Verdict, decide, visible_tools};

macro_rules! files {
    ($($folder:literal: $($path:literal)*;)*) => {
        [$($(($path, include_str!(concat!($folder, $path)))),*),*]
    };
}

/// What is shipped, and one tool more for every form of `run`.
static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let shipped = files! {
        "../../":
            "tools.d/kubectl.yaml" "tools.d/docs_list.yaml" "tools.d/docs_read.yaml"
            "tools.d/docs_search.yaml" "tools.d/repo_list.yaml" "tools.d/repo_read.yaml"
            "tools.d/repo_search.yaml"
            "policies/cluster-read-only.yaml" "policies/files-stay-inside.yaml";
    };
    let tools = files! {
        "../decision/": "send.yaml" "note.yaml" "fetch.yaml" "push.yaml" "wiki.yaml";
    };
    let policies = files! {"../decision/": "guard.yaml" "phone.yaml" "trust.yaml";};
    let mut files = vec![
        File::new("prompts/system.md", "You are the agent.\n"),
        File::new("tolkien.yaml", include_str!("../decision/tolkien.yaml")),
    ];
    files.extend(shipped.map(|(path, text)| File::new(path, text)));
    files.extend(tools.map(|(path, text)| File::new(format!("tools.d/{path}"), text)));
    files.extend(policies.map(|(path, text)| File::new(format!("policies/{path}"), text)));
    let loaded = policy::load(Origin::Files(files), Overrides::None).unwrap();
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let config = &*CONFIG;
    let (head, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut head = head.split(' ');
    let name = head.next().unwrap_or_default();
    let caller = caller(head.next(), head.next());
    let tool = config.tool(name);
    let input = serde_json::from_str(rest).unwrap_or_else(|_| by_line(tool, rest));
    let request = Request {
        tool: name,
        input: &input,
    };
    let verdict = decide(config, request, &caller);
    assert_eq!(told(&verdict), told(&decide(config, request, &caller)));
    let Some(tool) = tool else {
        assert_eq!(verdict.decision(), Decision::Deny);
        return;
    };
    let visible = visible_tools(config, &caller).any(|visible| visible.name == tool.name);
    assert_eq!(
        !visible,
        verdict.reason().rule.as_str().starts_with("roles.")
    );
    check(config, tool, &caller, &verdict);
});

/// Everything that a verdict says.
fn told(verdict: &Verdict) -> String {
    let usage = match verdict {
        Verdict::Deny(refusal) => refusal.usage.join("\n"),
        Verdict::Ask(pending) => format!("{:?}", pending.approvers()),
        Verdict::Allow(_) => String::new(),
    };
    let line = verdict.command_line();
    format!(
        "{:?} {:?} {line:?} {usage}",
        verdict.decision(),
        verdict.reason()
    )
}

fn caller(role: Option<&str>, channel: Option<&str>) -> Caller {
    let role = role.unwrap_or("operator");
    Caller {
        name: serde_json::from_value(json!("joao")).unwrap(),
        role: serde_json::from_value(json!(role)).unwrap(),
        channel: match channel {
            Some("telegram") => Channel::Telegram,
            Some("mcp") => Channel::Mcp,
            Some("local") => Channel::Local,
            _ => Channel::Api,
        },
    }
}

fn by_line(tool: Option<&Arc<Tool>>, text: &str) -> Value {
    let mut members = Map::new();
    let parameters = tool.into_iter().flat_map(|tool| &tool.input.parameters);
    for ((name, parameter), line) in parameters.zip(text.split('\n')) {
        if line == "~" {
            continue;
        }
        let text = |text: &str| Value::from(text.replace("\\n", "\n"));
        let value = match parameter.kind {
            ParameterKind::Text => text(line),
            ParameterKind::Words => line.split('\t').map(text).collect(),
            ParameterKind::Scalar | ParameterKind::Structure => {
                serde_json::from_str(line).unwrap_or_else(|_| text(line))
            }
        };
        members.insert(name.clone(), value);
    }
    Value::Object(members)
}

fn check(config: &Config, tool: &Tool, caller: &Caller, verdict: &Verdict) {
    let rule = verdict.reason().rule.as_str();
    let call = match verdict {
        Verdict::Allow(permit) => permit.call(),
        Verdict::Ask(pending) => pending.call(),
        Verdict::Deny(refusal) => {
            // Refused by a policy, after every line was rendered: these read back as their words.
            let Some(line) = &refusal.command_line else {
                let policies = config.policies().keys();
                let mut theirs = policies.map(|name| format!("{name}."));
                assert!(!theirs.any(|theirs| rule.starts_with(&theirs)), "{rule}");
                return;
            };
            if matches!(tool.run, Run::Command(_)) && tool.name.as_str() != "send" {
                let lines = [words::split(line).unwrap()];
                let expected = expected(config, tool, caller, &lines);
                assert_eq!(
                    (verdict.decision(), rule),
                    (expected.0, expected.1.as_str())
                );
            }
            return;
        }
    };
    assert_eq!(call.tool().name, tool.name);
    assert!(tool.input.validator().is_valid(call.input()));
    check_arguments(tool, call.input());
    let lines = call.lines();
    let expected = expected(config, tool, caller, &lines);
    assert_eq!(
        (verdict.decision(), rule),
        (expected.0, expected.1.as_str())
    );
    let line = call.command_line();
    check_line(tool, &line, &lines);
}

/// A line holds nothing that a reader would not see, and is one-to-one with its words.
fn check_line(tool: &Tool, line: &str, lines: &[Vec<String>]) {
    let multiline = tool.arguments.values().any(|rules| rules.multiline);
    for word in lines.iter().flatten() {
        let control = word
            .chars()
            .find(|one| one.is_control() && !(multiline && matches!(one, '\n' | '\t')));
        assert_eq!(control, None, "{word:?}");
    }
    let invisible = [
        '\u{200b}', '\u{202e}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{ad}',
    ];
    assert!(!line.contains(invisible), "{line:?}");
    match &tool.run {
        Run::Command(_) => {
            assert_eq!(words::split(line).unwrap(), lines[0]);
        }
        Run::Steps(_) => {
            let read: Vec<_> = line
                .split('\n')
                .map(|line| words::split(line).unwrap())
                .collect();
            assert_eq!(read, lines);
        }
        Run::Http(http) => {
            assert_eq!(line, lines[0].join(" "));
            let address = lines[0][1].strip_prefix("https://").unwrap();
            let host = address.split(['/', '?', '#']).next().unwrap();
            let listed = |known: &String| match known.strip_prefix('*') {
                Some(domain) => host.ends_with(domain),
                None => host == known,
            };
            assert!(http.hosts.iter().any(listed), "{line}");
            assert!(
                !line.contains(['\n', '\t', '\\']) && line.split(' ').count() == 2,
                "{line}"
            );
        }
        Run::Mcp { .. } => assert_eq!(line, lines[0].join(" ")),
    }
}

/// No `deny` of a parameter matches and one `allow` does, each asked by itself.
fn check_arguments(tool: &Tool, input: &Value) {
    for (name, rules) in &tool.arguments {
        let Some(value) = input.get(name) else {
            continue;
        };
        let words: Vec<&str> = match value {
            Value::String(text) => vec![text],
            other => other
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
        };
        let matches = |rule: &Rule| rule.pattern.matches(&words);
        assert!(!rules.deny.iter().any(matches), "{words:?}");
        assert!(
            rules
                .allow
                .as_ref()
                .is_none_or(|allow| allow.iter().any(matches)),
            "{words:?}"
        );
        for word in &words {
            assert!(word.chars().count() <= rules.max);
            let leaves = word.starts_with('/') || word.split('/').any(|part| part == "..");
            assert!(rules.within.is_none() || !leaves, "{word}");
        }
    }
}

/// What the policies and the effect answer, and the rule that is reported.
fn expected(
    config: &Config,
    tool: &Tool,
    caller: &Caller,
    lines: &[Vec<String>],
) -> (Decision, String) {
    let applying: Vec<&Policy> = config
        .policies()
        .values()
        .map(AsRef::as_ref)
        .filter(|policy| policy.applies_to.selects(tool))
        .filter(|policy| policy.applies_to.applies(&caller.role, caller.channel))
        .collect();
    for policy in &applying {
        for line in lines {
            let matches = |rule: &&Rule| rule.pattern.matches(line);
            if let Some(rule) = policy.deny.iter().find(matches) {
                return (Decision::Deny, rule.id.to_string());
            }
            if policy
                .allow
                .as_ref()
                .is_some_and(|allow| !allow.iter().any(|rule| matches(&rule)))
            {
                return (Decision::Deny, format!("{}.allow", policy.name));
            }
        }
    }
    let answers = applying.iter().filter_map(|policy| {
        let answer = match tool.effect {
            Effect::Read => policy.read_effect,
            Effect::Write => policy.write_effect,
        };
        let decision = match answer? {
            EffectAnswer::Allow => Decision::Allow,
            EffectAnswer::Ask => Decision::Ask,
            EffectAnswer::Deny => Decision::Deny,
        };
        Some((decision, format!("{}.effect", policy.name)))
    });
    let strictest = answers.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let effect = strictest.unwrap_or_else(|| {
        let decision = match tool.effect {
            Effect::Read => Decision::Allow,
            Effect::Write => Decision::Ask,
        };
        (decision, format!("{}.effect", tool.name))
    });
    let asked = applying.iter().find_map(|policy| {
        let mut by_line = lines.iter().flat_map(|line| {
            let matches = |rule: &Rule| rule.pattern.matches(line);
            policy.ask.iter().find(move |ask| matches(&ask.rule))
        });
        by_line.next().map(|ask| ask.rule.id.to_string())
    });
    match asked {
        Some(rule) if effect.0 <= Decision::Ask => (Decision::Ask, rule),
        _ => effect,
    }
}
