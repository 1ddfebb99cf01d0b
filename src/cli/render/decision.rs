//! A verdict, for people and for programs.

use serde::Serialize;

use super::paint::{Paint, Tone};
use crate::config::name::Revision;
use crate::config::tool::Rule;
use crate::diagnostic::Place;
use crate::policy::{Decision, Verdict};

/// The verdict with its rule, the rule's place, the command line, the rules that let the call
/// through, and what would be allowed.
pub(crate) fn human(verdict: &Verdict, through: &[&Rule], paint: Paint) -> String {
    let reason = verdict.reason();
    let decision = verdict.decision();
    let answer = paint.tone(tone(decision), decision.as_str());
    let mut lines = vec![match verdict.command_line() {
        Some(line) => format!("{answer}  {}", paint.tone(Tone::Strong, &line)),
        None => answer,
    }];
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(named(name, value, paint));
        }
    };
    field("rule", reason.rule.as_str());
    field("because", &reason.because);
    if let Some(place) = &reason.place {
        field("at", &place.to_string());
    }
    for rule in through {
        field("through", &format!("{} at {}", rule.id, rule.place));
    }
    if let Verdict::Deny(refusal) = verdict {
        let mut name = "allowed";
        for usage in &refusal.usage {
            field(name, usage);
            name = "";
        }
    }
    lines.join("\n") + "\n"
}

/// Whom the verdict is for, and what it is for others.
pub(crate) fn doors(doors: &[String], paint: Paint) -> String {
    let names = ["for", "but"].into_iter().chain(std::iter::repeat(""));
    let lines = names.zip(doors);
    lines
        .map(|(name, value)| named(name, value, paint) + "\n")
        .collect()
}

fn named(name: &str, value: &str, paint: Paint) -> String {
    let name = paint.tone(Tone::Faint, &format!("{name:<7}"));
    format!("  {name}  {value}")
}

fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Allow => Tone::Good,
        Decision::Ask => Tone::Warning,
        Decision::Deny => Tone::Error,
    }
}

/// The verdict as one JSON object.
pub(crate) fn json(
    verdict: &Verdict,
    through: &[&Rule],
    revision: &Revision,
) -> serde_json::Result<String> {
    let allowed_by = through.iter().map(|rule| Through {
        rule: rule.id.as_str(),
        place: At::from(&rule.place),
    });
    let reason = verdict.reason();
    let explained = Explained {
        verdict: verdict.decision(),
        rule: Some(reason.rule.as_str()),
        because: Some(reason.because.as_str()).filter(|text| !text.is_empty()),
        command_line: verdict.command_line(),
        place: reason.place.as_ref().map(At::from),
        allowed_by: allowed_by.collect(),
        revision,
    };
    serde_json::to_string_pretty(&explained).map(|text| text + "\n")
}

#[derive(Serialize)]
struct Explained<'a> {
    verdict: Decision,
    rule: Option<&'a str>,
    because: Option<&'a str>,
    command_line: Option<String>,
    place: Option<At<'a>>,
    /// The `allow` rules without which it would be denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_by: Vec<Through<'a>>,
    revision: &'a Revision,
}

#[derive(Serialize)]
struct Through<'a> {
    rule: &'a str,
    place: At<'a>,
}

#[derive(Serialize)]
struct At<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

impl<'a> From<&'a Place> for At<'a> {
    fn from(place: &'a Place) -> Self {
        Self {
            file: &place.file,
            line: place.start.line,
            column: place.start.column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::name::RuleId;
    use crate::diagnostic::Source;
    use crate::policy::{Reason, Refusal};

    fn refusal() -> Verdict {
        let source = Source::new("tools.d/kubectl.yaml", "deny:\n  - match: x\n");
        Verdict::Deny(Refusal {
            reason: Reason {
                rule: RuleId::new("kubectl.args.deny[0]"),
                because: "secret values must never reach the model".to_owned(),
                place: Some(source.place(17..18)),
            },
            command_line: Some("kubectl get secrets -A".to_owned()),
            usage: vec!["get <name>".to_owned(), "logs <name>".to_owned()],
        })
    }

    #[test]
    fn a_denial_shows_its_rule_its_place_and_what_is_allowed() {
        insta::assert_snapshot!(human(&refusal(), &[], Paint::plain()), @r"
        deny  kubectl get secrets -A
          rule     kubectl.args.deny[0]
          because  secret values must never reach the model
          at       tools.d/kubectl.yaml:2:12
          allowed  get <name>
                   logs <name>
        ");
    }

    #[test]
    fn a_denial_in_json_has_the_fields_of_the_contract() {
        insta::assert_snapshot!(json(&refusal(), &[], &Revision::new("ab12")).unwrap(), @r#"
        {
          "verdict": "deny",
          "rule": "kubectl.args.deny[0]",
          "because": "secret values must never reach the model",
          "command_line": "kubectl get secrets -A",
          "place": {
            "file": "tools.d/kubectl.yaml",
            "line": 2,
            "column": 12
          },
          "revision": "ab12"
        }
        "#);
    }
}
