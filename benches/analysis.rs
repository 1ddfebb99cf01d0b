//! What the analysis costs: proofs, differences, a whole configuration, a thousand tools.
//!
//! A table of its own, because the states that were looked at belong beside the times: they are the
//! same on every machine. Each row runs in a process of its own, so that its memory is its own.
//! `cargo bench --bench analysis` prints all rows; with words, those rows whose name has one of them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that cannot start stops at once, and prints what it found"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tolkien::analysis::compare::languages;
use tolkien::analysis::invariant::{Outcome, Proof, prove};
use tolkien::config::{Config, File, Origin, Overrides};
use tolkien::policy;

/// A row is run again until this has passed,
const ENOUGH: Duration = Duration::from_secs(2);

/// or it has run so often.
const MOST_RUNS: usize = 20;

type Row = (&'static str, fn() -> Measured);

const ROWS: [Row; 10] = [
    ("invariants of kubectl", || {
        proved("tests/fixtures/large/kubectl")
    }),
    ("invariants of argocd", || {
        proved("tests/fixtures/large/argocd")
    }),
    ("invariants of vault", || {
        proved("tests/fixtures/large/vault")
    }),
    ("invariants of tea", || proved("tests/fixtures/large/tea")),
    ("invariants of web", || proved("tests/fixtures/large/web")),
    ("invariants of the shipped", || proved("")),
    ("difference: a lost deny", lost_deny),
    ("difference: a refactoring", refactored),
    ("the shipped, loaded and proved", || {
        loaded_and_proved(&read(""))
    }),
    ("1000 tools, loaded and proved", || {
        loaded_and_proved(&thousand())
    }),
];

fn main() {
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if let [flag, name] = words.as_slice()
        && flag == "--row"
    {
        if let Some((name, run)) = ROWS.iter().find(|(row, _)| row == name) {
            println!("{name:<32}{}", run());
        }
        return;
    }
    println!(
        "{:<32}{:>10}{:>10}{:>8}{:>7}{:>8}{:>8}  outcome",
        "", "fastest", "median", "words", "kinds", "lines", "MiB"
    );
    for (name, _) in ROWS {
        if words.is_empty() || words.iter().any(|word| name.contains(word)) {
            let program = env::current_exe().unwrap();
            let status = Command::new(program)
                .args(["--row", name])
                .status()
                .unwrap();
            assert!(status.success(), "{name} failed");
        }
    }
}

/// What one row says.
struct Measured {
    /// The times of all runs, in order of length.
    times: Vec<Duration>,
    /// States over one word, kinds of words and states over lines, over all tools.
    states: Option<[usize; 3]>,
    outcome: String,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |index: usize| {
            let time = self.times.get(index).copied().unwrap_or_default();
            format!("{:.1} ms", time.as_secs_f64() * 1e3)
        };
        write!(formatter, "{:>10}{:>10}", at(0), at(self.times.len() / 2))?;
        let states = self
            .states
            .map(|states| states.map(|count| count.to_string()));
        let [words, kinds, lines] = states.unwrap_or_else(|| [(); 3].map(|()| "-".to_owned()));
        write!(formatter, "{words:>8}{kinds:>7}{lines:>8}")?;
        write!(formatter, "{:>8}  {}", peak_mebibytes(), self.outcome)
    }
}

/// The most memory that this process ever held, as the kernel tells it; 0 where it does not.
fn peak_mebibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kibibytes.unwrap_or(0_u64) / 1024
}

/// Runs something again and again; what it answers last, and all times.
fn timed<T>(mut run: impl FnMut() -> T) -> (T, Vec<Duration>) {
    let mut times = Vec::new();
    let begin = Instant::now();
    loop {
        let start = Instant::now();
        let answer = run();
        times.push(start.elapsed());
        if begin.elapsed() >= ENOUGH || times.len() == MOST_RUNS {
            times.sort_unstable();
            return (answer, times);
        }
    }
}

fn proved(folder: &str) -> Measured {
    let config = load(&read(folder));
    let (proofs, times) = timed(|| prove(&config));
    of_proofs(&proofs, times)
}

fn loaded_and_proved(files: &[File]) -> Measured {
    let (proofs, times) = timed(|| prove(&load(files)));
    of_proofs(&proofs, times)
}

fn of_proofs(proofs: &[Proof], times: Vec<Duration>) -> Measured {
    // One search over words, and nearly always one over lines, serves all invariants of a tool.
    let of_tools: BTreeMap<_, _> = proofs
        .iter()
        .map(|proof| (proof.tool.name.as_str(), proof.effort))
        .collect();
    let words = of_tools.values().map(|effort| effort.word_states).sum();
    let kinds = of_tools.values().map(|effort| effort.kinds).sum();
    let lines = of_tools.values().map(|effort| effort.line_states).sum();
    let held = proofs
        .iter()
        .filter(|proof| proof.outcome == Outcome::Proved);
    Measured {
        times,
        states: Some([words, kinds, lines]),
        outcome: format!("{} of {} proved", held.count(), proofs.len()),
    }
}

