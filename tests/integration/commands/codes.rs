//! The pages on codes: complete, and their examples do what they say.
//!
//! To add a code, write `docs/codes/CODE.md` like the pages beside it: heading, severity and sentence,
//! what it means, why it matters, an example of wrong and one of right. Then name it in the table of
//! `src/cli/code.rs`, and write the list again with `TOLKIEN_REWRITE=1 cargo test the_list_of_codes`.
//!
//! An example is a fenced block whose info string is `LANGUAGE FILE wrong` or `LANGUAGE FILE right`. It
//! is laid over `tests/fixtures/explained/`: a new file, or the top-level keys of one that is there,
//! which take those keys' place. All blocks of one kind make one root; with `alone` behind the kind
//! nothing else is in it. A block of `sh` is shown and not run. A line ``Found by `tolkien …`.`` names
//! another command line than `tolkien validate`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

use super::program::Folder;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page by its code.
fn pages() -> BTreeMap<String, String> {
    let entries = fs::read_dir(package().join("docs/codes")).unwrap();
    let mut pages = BTreeMap::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let code = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if code != "README" {
            pages.insert(code, fs::read_to_string(path).unwrap());
        }
    }
    pages
}

/// Words in quotes that look like codes where codes are raised, and are none.
const NOT_CODES: [&str; 6] = [
    "accept-encoding",
    "best-effort",
    "claude-opus-5-5",
    "content-length",
    "kebab-case",
    "transfer-encoding",
];

/// Every word that looks like a code in the modules that find something.
fn codes() -> BTreeSet<String> {
    let word = Regex::new(r#""([a-z]+(?:-[a-z0-9]+)+)""#).unwrap();
    let mut codes = BTreeSet::new();
    for file in sources(&package().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let below = file.strip_prefix(package().join("src")).unwrap();
        let module = below.components().next().unwrap().as_os_str();
        let module = module.to_str().unwrap().trim_end_matches(".rs");
        let finds = ["config", "pattern", "call", "policy", "analysis"].contains(&module)
            || text.contains("Diagnostic::");
        let is_test =
            file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs");
        if finds && !is_test {
            let words = word.captures_iter(text).map(|found| found[1].to_owned());
            codes.extend(words.filter(|word| !NOT_CODES.contains(&word.as_str())));
        }
    }
    codes
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            all.push(path);
        }
    }
    all
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let (codes, pages) = (codes(), pages());
    assert!(codes.len() > 100, "{codes:?}");
    let without_page: Vec<&String> = codes
        .iter()
        .filter(|code| !pages.contains_key(*code))
        .collect();
    assert!(
        without_page.is_empty(),
        "write docs/codes/CODE.md for {without_page:?} as the top of {} says, or, for a word that is \
         no code, name it in NOT_CODES there",
        file!()
    );
    let without_code: Vec<&String> = pages.keys().filter(|page| !codes.contains(*page)).collect();
    assert!(
        without_code.is_empty(),
        "nothing in src/ raises {without_code:?}: remove these pages from docs/codes/, and from the \
         table in src/cli/code.rs"
    );
}

#[test]
fn every_page_is_in_the_program() {
    let listed: Vec<String> = Folder::new()
        .run(&["validate", "--explain"])
        .out
        .lines()
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    let pages: Vec<String> = pages().into_keys().collect();
    assert_eq!(
        listed, pages,
        "the table in src/cli/code.rs holds one line for each page of docs/codes/, in order"
    );
}

/// The opening of a page: its severity and its sentence.
fn opening<'a>(code: &str, page: &'a str) -> (&'a str, &'a str) {
    let written = page
        .strip_prefix(&format!("# {code}\n\n**"))
        .and_then(|rest| rest.split_once("\n\n"))
        .and_then(|(opening, _)| opening.split_once(".** "));
    let Some((severity, sentence)) = written else {
        panic!("docs/codes/{code}.md begins `# {code}`, an empty line, `**Error.** A sentence.`");
    };
    assert!(
        ["Error", "Warning", "Info", "Error or warning"].contains(&severity),
        "docs/codes/{code}.md: `{severity}` is no severity"
    );
    assert!(
        sentence.ends_with('.') && !sentence.contains('\n'),
        "docs/codes/{code}.md: one sentence on one line follows the severity"
    );
    (severity, sentence)
}

