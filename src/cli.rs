//! The command line: one file per command, and what several of them need.
//!
//! A command returns its [`Exit`] or a `Failure`; only `render` prints, and only `main` ends the
//! process. `serve` is where the parts of a server are put together; `repl`, `ask` and `demo` put
//! the same server into their own process when no other is configured, and are clients of its API.

mod approval;

mod ask;

mod audit;

mod call;

mod check;

mod client;

mod code;

mod completions;

mod compose;

mod connect;

mod conversation;

mod demo;

mod diff;

mod docs;

mod eval;

mod exit;

mod failure;

mod fix;

mod init;

mod input;

mod local;

mod misread;

mod output;

mod pause;

mod prompt;

mod render;

mod repl;

mod root;

mod schema;

mod serve;

mod signal;

mod telemetry;

mod token;

mod tools;

mod validate;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use exit::Exit;
use failure::{Failure, Result};
use render::{Color, Screen, Volume};
use telemetry::Level;

use crate::tool::sandbox;

/// An infrastructure agent that a team can review in a pull request
#[derive(Debug, Parser)]
#[command(
    name = "tolkien",
    version,
    arg_required_else_help = true,
    after_help = "Start here:\n  tolkien demo                      see it work, without a key\n  \
                  tolkien init && tolkien validate  a small configuration, checked\n  \
                  tolkien repl                      talk to it\n\nMore with `--help`; on one command with `tolkien COMMAND --help`.",
    after_long_help = "Start here:\n  tolkien demo                      see it work, without a key\n  \
                  tolkien init && tolkien validate  a small configuration, checked\n  \
                  tolkien repl                      talk to it\n\n\
                  Exit codes:\n  0    clean, allowed, done\n  1    a finding, a denial, a failed call or turn\n  \
                  2    wrong usage, a missing folder, an invalid configuration\n  3    an approval is needed\n  \
                  4    the environment failed: server unreachable, port taken, I/O\n  130  interrupted\n\n\
                  Data goes to standard output, everything else to standard error."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
struct Global {
    /// The configuration folder (default: the current folder when it has tools.d/, else /etc/tolkien)
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "TOLKIEN_CONFIG_DIR",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Tell more (twice: everything)
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Tell failures only
    #[arg(short, long, global = true)]
    quiet: bool,
}

impl Global {
    /// How much is logged, where a command logs this by itself.
    fn level(&self, own: Level) -> Level {
        Level::asked(self.verbose, self.quiet, own)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Repl(repl::Repl),
    Ask(ask::Ask),
    Serve(serve::Serve),
    Validate(validate::Validate),
    Diff(diff::Diff),
    Check(check::Check),
    Call(call::Call),
    Eval(eval::Eval),
    Tools(tools::Tools),
    Prompt(prompt::Prompt),
    Docs(docs::Docs),
    Schema(schema::Schema),
    Init(init::Init),
    Audit(audit::Audit),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Token(token::Token),
    Completions(completions::Completions),
    Man(completions::Man),
}

/// Reads the arguments, runs the command, tells what went wrong.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match parsed(&arguments) {
        Ok(cli) => {
            let volume = if cli.global.quiet {
                Volume::Quiet
            } else {
                Volume::Normal
            };
            let screen = Screen::new(cli.global.color, volume);
            cli.command
                .run(&cli.global, &screen)
                .unwrap_or_else(|failure| {
                    screen.failure(&failure);
                    failure.exit()
                })
        }
        Err(error) => {
            let screen = Screen::new(wanted_color(&arguments), Volume::Normal);
            if let Some(failure) = misread::explain(&arguments, &error) {
                screen.failure(&failure);
                return failure.exit();
            }
            screen.usage(&error);
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        }
    }
}

fn parsed(arguments: &[OsString]) -> std::result::Result<Cli, clap::Error> {
    Cli::command()
        // Help is rendered by hand, in the colours that the screen wants.
        .color(ColorChoice::Always)
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches))
}

/// `--color` of a command line that could not be read as a whole.
fn wanted_color(arguments: &[OsString]) -> Color {
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => continue,
        };
        match value {
            Some("always") => return Color::Always,
            Some("never") => return Color::Never,
            _ => {}
        }
    }
    Color::Auto
}

impl Command {
    fn run(&self, global: &Global, screen: &Screen) -> Result {
        let config = global.config.as_deref();
        match self {
            Self::Demo(command) => wait_for(command.run(global, screen)),
            Self::Repl(command) => wait_for(command.run(global, screen)),
            Self::Ask(command) => wait_for(command.run(global, screen)),
            Self::Serve(command) => wait_for(command.run(global, screen)),
            Self::Call(command) => wait_for(command.run(config, screen)),
            Self::Audit(command) => wait_for(command.run(config, screen)),
            Self::Pause(command) => wait_for(command.run(screen)),
            Self::Resume(command) => wait_for(command.run(screen)),
            Self::Eval(command) => wait_for(command.run(config, screen)),
            Self::Validate(command) => command.run(config, screen),
            Self::Diff(command) => command.run(config, screen),
            Self::Check(command) => command.run(config, screen),
            Self::Tools(command) => command.run(config, screen),
            Self::Prompt(command) => command.run(config, screen),
            Self::Docs(command) => command.run(config, screen),
            Self::Schema(command) => command.run(screen),
            Self::Init(command) => command.run(screen),
            Self::Token(command) => command.run(screen),
            Self::Completions(command) => command.run(Cli::command(), screen),
            Self::Man(command) => command.run(Cli::command().disable_help_subcommand(true), screen),
        }
    }
}

/// Runs a command that waits for things, and that holds keys meanwhile. What a second signal leaves behind gets a moment to end its
/// processes, and cannot hold the exit up.
fn wait_for(command: impl Future<Output = Result>) -> Result {
    sandbox::conceal();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format!("cannot start: {error}")))?;
    let exit = runtime.block_on(command);
    runtime.shutdown_timeout(LAST_MOMENT);
    exit
}

/// How long what is left may take to end when a command is over.
const LAST_MOMENT: Duration = Duration::from_secs(2);
