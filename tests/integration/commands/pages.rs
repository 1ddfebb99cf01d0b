//! The pages of `docs/`: every command that they show is run, and every link leads somewhere.
//!
//! A page of [`RUN`] is played from its top in an empty folder. A block whose info string is `LANGUAGE FILE`
//! is written to that file; of a YAML file that is there already, only the top-level keys that the block
//! has take those keys' place. A block of `console` holds commands behind `$ `, each followed by what it
//! prints, standard output first. No other block may look like a command. What is printed is written anew by
//! `TOLKIEN_REWRITE=1 cargo test every_command_of_a_page`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use tolkien::call::words;

use super::codes;
use super::program::Folder;

/// The pages whose commands are run.
const RUN: [&str; 2] = ["writing-a-tool", "writing-a-policy"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Writes a block to its file.
fn write(folder: &Folder, file: &str, text: &str) {
    let path = folder.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let before = fs::read_to_string(&path).ok();
    let before = before.filter(|_| path.extension().is_some_and(|ending| ending == "yaml"));
    let text = before.map_or_else(|| text.to_owned(), |before| codes::overlaid(&before, text));
    fs::write(path, text).unwrap();
}

/// What a command prints; the folder that it works in is `~/config`.
fn printed(folder: &Folder, line: &str) -> String {
    let here = folder.path("").display().to_string();
    let here = here.trim_end_matches('/');
    let words = words::split(&line.replace("$PWD", here)).unwrap();
    let at = words.iter().position(|word| word == "tolkien");
    let at = at.unwrap_or_else(|| panic!("`{line}` is no command of tolkien"));
    let environment: Vec<(&str, &str)> = words[..at]
        .iter()
        .map(|word| word.split_once('=').unwrap())
        .collect();
    let arguments: Vec<&str> = words[at + 1..].iter().map(String::as_str).collect();
    let ran = folder.run_with(&arguments, &environment, "");
    (ran.out + &ran.err).replace(here, "~/config")
}

/// A page with what its commands print now.
fn played(page: &str) -> String {
    let folder = Folder::new();
    let mut played = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        played.extend([line, "\n"]);
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match info.split(' ').collect::<Vec<_>>()[..] {
            ["console"] => {
                for line in inside.iter().filter(|line| line.starts_with("$ ")) {
                    let said = printed(&folder, line.trim_start_matches("$ "));
                    played.extend([line, "\n", &said]);
                }
            }
            [_, file] => {
                let text = inside.join("\n") + "\n";
                write(&folder, file, &text);
                played += &text;
            }
            _ => panic!("```{info} is neither `console` nor `LANGUAGE FILE`"),
        }
        played += "```\n";
    }
    played
}

#[test]
fn every_command_of_a_page_prints_what_the_page_says() {
    for name in RUN {
        let file = docs().join(format!("{name}.md"));
        let page = fs::read_to_string(&file).unwrap();
        let played = played(&page);
        if codes::rewrite() {
            fs::write(&file, &played).unwrap();
        } else {
            assert!(
                page == played,
                "docs/{name}.md: `TOLKIEN_REWRITE=1 cargo test every_command_of_a_page` writes it anew:\n{played}"
            );
        }
    }
}

/// The places that a page's headings make, as forges name them.
fn places(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
            kept.map(|it| if it == ' ' { '-' } else { it }).collect()
        })
        .collect()
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("tests/README.md")];
    for folder in [docs(), docs().join("codes")] {
        let entries = fs::read_dir(folder).unwrap();
        pages.extend(entries.map(|entry| entry.unwrap().path()));
    }
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut astray = Vec::new();
    for page in pages
        .iter()
        .filter(|page| page.extension().is_some_and(|it| it == "md"))
    {
        let text = fs::read_to_string(page).unwrap();
        for found in link.captures_iter(&text) {
            let (file, place) = found[1].split_once('#').unwrap_or((&found[1], ""));
            if file.contains("://") {
                continue;
            }
            let to = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let there = to.exists()
                && (place.is_empty() || places(&fs::read_to_string(&to).unwrap()).contains(place));
            if !there {
                astray.push(format!("{}: {}", page.display(), &found[1]));
            }
        }
    }
    assert_eq!(astray, [""; 0]);
}

#[test]
fn every_code_that_a_page_names_has_a_page_of_its_own() {
    let code = Regex::new(r"`([a-z]+(?:-[a-z0-9]+)+)`\]\(codes/").unwrap();
    let text = fs::read_to_string(docs().join("troubleshooting.md")).unwrap();
    let named: Vec<String> = code
        .captures_iter(&text)
        .map(|it| it[1].to_owned())
        .collect();
    assert!(named.len() > 40, "{named:?}");
    for code in named {
        assert!(docs().join(format!("codes/{code}.md")).exists(), "{code}");
    }
}