fn lost_deny() -> Measured {
    let without = |text: &str| {
        let tool = cut(
            text,
            "      - match: '[ <scope> ]... get|describe [ <type>",
            2,
        );
        cut(&tool, "  - id: no-credentials\n", 3)
    };
    differs(&without)
}

fn refactored() -> Measured {
    differs(&|text| {
        text.replace("<scope> | <all>", "<all> | <scope>")
            .replace("pods?|po|nodes?|no ", "no|nodes?|po|pods? ")
            .replace("-A|--all-namespaces<bool>", "-A | --all-namespaces<bool>")
    })
}

/// Both directions between the large kubectl configuration and an edit of it.
fn differs(edit: &dyn Fn(&str) -> String) -> Measured {
    let old = read("tests/fixtures/large/kubectl");
    let plain = |text: &str| {
        // Cases name rules by number, and these move.
        let (rules, cases) = text.split_once("\ntests:\n").unwrap_or((text, ""));
        let least = "\ntests:\n  - allow: get pods -A\n  - deny: get secrets -A\n";
        let cases = if cases.contains("- {tool: ") || cases.is_empty() {
            "\n"
        } else {
            least
        };
        format!("{rules}{cases}")
    };
    let new = old.iter().map(|file| {
        let text = String::from_utf8(file.content.clone().unwrap()).unwrap();
        File::new(&file.path, edit(&plain(&text)))
    });
    let (old, new) = (load(&old), load(&new.collect::<Vec<_>>()));
    let side = |config| Some((config, "kubectl"));
    let [before, after] = [side(&old), side(&new)].map(|side: Option<(&Arc<Config>, _)>| {
        let (config, name) = side?;
        Some((&**config, &**config.tool(name)?))
    });
    let (answer, times) = timed(|| languages(before, after));
    let outcome = match (&answer.undecided, answer.equal, answer.permitted.first()) {
        (Some(why), ..) => format!("undecided: {why}"),
        (None, true, _) => "proved equal".to_owned(),
        (None, false, Some(witness)) => format!("now permits {}", witness.command_line),
        (None, false, None) => "permits less".to_owned(),
    };
    Measured {
        times,
        states: None,
        outcome,
    }
}

/// The text without so many lines from this one on.
fn cut(text: &str, line: &str, lines: usize) -> String {
    let Some((before, rest)) = text.split_once(line) else {
        return text.to_owned();
    };
    let after: String = rest
        .split_inclusive('\n')
        .skip(lines - usize::from(line.ends_with('\n')))
        .collect();
    format!("{before}{after}")
}

/// A thousand tools that each read something of its own, under one policy.
fn thousand() -> Vec<File> {
    let tool = |number: usize| {
        let text = format!(
            r#"description: Reads table {number}.
effect: read
input:
  type: object
  required: [args]
  properties:
    args: {{type: array, items: {{type: string}}, minItems: 1, maxItems: 20}}
run: {{command: [reader, "{{{{ args }}}}", --table=t{number}]}}
let: {{name: {{re: '[a-z][a-z0-9-]*', max: {max}}}}}
arguments:
  args:
    allow: ['list|show{number} [ <name> | -n <name> | --sort=(name|age) ]...']
    deny: [{{match: '** --(server|token)(=.*)? **', because: the server is fixed}}]
tests:
  - allow: list a -n b
  - deny: list --server=other
"#,
            max = 20 + number % 40
        );
        File::new(format!("tools.d/reader_{number}.yaml"), text.into_bytes())
    };
    let policy = r"applies_to: {tools: ['reader_*']}
never:
  - {id: no-mutation, match: 'reader create|delete|write **', because: reading only}
  - {id: no-other-target, match: 'reader ** --(server|token)(=.*)? **', because: the server is fixed}
";
    let fixed = [
        ("prompts/system.md", "You read tables.\n"),
        ("policies/invariants.yaml", policy),
    ];
    let fixed = fixed.map(|(path, text)| File::new(path, text));
    fixed.into_iter().chain((1..=1000).map(tool)).collect()
}

/// The files of a configuration within this repository.
fn read(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    for folder in ["prompts", "policies", "tools.d"] {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_string_lossy();
            files.push(File::new(
                format!("{folder}/{name}"),
                fs::read(&path).unwrap(),
            ));
        }
    }
    if let Ok(settings) = fs::read(root.join("tolkien.yaml")) {
        files.push(File::new("tolkien.yaml", settings));
    }
    files
}

fn load(files: &[File]) -> Arc<Config> {
    let loaded = policy::load(Origin::Files(files.to_vec()), Overrides::None).unwrap();
    assert!(loaded.config.is_some(), "{:#?}", loaded.diagnostics);
    loaded.config.unwrap()
}
