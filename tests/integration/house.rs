//! What must be absent from the code, and the order of its modules.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file of `src/` with its path below it, comments and unit tests cut away.
fn code() -> Vec<(String, String)> {
    files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
        .into_iter()
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "tests"))
        .map(|path| {
            (
                below_src(&path),
                without_tests(&fs::read_to_string(&path).unwrap()),
            )
        })
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn below_src(path: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.strip_prefix(src).unwrap().display().to_string()
}

fn without_tests(text: &str) -> String {
    // A declaration on top is no end of the code: what is left out are the tests written in the file.
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules in the order of `src/lib.rs`.
fn modules() -> Vec<String> {
    let lib = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    lib.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// Lines of the code that hold one of the words, outside the files that may.
fn offenders(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let is_test = |file: &str| file.contains("/tests/") || file.ends_with("/tests.rs");
    let code = code().into_iter().filter(|(file, _)| !is_test(file));
    for (file, text) in code.filter(|(file, _)| !may(file)) {
        for line in text
            .lines()
            .filter(|line| words.iter().any(|word| line.contains(word)))
        {
            found.push(format!("{file}: {}", line.trim()));
        }
    }
    found
}

fn is_in(file: &str, module: &str) -> bool {
    file == format!("{module}.rs") || file.starts_with(&format!("{module}/"))
}

#[test]
fn a_module_uses_only_modules_declared_above_it() {
    let modules = modules();
    assert_eq!(modules.first().map(String::as_str), Some("diagnostic"));
    assert_eq!(modules.last().map(String::as_str), Some("cli"));
    let mut upwards = Vec::new();
    for (file, text) in code() {
        let Some(own) = modules.iter().position(|module| is_in(&file, module)) else {
            assert!(
                ["lib.rs", "main.rs"].contains(&file.as_str()),
                "{file} belongs to no module"
            );
            continue;
        };
        for (at, module) in modules.iter().enumerate().skip(own + 1) {
            let paths = [
                format!("crate::{module}::"),
                format!("crate::{module};"),
                format!("crate::{module} "),
            ];
            if paths.iter().any(|path| text.contains(path)) {
                upwards.push(format!(
                    "{file} uses {module}, which is {} below it",
                    at - own
                ));
            }
        }
        assert!(
            !text.contains("use crate::{"),
            "{file}: write one `use` a module, so that the order can be read"
        );
    }
    assert_eq!(upwards, [""; 0]);
}

#[test]
fn no_file_has_more_than_five_hundred_lines() {
    let long: Vec<String> = files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
        .into_iter()
        .map(|path| {
            (
                below_src(&path),
                fs::read_to_string(&path).unwrap().lines().count(),
            )
        })
        .filter(|(_, lines)| *lines > 500)
        .map(|(file, lines)| format!("{file}: {lines}"))
        .collect();
    assert_eq!(long, [""; 0]);
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent: Vec<String> = files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
        .into_iter()
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "tests"))
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| below_src(&path))
        .collect();
    assert_eq!(silent, [""; 0]);
}

#[test]
fn only_tool_starts_processes() {
    let words = [
        "std::process::Command",
        "process::Command",
        "tokio::process",
    ];
    assert_eq!(offenders(&words, |file| is_in(file, "tool")), [""; 0]);
}

#[test]
fn only_config_reads_the_environment() {
    let words = ["env::var", "env::vars", "env::var_os", "env::vars_os"];
    assert_eq!(offenders(&words, |file| is_in(file, "config")), [""; 0]);
}

#[test]
fn nothing_prints_but_the_renderer() {
    let words = [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "io::stdout",
        "io::stderr",
    ];
    assert_eq!(offenders(&words, |file| is_in(file, "cli/render")), [""; 0]);
}

#[test]
fn background_work_starts_only_in_tasks() {
    let words = ["tokio::spawn", "task::spawn", "JoinSet", "thread::spawn"];
    assert_eq!(offenders(&words, |file| is_in(file, "tasks")), [""; 0]);
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["todo!", "unimplemented!", "dbg!", "FIXME", "TODO", "XXX"];
    assert_eq!(offenders(&words, |_| false), [""; 0]);
}
