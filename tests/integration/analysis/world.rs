//! A small configuration, and edits of it.

use std::fmt::Write as _;
use std::sync::Arc;

use tolkien::analysis::compare::languages;
use tolkien::analysis::diff::{Languages, Witness};
use tolkien::analysis::invariant::{Outcome, prove};
use tolkien::config::{Config, File, Origin, Overrides};
use tolkien::diagnostic::Severity;
use tolkien::policy;

/// The files of the configuration before any edit.
const FILES: [(&str, &str); 4] = [
    ("prompts/system.md", "You look after a cluster.\n"),
    (
        "tools.d/kubectl.yaml",
        r#"description: Read-only queries.
effect: read
input:
  type: object
  required: [args]
  properties:
    args: {type: array, items: {type: string}, minItems: 1, maxItems: 40}
run:
  command: [kubectl, "{{ args }}", --request-timeout=50s]
let:
  ns: {re: '[a-z0-9][-a-z0-9]*', max: 63}
  name: {re: '[A-Za-z0-9][A-Za-z0-9._:-]*', max: 253}
parts:
  scope: -n|--namespace <ns> | --namespace=<ns> | -A
  shape: -o|--output wide|json|yaml | --output=(wide|json|yaml)
arguments:
  args:
    allow:
      - get|describe [ <name> | <scope> | <shape> ]...
      - logs <name> [ <scope> | --tail=[0-9]+ ]...
    deny:
      - match: '** (?i:(.*,)?secrets?([./,].*)?) **'
        because: secret values must never reach the model
tests:
  - allow: get pods -A
  - deny: get secrets -A
"#,
    ),
    (
        "policies/cluster.yaml",
        r"applies_to: {tools: [kubectl]}
allow:
  - {id: reading, match: 'kubectl get|describe|logs **'}
deny:
  - {id: no-system, match: 'kubectl ** -n|--namespace kube-system ** | kubectl ** --namespace=kube-system **', because: the control plane is not for the model}
",
    ),
    (
        "policies/invariants.yaml",
        r"applies_to: {tools: [kubectl]}
never:
  - {id: no-mutation, match: 'kubectl create|delete|apply|exec **', because: nothing changes the cluster}
  - {id: no-secrets, match: 'kubectl get|describe [ -n|-o|--namespace|--output * | -.* ]... secrets? **', because: secret values must never reach the model}
  - {id: no-target, match: 'kubectl ** --(server|token|context)(=.*)? **', because: the cluster is fixed}
",
    ),
];

/// A replacement in one file: the file's stem, what stands there, and what shall.
pub(super) type Edit<'a> = (&'a str, &'a str, &'a str);

/// The configuration with some edits; it must be valid.
pub(super) fn config(edits: &[Edit<'_>]) -> Arc<Config> {
    load(edited(edits))
}

fn edited(edits: &[Edit<'_>]) -> Vec<(String, String)> {
    let edited = files().into_iter().map(|(path, mut text)| {
        for (stem, from, to) in edits {
            if path.contains(&format!("/{stem}.")) {
                assert!(text.contains(from), "{path} has no {from:?}");
                text = text.replace(from, to);
            }
        }
        (path, text)
    });
    edited.collect()
}

/// The files before any edit.
pub(crate) fn files() -> Vec<(String, String)> {
    let files = FILES.map(|(path, text)| (path.to_owned(), text.to_owned()));
    files.into()
}

/// The configuration with some edits, and one more tool that writes.
pub(super) fn with_a_writing_tool(edits: &[Edit<'_>]) -> Arc<Config> {
    let tool = r"description: Writes a note.
effect: write
input: {type: object, properties: {}}
run: {command: [kubectl, get, note]}
tests:
  - ask: {}
  - deny: {more: 1}
";
    let mut files = edited(edits);
    files.push(("tools.d/kubectl_note.yaml".to_owned(), tool.to_owned()));
    load(files)
}

/// A configuration of these files; it must be valid.
pub(super) fn load(files: impl IntoIterator<Item = (String, String)>) -> Arc<Config> {
    let files = files
        .into_iter()
        .map(|(path, text)| File::new(path, text.into_bytes()));
    let origin = Origin::Files(files.collect());
    let loaded = policy::load(&origin, Overrides::None).unwrap();
    let errors: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| format!("{} {}", found.place, found.message))
        .collect();
    assert_eq!(errors, [""; 0]);
    loaded.config.unwrap()
}

/// What the tool's language gains and loses from one configuration to another.
pub(super) fn difference(old: &Config, new: &Config) -> Languages {
    let side = |config| (config, "kubectl");
    let [old, new] = [side(old), side(new)]
        .map(|(config, name): (&Config, _)| config.tool(name).map(|tool| (config, &**tool)));
    languages(old, new)
}

/// What an edit newly permits and newly denies, in lines to read.
pub(super) fn told(edits: &[Edit<'_>]) -> String {
    tell(&difference(&config(&[]), &config(edits)))
}

/// A difference in lines to read.
pub(super) fn tell(difference: &Languages) -> String {
    let mut text = String::new();
    let mut list = |sign: char, witnesses: &[Witness]| {
        for witness in witnesses {
            let line = shortened(&witness.command_line);
            let (before, after) = (witness.before.as_str(), witness.after.as_str());
            writeln!(text, "{sign} {line} ({before} -> {after}): {}", witness.why).unwrap();
        }
    };
    list('+', &difference.permitted);
    list('-', &difference.denied);
    if let Some(why) = &difference.undecided {
        writeln!(text, "undecided: {why}").unwrap();
    }
    if difference.equal {
        writeln!(text, "proved equal").unwrap();
    }
    text
}

/// A run of one letter as its length: a witness of a lost limit is long by nature.
fn shortened(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        let mut times = 1;
        while rest.next_if_eq(&character).is_some() {
            times += 1;
        }
        match times {
            10.. => write!(text, "{character}{{{times}}}").unwrap(),
            _ => text.extend(std::iter::repeat_n(character, times)),
        }
    }
    text
}

/// What comes out for every invariant after some edits, in lines to read.
pub(super) fn proofs(edits: &[Edit<'_>]) -> String {
    proofs_of(&config(edits))
}

/// What comes out for every invariant, in lines to read.
pub(super) fn proofs_of(config: &Config) -> String {
    let mut text = String::new();
    for proof in prove(config) {
        let outcome = match proof.outcome {
            Outcome::Proved => "proved".to_owned(),
            Outcome::Violated { command_line, .. } => {
                format!("violated by {}", shortened(&command_line))
            }
            Outcome::Idle => "says nothing".to_owned(),
            Outcome::Undecided(why) => format!("undecided: {why}"),
        };
        writeln!(text, "{}: {outcome}", proof.rule.id).unwrap();
    }
    text
}
