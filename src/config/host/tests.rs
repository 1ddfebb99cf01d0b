//! What a machine is found to have and to lack.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::template::{Part, Template};
use crate::config::tool::{Command, CommandWord, Run};
use crate::diagnostic::Source;

fn template(parts: Vec<Part>) -> Template {
    Template {
        text: String::new(),
        parts,
        place: Source::new("tools.d/a.yaml", "").place(0..0),
    }
}

fn env(name: &str) -> Template {
    template(vec![Part::Env(EnvName::new(name))])
}

fn command(program: &str, word: Template, token: Template) -> Run {
    Run::Command(Command {
        program: program.to_owned(),
        words: vec![CommandWord::One(word)],
        env: vec![("TOKEN".to_owned(), token)],
        stdin: None,
        cwd: None,
        ok: vec![0],
        place: Source::new("tools.d/a.yaml", "").place(0..0),
    })
}

fn look(settings: &Settings, run: &Run) -> Host {
    let tools = [(ToolName::new("a"), Needs::run(run))];
    Host::look(settings, tools.into_iter(), &|name| {
        (name == "SET").then(|| "from the environment".to_owned())
    })
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    for (name, default) in [
        ("SET", Some("x")),
        ("DEFAULTED", Some("y")),
        ("UNSET", None),
    ] {
        let default = default.map(str::to_owned);
        settings.environment.insert(EnvName::new(name), default);
    }
    settings
}

#[test]
fn the_environment_wins_over_the_default_and_a_name_with_neither_is_absent() {
    let host = look(&settings(), &command("sh", env("SET"), env("DEFAULTED")));
    assert_eq!(host.env(&EnvName::new("SET")), Some("from the environment"));
    assert_eq!(host.env(&EnvName::new("DEFAULTED")), Some("y"));
    assert_eq!(host.env(&EnvName::new("UNSET")), None);
    assert!(host.lacks(&ToolName::new("a")).is_empty());
}

#[test]
fn a_tool_lists_everything_that_it_lacks_here() {
    let mut settings = settings();
    settings.secrets.insert(
        SecretName::new("TOKEN"),
        SecretSource::File("/nonexistent/token".into()),
    );
    let token = template(vec![Part::Secret(SecretName::new("TOKEN"))]);
    let host = look(&settings, &command("no-such-program", env("UNSET"), token));
    assert_eq!(
        host.lacks(&ToolName::new("a")),
        [
            "`no-such-program` is not on the engine's PATH",
            "environment name `UNSET` is not set and has no default",
            "secret `TOKEN` is not available: cannot read `/nonexistent/token`: No such file or \
             directory (os error 2)",
        ]
    );
    assert!(host.lacks(&ToolName::new("b")).is_empty());
}

#[test]
fn a_program_is_an_executable_file_on_the_fixed_path_or_an_absolute_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    let name = file.to_str().unwrap();
    assert_eq!(find_program(name), None, "not executable yet");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(find_program(name), Some(file.clone()));

    let found = find_program("sh").unwrap();
    assert!(PROGRAM_PATH.contains(&found.parent().unwrap().to_str().unwrap()));
    for not_a_program in ["", "./sh", "bin/sh", "..", "/", "/etc", "/etc/passwd"] {
        assert_eq!(find_program(not_a_program), None, "{not_a_program}");
    }
}

#[test]
fn a_missing_absolute_program_is_named_as_written() {
    let literal = template(vec![Part::Literal("x".to_owned())]);
    let run = command("/opt/none/bin/tool", literal.clone(), literal);
    assert_eq!(
        look(&settings(), &run).lacks(&ToolName::new("a")),
        ["`/opt/none/bin/tool` is not a program on this host"]
    );
}

#[test]
fn a_program_of_a_known_package_is_told_with_it() {
    assert_eq!(
        not_found("rg"),
        "`rg` is not on the engine's PATH (`apt install ripgrep` brings it)"
    );
    assert_eq!(
        not_found("kubectl"),
        "`kubectl` is not on the engine's PATH"
    );
}

#[test]
fn folders_that_nobody_names_are_made_in_memory_only_where_it_can_be_written() {
    assert!(!is_writable_memory(Path::new("/nonexistent")));
    assert!(!is_writable_memory(Path::new("/proc")));
    let mut host = Host::default();
    assert_eq!(host.light_scratch(), Path::new("/tmp"));
    host.memory = Some(PathBuf::from("/dev/shm"));
    assert_eq!(host.light_scratch(), Path::new("/dev/shm"));
    assert_eq!(host.scratch(), Path::new("/tmp"));
}
