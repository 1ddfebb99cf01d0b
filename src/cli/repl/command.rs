//! The commands of the REPL: what begins with a slash and is not said to the model.

use crate::diagnostic::{listed, nearest};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// What one can do here.
    Help,
    /// Begin another session.
    New,
    /// List the sessions.
    Sessions,
    /// Go on with a session; absent means the newest other one.
    Resume(Option<String>),
    /// What the agent can do.
    Tools,
    /// Tokens of this session.
    Usage,
    /// Ask about the calls that wait for an approval.
    Approve,
    /// Refuse the one call that waits, perhaps with a reason.
    Deny(Option<String>),
    /// Say the last message again.
    Retry,
    /// Leave.
    Quit,
}

/// Each command as it is typed, with what it does.
pub(super) const ALL: [(&str, &str); 10] = [
    ("/help", "this list"),
    ("/new", "begin another session"),
    ("/sessions", "list your sessions"),
    (
        "/resume",
        "go on with a session: its id or the beginning of it, else the newest other one",
    ),
    ("/tools", "what the agent can do here"),
    (
        "/approve",
        "decide about the calls that wait for an approval, one by one",
    ),
    (
        "/deny",
        "refuse the call that waits for an approval; what follows is the reason",
    ),
    ("/usage", "tokens of this session"),
    ("/retry", "say the last message again"),
    ("/quit", "leave; so do `exit` and Ctrl-D"),
];

/// What other programs at a prompt take for "leave": nobody asks a model that.
const LEAVING: [&str; 4] = ["exit", "quit", "/exit", ":q"];

/// Reads a command; absent when the line is something to say.
pub(super) fn parse(line: &str) -> Option<Result<Command, String>> {
    if LEAVING.contains(&line) {
        return Some(Ok(Command::Quit));
    }
    let mut words = line.split_whitespace();
    let name = words.next().filter(|word| word.starts_with('/'))?;
    let argument = words.next();
    // A path at the beginning of a message is no command.
    if name.matches('/').count() > 1 {
        return None;
    }
    let command = match name {
        "/help" => Command::Help,
        "/new" => Command::New,
        "/sessions" => Command::Sessions,
        "/resume" => return Some(Ok(Command::Resume(argument.map(str::to_owned)))),
        "/tools" => Command::Tools,
        "/deny" => {
            let reason = line.strip_prefix(name).unwrap_or_default().trim();
            let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
            return Some(Ok(Command::Deny(reason)));
        }
        "/approve" => Command::Approve,
        "/usage" => Command::Usage,
        "/retry" => Command::Retry,
        "/quit" => Command::Quit,
        unknown => return Some(Err(unknown_command(unknown))),
    };
    match argument {
        None => Some(Ok(command)),
        Some(_) => Some(Err(format!("`{name}` stands alone"))),
    }
}

fn unknown_command(name: &str) -> String {
    match nearest(name, names()) {
        Some(known) => format!("there is no command `{name}`; did you mean `{known}`?"),
        None => format!(
            "there is no command `{name}`; there are {}",
            listed(names(), "and")
        ),
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// The commands that begin like this.
pub(super) fn starting_with(typed: &str) -> Vec<String> {
    if typed.is_empty() {
        return Vec::new();
    }
    names()
        .filter(|name| name.starts_with(typed))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_a_command_and_a_path_does_not() {
        assert_eq!(parse("/new"), Some(Ok(Command::New)));
        assert_eq!(
            parse("/resume s_1"),
            Some(Ok(Command::Resume(Some("s_1".to_owned()))))
        );
        for leaving in ["/quit", "/exit", "exit", "quit", ":q"] {
            assert_eq!(parse(leaving), Some(Ok(Command::Quit)), "{leaving}");
        }
        assert_eq!(
            parse("/deny not on a Friday"),
            Some(Ok(Command::Deny(Some("not on a Friday".to_owned()))))
        );
        assert_eq!(parse("exit code 2, why?"), None);
        assert_eq!(parse("what is /etc/hosts?"), None);
        assert_eq!(parse("/etc/hosts is empty, why?"), None);
        assert_eq!(
            parse("/sesions"),
            Some(Err(
                "there is no command `/sesions`; did you mean `/sessions`?".to_owned()
            ))
        );
        assert_eq!(
            parse("/quit now"),
            Some(Err("`/quit` stands alone".to_owned()))
        );
    }

    #[test]
    fn every_listed_command_is_read_and_completed() {
        for (name, _) in ALL {
            assert!(matches!(parse(name), Some(Ok(_))), "{name}");
            assert!(starting_with(name).contains(&name.to_owned()));
        }
        assert_eq!(starting_with("/re"), ["/resume", "/retry"]);
    }
}