#[test]
fn the_list_of_codes_is_that_of_the_pages() {
    let mut list = String::from(
        "# Codes\n\nEverything that `tolkien` can find in a configuration. `tolkien validate --explain CODE` prints these \
         pages.\n\n| code | severity | what is wrong |\n| --- | --- | --- |\n",
    );
    for (code, page) in pages() {
        let (severity, sentence) = opening(&code, &page);
        let severity = severity.to_lowercase();
        writeln!(list, "| [`{code}`]({code}.md) | {severity} | {sentence} |").unwrap();
    }
    let file = package().join("docs/codes/README.md");
    if rewrite() {
        fs::write(&file, &list).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap_or_default(),
        list,
        "write it again with `TOLKIEN_REWRITE=1 cargo test the_list_of_codes`"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says whether a generated file is written again"
)]
pub(super) fn rewrite() -> bool {
    std::env::var("TOLKIEN_REWRITE").is_ok()
}

/// The examples of one kind.
#[derive(Debug, Default)]
struct Example {
    /// File and text of those that are run.
    files: Vec<(String, String)>,
    alone: bool,
    /// Whether there is one that is only shown.
    shown: bool,
}

fn example(code: &str, page: &str, kind: &str) -> Example {
    let mut example = Example::default();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else {
            continue;
        };
        let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = inside.join("\n") + "\n";
        match info.split(' ').collect::<Vec<_>>()[..] {
            ["sh", "wrong" | "right"] => example.shown |= info.ends_with(kind),
            [_, file, is, ref rest @ ..] if ["wrong", "right"].contains(&is) => {
                assert!(rest.is_empty() || rest == ["alone"], "{code}: ```{info}");
                if is == kind {
                    example.files.push((file.to_owned(), text));
                    example.alone |= !rest.is_empty();
                }
            }
            _ => {
                panic!("docs/codes/{code}.md: ```{info} is no `LANGUAGE FILE wrong|right [alone]`")
            }
        }
    }
    assert!(
        !example.files.is_empty() || example.shown,
        "docs/codes/{code}.md has no example of {kind}: write one in ```yaml FILE {kind}"
    );
    example
}

/// The top-level parts of a YAML file, each with its key.
fn parts(text: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let key = line.split_once(':').map(|(key, _)| key).filter(|key| {
            key.starts_with(|first: char| first.is_alphabetic()) && !key.contains(' ')
        });
        match (key, parts.last_mut()) {
            (Some(key), _) => parts.push((key.to_owned(), format!("{line}\n"))),
            (None, Some((_, part))) => writeln!(part, "{line}").unwrap(),
            (None, None) => parts.push((String::new(), format!("{line}\n"))),
        }
    }
    parts
}

/// A YAML file with the top-level keys of another text in the place of its own.
pub(super) fn overlaid(before: &str, text: &str) -> String {
    let keys: BTreeSet<String> = parts(text).into_iter().map(|(key, _)| key).collect();
    let kept = parts(before)
        .into_iter()
        .filter(|(key, _)| !keys.contains(key));
    kept.map(|(_, part)| part).collect::<String>() + text
}

