//! Command lines of `check` and `call` that could not be read: what the input of a call looks like, in
//! place of the argument parser's words on options.

use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::failure::Failure;
use super::{Cli, Command, parsed};
use crate::call::quote;
use crate::diagnostic::nearest;

/// What a call's input may look like.
const SHAPES: &str = "the input is a line in quotes ('get pods -A'), its words behind a bare `--` \
    (-- get pods -A), or JSON ('{\"KEY\": …}')";

/// A command line that names a tool, as far as it could be read.
struct Asked {
    command: &'static str,
    tool: String,
    /// The input before what could not be read.
    input: Vec<String>,
}

impl Asked {
    /// The command line that was meant, to be pasted into a shell: all the input behind a bare `--`, from
    /// which only an option of the command itself is left out, and what follows it.
    fn meant(&self, rest: &[OsString]) -> String {
        let Self { command, tool, .. } = self;
        let cli = Cli::command();
        let own = cli.find_subcommand(command);
        let longs: Vec<String> = own
            .into_iter()
            .flat_map(clap::Command::get_arguments)
            .filter_map(|argument| argument.get_long().map(|long| format!("--{long}")))
            .collect();
        let is_own = |word: &str| {
            let name = word.split_once('=').map_or(word, |(name, _)| name);
            longs.iter().any(|long| long == name)
        };
        let rest = rest.iter().map(|word| word.to_string_lossy().into_owned());
        let words = self.input.iter().cloned().chain(rest);
        let words = words.take_while(|word| !is_own(word));
        let words: Vec<String> = words.map(|word| quote(&word)).collect();
        format!("`tolkien {command} {} -- {}`", quote(tool), words.join(" "))
    }
}

/// Why a command line that names a tool could not be read; absent where the parser's own words say it
/// best.
pub(super) fn explain(arguments: &[OsString], error: &clap::Error) -> Option<Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp => help_for_input(arguments),
        ErrorKind::UnknownArgument => unknown_option(arguments, error),
        ErrorKind::MissingRequiredArgument => missing_input(arguments),
        _ => None,
    }
}

/// Refuses a request for help that stands where the input of a call does: `tolkien check kubectl
/// -h` looks like a call, and the exit code of help is that of a call that is allowed.
fn help_for_input(arguments: &[OsString]) -> Option<Failure> {
    let is_help = |error: clap::Error| error.kind() == ErrorKind::DisplayHelp;
    let mut prefixes = (1..=arguments.len()).filter_map(|length| arguments.get(..length));
    let asking = prefixes.find(|prefix| parsed(prefix).is_err_and(is_help))?;
    let (word, before) = asking.split_last()?;
    let asked = asked(before)?;
    let meant = asked.meant(arguments.get(before.len()..)?);
    let Asked { command, tool, .. } = asked;
    let word = word.to_string_lossy();
    let message = format!("`{word}` behind the tool `{tool}` is neither help nor input");
    Some(Failure::usage(message).help(format!(
        "input that starts with `-` comes behind a bare `--`: {meant}; the help is \
         `tolkien {command} --help`"
    )))
}

/// Explains a word that begins with `-` and stands where the input does; not one that is a misspelt
/// option.
fn unknown_option(arguments: &[OsString], error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if let Some(ContextValue::String(like)) = error.get(ContextKind::SuggestedArg)
        && nearest(word, [like.as_str()]).is_some()
    {
        return None;
    }
    let at = arguments.iter().position(|argument| {
        let argument = argument.to_string_lossy();
        argument.starts_with(word.as_str()) || is_cluster_with(&argument, word)
    })?;
    let (before, from) = arguments.split_at_checked(at)?;
    let asked = asked(before)?;
    let (meant, command) = (asked.meant(from), asked.command);
    let word = from.first()?.to_string_lossy();
    Some(
        Failure::usage(format!("`{word}` is no option of `tolkien {command}`")).help(format!(
            "input that starts with `-` comes behind a bare `--`: {meant}; {SHAPES}"
        )),
    )
}

/// Whether a word is several letters behind one `-`, of which one is what was not known.
fn is_cluster_with(argument: &str, unknown: &str) -> bool {
    let letter = unknown.strip_prefix('-').unwrap_or(unknown);
    !argument.starts_with("--") && argument.starts_with('-') && argument.contains(letter)
}

/// Says what is missing behind a tool.
fn missing_input(arguments: &[OsString]) -> Option<Failure> {
    let Asked { command, tool, .. } = asked(arguments)?;
    let message = format!("`tolkien {command} {tool}` lacks the input of the call");
    Some(Failure::usage(message).help(SHAPES))
}

/// What a command line asks for that lacks nothing but input.
fn asked(before: &[OsString]) -> Option<Asked> {
    let mut with_input = before.to_vec();
    with_input.push(OsString::from("/"));
    let (command, tool, mut input) = match parsed(&with_input).ok()?.command {
        Command::Check(check) => ("check", check.tool, check.input),
        Command::Call(call) => ("call", call.tool, call.input),
        _ => return None,
    };
    // What stands for what is missing.
    input.pop();
    Some(Asked {
        command,
        tool,
        input,
    })
}
