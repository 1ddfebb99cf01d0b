//! Scripts that a shell or an interpreter reads, and that hold what the model says: no quoting in a
//! template keeps a value from becoming a part of the program.

use crate::config::Config;
use crate::config::template::{Part, Template};
use crate::config::tool::{Command, CommandWord};
use crate::diagnostic::{Diagnostic, Place};

/// A program that runs a text which it is given.
struct Interpreter {
    /// The names of its file, without a version at the end.
    names: &'static [&'static str],
    /// The letter of the flag that a script follows.
    letters: &'static [char],
    /// The long names of that flag.
    long: &'static [&'static str],
    /// How a script reads the word behind it.
    reads: &'static str,
}

/// Those that are on most machines.
const INTERPRETERS: [Interpreter; 7] = [
    Interpreter {
        names: &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish"],
        letters: &['c'],
        long: &["--command"],
        reads: "\"$1\", behind a word for `$0`",
    },
    Interpreter {
        names: &["python", "pypy"],
        letters: &['c'],
        long: &[],
        reads: "sys.argv[1]",
    },
    Interpreter {
        names: &["perl"],
        letters: &['e', 'E'],
        long: &[],
        reads: "$ARGV[0]",
    },
    Interpreter {
        names: &["ruby"],
        letters: &['e'],
        long: &[],
        reads: "ARGV[0]",
    },
    Interpreter {
        names: &["node", "nodejs", "deno", "bun"],
        letters: &['e', 'p'],
        long: &["--eval", "--print"],
        reads: "process.argv[1]",
    },
    Interpreter {
        names: &["php"],
        letters: &['r'],
        long: &["--run"],
        reads: "$argv[1]",
    },
    Interpreter {
        names: &["lua", "luajit"],
        letters: &['e'],
        long: &[],
        reads: "arg[1]",
    },
];

/// Programs that start the one that is named behind them.
const STARTERS: [&str; 10] = [
    "busybox", "chroot", "env", "ionice", "nice", "nohup", "setsid", "stdbuf", "timeout", "xargs",
];

/// Flags of shells that a word follows which is neither a script nor a file.
const WITH_OPERAND: [&str; 3] = ["-o", "+o", "-O"];

/// Looks at every command.
pub(super) fn lint(config: &Config) -> Vec<Diagnostic> {
    let commands = config.tools().values().flat_map(|tool| tool.run.commands());
    commands.filter_map(of_command).collect()
}

fn of_command(command: &Command) -> Option<Diagnostic> {
    let words = words(command);
    let (interpreter, name, behind) = interpreter(&command.program, &words)?;
    let script = match script(interpreter, behind) {
        Script::Word(word) => word.holds()?,
        Script::Input => {
            let template = command.stdin.as_ref()?;
            (held(template)?, &template.place)
        }
        Script::File => return None,
    };
    Some(found(interpreter, name, script))
}

/// A word of a command, wherever it is grouped.
#[derive(Clone, Copy)]
enum Word<'a> {
    One(&'a Template),
    Splice(&'a str, &'a Place),
}

impl<'a> Word<'a> {
    fn literal(self) -> Option<&'a str> {
        match self {
            Self::One(template) => template.literal(),
            Self::Splice(..) => None,
        }
    }

    /// What the model says in it, and where it stands.
    fn holds(self) -> Option<(String, &'a Place)> {
        match self {
            Self::One(template) => Some((held(template)?, &template.place)),
            Self::Splice(parameter, place) => Some((parameter.to_owned(), place)),
        }
    }
}

fn words(command: &Command) -> Vec<Word<'_>> {
    let words = command.words.iter();
    words
        .flat_map(|word| match word {
            CommandWord::Splice { parameter, place } => vec![Word::Splice(parameter, place)],
            other => other.templates().iter().map(Word::One).collect(),
        })
        .collect()
}

/// The first of what a template takes from the call: a parameter, or what an earlier step gave.
fn held(template: &Template) -> Option<String> {
    template.parts.iter().find_map(|part| match part {
        Part::Step { id, .. } => Some(format!("steps.{id}")),
        Part::Prompt { name, arguments } if !arguments.is_empty() => Some(name.clone()),
        _ => part.parameters().first().map(|name| (*name).to_owned()),
    })
}

/// The interpreter that a command starts, by itself or through others, its name, and the words behind.
fn interpreter<'c, 'w>(
    program: &'c str,
    words: &'w [Word<'c>],
) -> Option<(&'static Interpreter, &'c str, &'w [Word<'c>])> {
    if let Some(known) = known(program) {
        return Some((known, program, words));
    }
    if !STARTERS.contains(&stem(program)) {
        return None;
    }
    (1..).zip(words).find_map(|(behind, word)| {
        let name = word.literal()?;
        Some((known(name)?, name, words.get(behind..)?))
    })
}

fn stem(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn known(program: &str) -> Option<&'static Interpreter> {
    let is_version = |character: char| character.is_ascii_digit() || character == '.';
    let name = stem(program).trim_end_matches(is_version);
    INTERPRETERS
        .iter()
        .find(|interpreter| interpreter.names.contains(&name))
}

/// Where an interpreter's script is.
enum Script<'a> {
    /// In a word.
    Word(Word<'a>),
    /// In a file, or nowhere that a call could reach.
    File,
    /// On its standard input.
    Input,
}

fn script<'a>(interpreter: &Interpreter, words: &[Word<'a>]) -> Script<'a> {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let flag = match word {
            Word::One(template) => match template.parts.first() {
                Some(Part::Literal(text)) => text.as_str(),
                _ => return Script::File,
            },
            Word::Splice(..) => return Script::File,
        };
        if flag == "-" || flag == "-s" {
            return Script::Input;
        }
        if !flag.starts_with(['-', '+']) {
            return Script::File;
        }
        if interpreter.takes_script(flag) {
            // Joined to its flag, or the next word.
            return match word.literal() {
                Some(_) => words.next().map_or(Script::File, Script::Word),
                None => Script::Word(word),
            };
        }
        if WITH_OPERAND.contains(&flag) {
            words.next();
        }
    }
    Script::Input
}

impl Interpreter {
    /// Whether a script follows: the flag by itself, among others behind one `-`, or with a text joined
    /// to it.
    fn takes_script(&self, flag: &str) -> bool {
        if let Some(long) = flag.strip_prefix("--") {
            let name = long.split('=').next().unwrap_or(long);
            return self
                .long
                .iter()
                .any(|known| known.strip_prefix("--") == Some(name));
        }
        let Some(letters) = flag.strip_prefix('-') else {
            return false;
        };
        letters.starts_with(self.letters)
            || letters.ends_with(self.letters)
            || self.names.contains(&"sh") && letters.contains(self.letters)
    }
}

fn found(interpreter: &Interpreter, name: &str, (what, place): (String, &Place)) -> Diagnostic {
    let name = stem(name);
    Diagnostic::warning(
        "input-in-script",
        place.clone(),
        format!("`{what}` becomes a part of the script that `{name}` runs"),
    )
    .help(format!(
        "write the script without it, and give it as a word of its own behind the script, which reads it \
         as {}",
        interpreter.reads
    ))
}
