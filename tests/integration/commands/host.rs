//! Folders that the tools need: told before a question meets them, and never held against a tool
//! once they are there.

use nix::sys::signal::Signal;

use super::program::Folder;

const PAGE: &str = r#"
description: Reads a page.
effect: read
input:
  type: object
  required: [path]
  properties:
    path: {type: string}
run:
  command: [cat, --, "{{ path }}"]
  cwd: "{{ env.DOCS_DIR }}"
arguments:
  path:
    within: "{{ env.DOCS_DIR }}"
    allow: ['[a-z.]+']
tests:
  - allow: {path: page.md}
  - deny: {path: /etc/passwd}
"#;

/// A folder whose tool reads in `docs`, which is not there.
fn without_documents() -> Folder {
    let folder = Folder::with_configuration();
    folder.write("tools.d/page.yaml", PAGE);
    let docs = folder.path("docs");
    let settings = folder.read("tolkien.yaml");
    let settings = format!(
        "{settings}\nenvironment: {{DOCS_DIR: {}}}\n",
        docs.display()
    );
    folder.write("tolkien.yaml", &settings);
    folder
}

/// A text in which the folder of the test is called `HOME`.
fn homely(folder: &Folder, text: &str) -> String {
    text.replace(&folder.path("").display().to_string(), "HOME/")
}

#[test]
fn a_folder_that_is_not_here_is_told_before_the_first_call() {
    let folder = without_documents();
    let ran = folder.run(&["validate", "--host", "--format", "github"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(homely(&folder, &ran.out), @"::warning file=tools.d/page.yaml,line=11,endLine=11,col=8,endColumn=28,title=host-folder::there is no folder `HOME/docs` here, so `page` cannot be used until there is%0Ahelp: `DOCS_DIR` is not set, so its default is used: `export DOCS_DIR=…` with the folder's path, or make it");
    let ran = folder.run_with(&["tools"], &[("DOCS_DIR", "/srv/nowhere")], "");
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!(ran.err, @"warning: there is no folder `/srv/nowhere` here, so `page` cannot be used until there is; it is what `DOCS_DIR` is set to: `export DOCS_DIR=…` with another path, or make it");
    let server = folder.serve(&[]);
    let said: Vec<&str> = server
        .said
        .lines()
        .filter(|line| line.contains("warning"))
        .collect();
    insta::assert_snapshot!(homely(&folder, &said.join("\n")), @"
    warning: there is no key for the model's API, so it will refuse every question
    warning: there is no folder `HOME/docs` here, so `page` cannot be used until there is; `DOCS_DIR` is not set, so its default is used: `export DOCS_DIR=…` with the folder's path, or make it
    ");
    let shown = folder.run_with(&["repl", "--server", &server.url], &[], "/tools\n");
    insta::assert_snapshot!(homely(&folder, &shown.out), @"
    TOOL  EFFECT  STATUS
    disk  read    ready
    page  read    ready, but there is no folder `HOME/docs` here, so `page` cannot be used until there is; `DOCS_DIR` is not set, so its default is used: `export DOCS_DIR=…` with the folder's path, or make it
    ");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().0, 0);
}

#[test]
fn a_call_says_what_is_missing_and_runs_once_it_is_there() {
    let folder = without_documents();
    let call = ["call", "page", r#"{"path": "page.md"}"#];
    let missing = folder.run(&call);
    assert_eq!((missing.code, missing.out.as_str()), (1, ""));
    insta::assert_snapshot!(homely(&folder, &missing.err), @"
    + cat -- page.md
    error: nothing was started: there is no folder `$DOCS_DIR` on this host: `DOCS_DIR` is not set, so its default `HOME/docs` is used; whoever runs the server sets DOCS_DIR, or makes the folder
    ");
    let set = folder.run_with(&call, &[("DOCS_DIR", "/srv/secret-place")], "");
    insta::assert_snapshot!(homely(&folder, &set.err), @"
    + cat -- page.md
    error: nothing was started: there is no folder `$DOCS_DIR` on this host: `DOCS_DIR` is set, and whoever runs the server sets it to another path, or makes the folder
    ");
    std::fs::create_dir(folder.path("docs")).unwrap();
    folder.write("docs/page.md", "Speak, friend.\n");
    let there = folder.run(&call);
    assert_eq!((there.code, there.out.as_str()), (0, "Speak, friend.\n"));
    let ran = folder.run(&["validate", "--host"]);
    assert!(!ran.out.contains("host-folder"), "{}", ran.out);
    // A program runs in a folder of its own, from where a relative path leads elsewhere.
    let relative = folder.run_with(&call, &[("DOCS_DIR", "docs")], "");
    insta::assert_snapshot!(relative.err, @"
    + cat -- page.md
    error: nothing was started: the path of the folder `$DOCS_DIR` is not absolute on this host; whoever runs the server makes it begin with `/`
    ");
    let relative = folder.run_with(&["tools"], &[("DOCS_DIR", "docs")], "");
    insta::assert_snapshot!(relative.err, @"warning: there is no folder `docs` here, so `page` cannot be used until there is; a path must begin with `/`: `export DOCS_DIR=…` with an absolute one");
}

/// A tool whose sandbox names what an operator's setting says.
const LISTING: &str = r#"
description: Lists what is open, and reads what a setting says.
effect: read
input: {type: object}
run:
  command: [ls, /proc/self/fd]
sandbox: {read: ["@system", /proc, "{{ env.DOCS_DIR }}"]}
tests:
  - allow: {}
  - deny: {other: 1}
"#;

#[test]
fn a_setting_that_is_no_path_of_its_own_opens_nothing() {
    let folder = without_documents();
    // They say that the kernel's files are no disks.
    std::fs::remove_dir_all(folder.path("policies")).unwrap();
    folder.write("tools.d/listing.yaml", LISTING);
    for value in [".", "./", "/", "/..", "docs"] {
        let ran = folder.run_with(&["call", "listing", "{}"], &[("DOCS_DIR", value)], "");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{value}");
        assert!(
            ran.err.contains("does not lead to one place"),
            "{}",
            ran.err
        );
    }
    let read = r#"{"path": "passwd"}"#;
    for value in [".", "./", "etc"] {
        let ran = folder.run_with(&["call", "page", read], &[("DOCS_DIR", value)], "");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{value}");
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a shell opens the file that the program is started with"
)]
fn what_the_engine_was_started_with_is_not_open_in_a_program() {
    let folder = without_documents();
    // They say that the kernel's files are no disks.
    std::fs::remove_dir_all(folder.path("policies")).unwrap();
    folder.write("tools.d/listing.yaml", LISTING);
    std::fs::create_dir(folder.path("docs")).unwrap();
    for sandbox in ["", ", require: off"] {
        let tool = LISTING.replace("}\"]}", &format!("}}\"]{sandbox}}}"));
        folder.write("tools.d/listing.yaml", &tool);
        let output = std::process::Command::new("sh")
            .args(["-c", "exec 7</etc/passwd; exec \"$0\" call listing '{}'"])
            .arg(env!("CARGO_BIN_EXE_tolkien"))
            .current_dir(folder.path(""))
            .env("HOME", folder.path(""))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n1\n2\n3\n");
    }
}
