//! Many tools, and many mistakes that nobody thought of.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tolkien::config::Overrides;
use tolkien::policy;

use super::{copy, findings, fixtures};

#[test]
fn a_thousand_tools_load_without_a_finding() {
    let root = tempfile::tempdir().unwrap();
    copy(&fixtures().join("good"), root.path());
    for number in 0..1_000 {
        let tool = format!(
            "description: Answers question {number}.
effect: {effect}
input:
  type: object
  required: [args]
  properties:
    args: {{type: array, items: {{type: string}}, maxItems: 9}}
    since: {{type: string, default: 1h}}
run:
  command: [program-{number}, \"--since={{{{ since }}}}\", \"{{{{ args }}}}\"]
let:
  name: {{re: '[a-z][-a-z0-9]*', max: 63}}
arguments:
  args:
    allow: ['get|list [ <name> ]... [ -n <name> ]']
    deny: [{{match: '** secret{number} **', because: it is secret}}]
tests:
  - {passes}: get pods
  - deny: delete pods
",
            effect = if number % 2 == 0 { "read" } else { "write" },
            passes = if number % 2 == 0 { "allow" } else { "ask" },
        );
        let file = root.path().join(format!("tools.d/tool_{number}.yaml"));
        fs::write(file, tool).unwrap();
    }
    assert_eq!(findings(root.path()), "");
    let loaded = policy::load(root.path(), Overrides::None).unwrap();
    assert_eq!(loaded.checked.tools, 1_001);
    assert_eq!(loaded.checked.cases, 2_003);
}

/// The YAML files that are shipped, and those of the good root.
fn shipped() -> Vec<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![package.join("tolkien.yaml")];
    for folder in ["tools.d", "policies"] {
        for root in [package.to_owned(), fixtures().join("good")] {
            let entries = fs::read_dir(root.join(folder)).unwrap();
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    files.sort();
    files
}

/// One slip of an editor.
#[derive(Debug, Clone)]
enum Slip {
    Delete(usize, usize),
    Insert(usize, String),
    Swap(usize, usize),
}

fn slip() -> impl Strategy<Value = Slip> {
    let inserted = prop_oneof![
        Just("\t".to_owned()),
        Just("  ".to_owned()),
        Just("{{".to_owned()),
        Just("\n- ".to_owned()),
        Just(": ".to_owned()),
        Just("---\n".to_owned()),
        "[]{}&*!|>'\"%@`#,?:<>()\\\\\u{e9}\u{200b}-]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        (any::<usize>(), 1..40_usize).prop_map(|(at, count)| Slip::Delete(at, count)),
        (any::<usize>(), inserted).prop_map(|(at, text)| Slip::Insert(at, text)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Slip::Swap(a, b)),
    ]
}

/// What the slip makes of a file; it may end in half a character.
fn after(mut bytes: Vec<u8>, slip: &Slip) -> Vec<u8> {
    match slip {
        Slip::Delete(at, count) => {
            let at = at % (bytes.len() + 1);
            let end = (at + count).min(bytes.len());
            bytes.drain(at..end);
        }
        Slip::Insert(at, text) => {
            let at = at % (bytes.len() + 1);
            bytes.splice(at..at, text.bytes());
        }
        Slip::Swap(a, b) => {
            let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            let (a, b) = (a % lines.len(), b % lines.len());
            lines.swap(a, b);
            bytes = lines.join(&b'\n');
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever an editor does to a file, it is loaded, or every reason why not has a place in it.
    #[test]
    fn no_slip_of_an_editor_breaks_the_loader(
        file in 0..shipped().len(),
        slips in prop::collection::vec(slip(), 1..4),
    ) {
        let file = &shipped()[file];
        let folder = file.parent().unwrap().file_name().unwrap();
        let root = tempfile::tempdir().unwrap();
        copy(&fixtures().join("good"), root.path());
        let target = if file.ends_with("tolkien.yaml") {
            root.path().join("tolkien.yaml")
        } else {
            root.path().join(folder).join(file.file_name().unwrap())
        };
        let bytes = slips.iter().fold(fs::read(file).unwrap(), after);
        fs::write(target, bytes).unwrap();
        let loaded = policy::load(root.path(), Overrides::None).unwrap();
        for found in &loaded.diagnostics {
            let source = loaded.sources.iter().find(|source| *source.name() == found.place.file);
            let length = source.map_or(0, |source| source.text().len());
            prop_assert!(found.place.bytes.start <= found.place.bytes.end);
            prop_assert!(found.place.bytes.end <= length);
            prop_assert!(!found.message.is_empty() && !found.message.contains('\n'));
        }
    }
}
