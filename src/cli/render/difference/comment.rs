//! A difference as a comment on a pull request: the verdict, a table, witnesses in fences that nothing
//! in them can close, and never more than a comment may hold.
//!
//! Whatever the change's author wrote stands in code, where neither markup nor mentions work.

use super::{entries, verdict};
use crate::analysis::diff::{Change, Difference, Other, ToolDifference, Witness};
use crate::cli::render::counted;
use crate::cli::render::paint::harmless;

/// GitHub takes 65,536 characters in a comment; some are left for whoever posts it.
pub(super) const MOST: usize = 60_000;

/// The acknowledgements may take this many of them.
const MOST_ENTRIES: usize = 12_000;

/// A command line is cut here.
const LONGEST_LINE: usize = 2_000;

/// Witnesses of a tool that are shown at once; the others are folded away.
const AT_ONCE: usize = 3;

/// The comment.
pub(crate) fn markdown(difference: &Difference) -> String {
    let closing = acknowledging(difference);
    let mut page = Page {
        text: format!("**{}**\n", verdict(difference)),
        room: MOST.saturating_sub(closing.chars().count() + NOTE_ROOM),
        left_out: 0,
    };
    page.room = page.room.saturating_sub(page.text.chars().count());
    table(difference, &mut page);
    for tool in &difference.tools {
        of_tool(tool, &mut page);
    }
    if !difference.other.is_empty() {
        page.push("\n#### Settings and prompts\n\n");
        others(&difference.other, &mut page);
    }
    if page.left_out > 0 {
        let parts = counted(page.left_out, "part", "parts");
        let note = format!("\n_{parts} left out for length; `tolkien diff` shows all._\n");
        page.text += &note;
    }
    page.text + &closing
}

/// Room for the note that something was left out.
const NOTE_ROOM: usize = 100;

/// A text of bounded length.
struct Page {
    text: String,
    room: usize,
    left_out: usize,
}

impl Page {
    /// Adds a part when all of it fits, or counts it as left out.
    fn push(&mut self, part: &str) -> bool {
        let length = part.chars().count();
        if length > self.room {
            self.left_out += 1;
            return false;
        }
        self.room -= length;
        self.text += part;
        true
    }
}

fn table(difference: &Difference, page: &mut Page) {
    let differing = || {
        let tools = difference.tools.iter();
        tools.filter(|tool| tool.change != Change::Same)
    };
    let same = difference.tools.len() - differing().count();
    if differing().next().is_some() {
        page.push("\n| tool | change | newly permitted | newly denied | beside |\n| --- | --- | --- | --- | --- |\n");
        for tool in differing() {
            page.push(&row(tool));
        }
    }
    if same > 0 {
        let tools = counted(same, "tool is", "tools are");
        page.push(&format!("\n{tools} the same.\n"));
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
        count => count.to_string(),
    };
    format!(
        "| `{}` | {change}{accepted} | {} | {} | {beside} |\n",
        tool.tool,
        number(&tool.newly_permitted),
        number(&tool.newly_denied),
    )
}

fn of_tool(tool: &ToolDifference, page: &mut Page) {
    if tool.change == Change::Same || !page.push(&format!("\n#### `{}`\n\n", tool.tool)) {
        return;
    }
    if let Some(reason) = &tool.acknowledgement {
        page.push(&format!("Acknowledged: {}\n\n", code(reason)));
    }
    if let Some(why) = &tool.undecided {
        page.push(&format!("Not compared: {}\n\n", code(why)));
    }
    witnesses("Newly permitted", &tool.newly_permitted, page);
    witnesses("Newly denied", &tool.newly_denied, page);
    others(&tool.other, page);
}

/// Each in a fence of its own, since its reason stands below it.
fn witnesses(heading: &str, all: &[Witness], page: &mut Page) {
    if all.is_empty() {
        return;
    }
    page.push(&format!("{heading}:\n\n"));
    let (first, rest) = all.split_at_checked(AT_ONCE).unwrap_or((all, &[]));
    for witness in first {
        page.push(&of_witness(witness));
    }
    folded(rest.iter().map(of_witness), page);
}

fn of_witness(witness: &Witness) -> String {
    let (before, after) = (witness.before.as_str(), witness.after.as_str());
    format!(
        "{}{before} → {after}: {}\n\n",
        fenced(&cut(&witness.command_line), "sh"),
        code(&witness.why)
    )
}

fn others(all: &[Other], page: &mut Page) {
    let (first, rest) = all.split_at_checked(AT_ONCE * 3).unwrap_or((all, &[]));
    for other in first {
        page.push(&of_other(other));
    }
    folded(rest.iter().map(of_other), page);
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

/// Parts behind a line that unfolds them; the fold is closed whatever fits in it.
fn folded(parts: impl ExactSizeIterator<Item = String>, page: &mut Page) {
    const CLOSE: &str = "\n</details>\n\n";
    let count = parts.len();
    if count == 0 {
        return;
    }
    let open = format!("\n<details><summary>{count} more</summary>\n\n");
    let ends = open.chars().count() + CLOSE.chars().count();
    if page.room < ends {
        page.left_out += count;
        return;
    }
    page.room -= CLOSE.chars().count();
    page.push(&open);
    for part in parts {
        page.push(&part);
    }
    page.text += CLOSE;
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

/// Code within a line: newlines shown, and delimiters longer than any run in it.
fn code(text: &str) -> String {
    let text = harmless(text).replace('\n', " ⏎ ");
    let ticks = "`".repeat(longest_run(&text) + 1);
    if text.trim().is_empty() {
        return "_empty_".to_owned();
    }
    if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        return format!("{ticks} {text} {ticks}");
    }
    format!("{ticks}{text}{ticks}")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or(0)
}
