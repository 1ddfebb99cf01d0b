//! Calls that wait for an approval, at the keyboard: all that would run is shown, and nothing is
//! approved but by a word that says so.

use super::render::Screen;
use super::repl::line::{Input, Lines};
use crate::api::{Approval, Choice, DecideApproval};

/// What is asked of whoever sits there.
const PROMPT: &str = "approve? [y/n] ";

/// Who answers when a call waits for an approval.
#[derive(Debug)]
pub(crate) enum Approvals<'a> {
    /// Somebody elsewhere: the turn waits.
    Elsewhere,
    /// Nobody: the turn is given back as it is.
    Never,
    /// Whoever writes these lines.
    Asked(&'a mut Lines),
}

/// What whoever was asked said.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Yes or no.
    Given(DecideApproval),
    /// Nothing: they left.
    None {
        /// With Ctrl-C.
        is_interrupted: bool,
    },
}

/// Shows what waits, and asks until the answer is one, or whoever is asked leaves.
pub(crate) async fn ask(lines: &mut Lines, approval: &Approval, screen: &Screen) -> Answer {
    show(approval, screen);
    if !lines.edited {
        screen.question(PROMPT.trim_end(), "");
    }
    loop {
        match lines.answer(PROMPT).await {
            Input::Text(text) => match read(text.trim()) {
                Some(decision) => return Answer::Given(decision),
                None => screen.note("`y` or `/approve` runs it; `n` or `/deny REASON` does not"),
            },
            ended => {
                let is_interrupted = ended == Input::Interrupted;
                return Answer::None { is_interrupted };
            }
        }
    }
}

fn show(approval: &Approval, screen: &Screen) {
    let line = approval.command_line.lines();
    let mut shown: Vec<String> = line.map(|line| format!("    {line}")).collect();
    let rule = format!("{}: {}", approval.rule, approval.because);
    let input = approval.input.to_string();
    for (name, value) in [
        ("effect", Some(&approval.effect)),
        ("rule", Some(&rule)),
        ("input", Some(&input)),
        ("stdin", approval.stdin.as_ref()),
        ("body", approval.body.as_ref()),
    ] {
        let lines = value.into_iter().flat_map(|value| value.lines());
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        shown.extend(
            names
                .zip(lines)
                .map(|(name, line)| format!("  {name:<7} {line}")),
        );
    }
    let head = format!("{} needs an approval", approval.tool);
    screen.question(&head, &shown.join("\n"));
}

/// Reads an answer; absent when it is none.
fn read(text: &str) -> Option<DecideApproval> {
    let (word, rest) = match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    };
    let reason = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
    let decision = match word.to_lowercase().as_str() {
        "y" | "yes" | "/approve" if reason.is_none() => Choice::Approve,
        "n" | "no" | "/deny" => Choice::Deny,
        _ => return None,
    };
    Some(DecideApproval { decision, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_word_that_says_so_approves() {
        let said = |text: &str| {
            read(text).map(|decided| (decided.decision, decided.reason.unwrap_or_default()))
        };
        for text in ["y", "Y", "yes", "/approve"] {
            assert_eq!(said(text), Some((Choice::Approve, String::new())), "{text}");
        }
        for (text, reason) in [
            ("n", ""),
            ("no", ""),
            ("/deny", ""),
            ("/deny not now", "not now"),
        ] {
            assert_eq!(
                said(text),
                Some((Choice::Deny, reason.to_owned())),
                "{text}"
            );
        }
        for text in ["", "ok", "yes please", "/approve all", "yn", "which pods?"] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