/// Lays an example over the base.
fn root(example: &Example) -> Folder {
    let folder = Folder::new();
    let base = package().join("tests/fixtures/explained");
    let mut files = BTreeMap::new();
    if !example.alone {
        for file in ["tools.d/kubectl.yaml", "prompts/system.md", "tolkien.yaml"] {
            files.insert(
                file.to_owned(),
                fs::read_to_string(base.join(file)).unwrap(),
            );
        }
    }
    for (file, text) in &example.files {
        let written = match files.get(file) {
            Some(before) if !file.starts_with("prompts/") => overlaid(before, text),
            _ => text.clone(),
        };
        files.insert(file.clone(), written);
    }
    for (file, text) in files {
        let path = folder.path("root").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Code and severity of what is found.
fn found(example: &Example, arguments: &[&str]) -> Vec<(String, String)> {
    let folder = root(example);
    let all = [arguments, &["--config", "root", "--format", "json"]].concat();
    let ran = folder.run(&all);
    let json: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    let found = json["diagnostics"].as_array().unwrap().iter();
    let word = |found: &Value, key: &str| found[key].as_str().unwrap().to_owned();
    found
        .map(|found| (word(found, "code"), word(found, "severity")))
        .collect()
}

/// Codes whose example cannot be text, depends on the machine, or takes two configurations: it is shown
/// and not run.
const SHOWN: [&str; 10] = [
    "bad-environment",
    "host-sandbox",
    "not-utf8",
    "permission-widened",
    "too-large",
    "undecided-difference",
    "too-many-files",
    "too-many-names",
    "unreadable-file",
    "unused-acknowledgement",
];

#[test]
fn every_wrong_example_raises_its_code_and_every_right_one_does_not() {
    let command = Regex::new(r"(?m)^Found by `tolkien ([a-z -]+)`\.$").unwrap();
    let mut wrong = Vec::new();
    for (code, page) in pages() {
        let (severity, _) = opening(&code, &page);
        assert!(
            page.contains("\n## Why it matters\n\n"),
            "docs/codes/{code}.md says why"
        );
        let [bad, good] = ["wrong", "right"].map(|kind| example(&code, &page, kind));
        let shown = bad.files.is_empty();
        assert_eq!(
            shown,
            SHOWN.contains(&code.as_str()),
            "{code}: shown, not run"
        );
        if shown {
            continue;
        }
        let line = command.captures(&page);
        let line = line
            .as_ref()
            .map_or("validate", |found| found.get(1).unwrap().as_str());
        let arguments: Vec<&str> = line.split(' ').collect();
        let raised = found(&bad, &arguments);
        let severities: BTreeSet<&str> = raised
            .iter()
            .filter(|(raised, _)| *raised == code)
            .map(|(_, severity)| severity.as_str())
            .collect();
        if severities.is_empty() {
            wrong.push(format!("{code}: the wrong example raises {raised:?}"));
        } else if !severities
            .iter()
            .all(|found| severity.to_lowercase().contains(found))
        {
            wrong.push(format!(
                "{code}: it is {severities:?}, and the page says {severity}"
            ));
        }
        let raised = found(&good, &arguments);
        if raised
            .iter()
            .any(|(raised, severity)| *raised == code || severity == "error")
        {
            wrong.push(format!("{code}: the right example raises {raised:?}"));
        }
    }
    assert!(wrong.is_empty(), "in docs/codes/:\n{}", wrong.join("\n"));
}

#[test]
fn a_code_is_explained_and_a_misspelt_one_gets_the_nearest() {
    let folder = Folder::new();
    let page = folder.run(&["validate", "--explain", "unknown-key"]);
    assert_eq!((page.code, page.err.as_str()), (0, ""));
    assert_eq!(page.out, pages()["unknown-key"]);
    let near = folder.run(&["validate", "--explain", "unknown-kye"]);
    assert_eq!((near.code, near.out.as_str()), (2, ""));
    insta::assert_snapshot!(near.err, @r"
    error: there is no code `unknown-kye`
    help: did you mean `unknown-key`? `tolkien validate --explain` lists all codes
    ");
    let told = |code: &str| folder.run(&["validate", "--explain", code]).err;
    insta::assert_snapshot!(told("host"), @"
    error: there is no code `host`
    help: there are `bad-host`, `host-environment`, `host-folder`, `host-program`, `host-sandbox` and `host-secret`; `tolkien validate --explain` lists all codes
    ");
    insta::assert_snapshot!(told("scret"), @"
    error: there is no code `scret`
    help: there are `host-secret` and `secret-in-file`; `tolkien validate --explain` lists all codes
    ");
    insta::assert_snapshot!(told("widened"), @"
    error: there is no code `widened`
    help: did you mean `permission-widened`? `tolkien validate --explain` lists all codes
    ");
    // It stands inside `unopened`, which helps nobody.
    insta::assert_snapshot!(told("nope"), @"
    error: there is no code `nope`
    help: `tolkien validate --explain` lists all codes
    ");
}
