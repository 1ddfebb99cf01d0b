//! A difference as a comment on a pull request: the verdict, a table, witnesses in fences that nothing
//! in them can close, and never more than a comment may hold.
//!
//! Whatever the change's author wrote stands in code, where neither markup nor mentions work.

use super::{entries, verdict};
use crate::analysis::diff::{Change, Difference, Other, ToolDifference, Witness};
use crate::cli::render::comment::{Comment, code, sentence};
use crate::cli::render::counted;
use crate::cli::render::paint::harmless;

/// The acknowledgements may take so many characters.
const MOST_ENTRIES: usize = 12_000;

/// A command line is cut here.
const LONGEST_LINE: usize = 2_000;

/// Witnesses of a tool that are shown at once; the others are folded away.
const AT_ONCE: usize = 3;

/// The comment.
pub(crate) fn markdown(difference: &Difference) -> String {
    let closing = acknowledging(difference);
    let mut comment = Comment::new(&format!("**{}**\n", verdict(difference)));
    comment.reserve(&closing);
    table(difference, &mut comment);
    for tool in &difference.tools {
        of_tool(tool, &mut comment);
    }
    if !difference.other.is_empty() {
        comment.part("\n#### Settings and prompts\n\n");
        others(&difference.other, &mut comment);
    }
    let left_out = |count| {
        let parts = counted(count, "part", "parts");
        format!("\n_{parts} left out for length; `tolkien diff` shows all._\n")
    };
    comment.finish(left_out) + &closing
}

fn table(difference: &Difference, comment: &mut Comment) {
    let differing = || {
        let tools = difference.tools.iter();
        tools.filter(|tool| tool.change != Change::Same)
    };
    let same = difference.tools.len() - differing().count();
    if differing().next().is_some() {
        comment.part("\n| tool | change | newly permitted | newly denied | beside |\n| --- | --- | --- | --- | --- |\n");
        for tool in differing() {
            comment.part(&row(tool));
        }
    }
    if same > 0 {
        let tools = counted(same, "tool is", "tools are");
        comment.part(&format!("\n{tools} the same.\n"));
    }
}

fn row(tool: &ToolDifference) -> String {
    let change = tool.change.as_str();
    let change = if tool.widens || tool.change == Change::Undecided {
        format!("**{change}**")
    } else {
        change.to_owned()
    };
    let accepted = match tool.acknowledgement {
        Some(_) => ", acknowledged",
        None => "",
    };
    let widening = tool.other.iter().filter(|other| other.widens).count();
    let beside = match (tool.other.len(), widening) {
        (0, _) => String::new(),
        (all, 0) => all.to_string(),
        (all, widening) => format!("{all}, {widening} widening"),
    };
    let number = |witnesses: &[Witness]| match witnesses.len() {
        0 => String::new(),
        count => counted(count, "example", "examples"),
    };
    format!(
        "| `{}` | {change}{accepted} | {} | {} | {beside} |\n",
        tool.tool,
        number(&tool.newly_permitted),
        number(&tool.newly_denied),
    )
}

fn of_tool(tool: &ToolDifference, comment: &mut Comment) {
    if tool.change == Change::Same {
        return;
    }
    comment.part(&format!("\n#### `{}`\n\n", tool.tool));
    if let Some(reason) = &tool.acknowledgement {
        comment.part(&format!("Acknowledged: {}\n\n", code(reason)));
    }
    if let Some(why) = &tool.undecided {
        comment.part(&format!("Not compared: {}\n\n", sentence(why)));
    }
    witnesses("Newly permitted", &tool.newly_permitted, comment);
    witnesses("Newly denied", &tool.newly_denied, comment);
    others(&tool.other, comment);
}

/// Each in a fence of its own, since its reason stands below it.
fn witnesses(heading: &str, all: &[Witness], comment: &mut Comment) {
    if all.is_empty() {
        return;
    }
    comment.part(&format!("{heading}:\n\n"));
    let (first, rest) = all.split_at_checked(AT_ONCE).unwrap_or((all, &[]));
    for witness in first {
        comment.part(&of_witness(witness));
    }
    folded(rest.iter().map(of_witness), comment);
}

fn of_witness(witness: &Witness) -> String {
    let (before, after) = (witness.before.as_str(), witness.after.as_str());
    format!(
        "{}{before} → {after}: {}\n\n",
        fenced(&cut(&witness.command_line), "sh"),
        sentence(&witness.why)
    )
}

fn others(all: &[Other], comment: &mut Comment) {
    let (first, rest) = all.split_at_checked(AT_ONCE * 3).unwrap_or((all, &[]));
    for other in first {
        comment.part(&of_other(other));
    }
    folded(rest.iter().map(of_other), comment);
}

/// What widens is bold.
fn of_other(other: &Other) -> String {
    let what = code(&other.what);
    let what = if other.widens {
        format!("**widens** {what}")
    } else {
        what
    };
    let value = |value: &Option<String>| match value {
        Some(text) => code(text),
        None => "_none_".to_owned(),
    };
    let accepted = match &other.acknowledgement {
        Some(reason) => format!(" (acknowledged: {})", code(reason)),
        None => String::new(),
    };
    format!(
        "- {what}: {} → {}{accepted}\n",
        value(&other.before),
        value(&other.after)
    )
}

/// Parts behind a line that unfolds them; what was opened is closed, whatever fits in it.
fn folded(parts: impl ExactSizeIterator<Item = String>, comment: &mut Comment) {
    let is_shown = parts.len() > 0 && !comment.is_full();
    if is_shown {
        let open = format!("\n<details><summary>{} more</summary>\n\n", parts.len());
        comment.heading(&open);
    }
    for part in parts {
        comment.part(&part);
    }
    if is_shown {
        comment.heading("\n</details>\n\n");
    }
}

/// What to paste, folded away: reading comes first.
fn acknowledging(difference: &Difference) -> String {
    let entries = entries(difference);
    if entries.is_empty() {
        return String::new();
    }
    let mut shown = String::new();
    let mut left_out = 0;
    for entry in &entries {
        if shown.chars().count() + entry.chars().count() > MOST_ENTRIES {
            left_out += 1;
        } else {
            shown += entry;
        }
    }
    let more = match left_out {
        0 => String::new(),
        _ => format!("_{left_out} more: `tolkien diff` prints all._\n"),
    };
    format!(
        "\n<details><summary>Accept it in <code>permissions.ack.yaml</code></summary>\n\n{}{more}\n</details>\n",
        fenced(&shown, "yaml")
    )
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        None => line.to_owned(),
        Some((at, _)) => {
            let (start, _) = line.split_at_checked(at).unwrap_or((line, ""));
            format!("{start}… ({} characters)", line.chars().count())
        }
    }
}

/// A block that nothing in the text can close: its fence is longer than any run in it.
fn fenced(text: &str, language: &str) -> String {
    let text = harmless(text);
    let fence = "`".repeat((longest_run(&text) + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or(0)
}
