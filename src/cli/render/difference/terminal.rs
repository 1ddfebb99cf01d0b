//! A difference on a terminal: compact, tool by tool, what is new first.

use super::{entries, verdict};
use crate::analysis::diff::{Change, Difference, Other, ToolDifference, Witness};
use crate::cli::render::paint::{Paint, Tone, harmless};

/// The verdict, then each tool and setting that differs, then what would accept it.
pub(crate) fn human(difference: &Difference, paint: Paint) -> String {
    let tone = match (difference.passes(), difference.widened) {
        (false, _) => Tone::Error,
        (true, true) => Tone::Warning,
        (true, false) => Tone::Good,
    };
    let mut lines = vec![paint.tone(tone, &verdict(difference))];
    for tool in &difference.tools {
        if tool.change != Change::Same {
            lines.push(String::new());
            of_tool(tool, paint, &mut lines);
        }
    }
    if !difference.other.is_empty() {
        lines.push(String::new());
        lines.push(paint.tone(Tone::Strong, "settings and prompts"));
        for other in &difference.other {
            of_other(other, paint, &mut lines);
        }
    }
    let entries = entries(difference);
    if !entries.is_empty() {
        lines.push(String::new());
        let text = "narrow it, or accept it in permissions.ack.yaml:";
        lines.push(paint.tone(Tone::Help, text));
        lines.extend(
            entries
                .iter()
                .flat_map(|entry| entry.lines())
                .map(|line| format!("  {line}")),
        );
    }
    lines.join("\n") + "\n"
}

fn of_tool(tool: &ToolDifference, paint: Paint, lines: &mut Vec<String>) {
    let tone = match tool.change {
        Change::Undecided => Tone::Error,
        _ if tool.widens && tool.acknowledgement.is_none() => Tone::Error,
        _ if tool.widens => Tone::Warning,
        Change::Narrowed => Tone::Good,
        _ => Tone::Faint,
    };
    let name = paint.tone(Tone::Strong, &tool.tool);
    lines.push(format!(
        "{name}  {}",
        paint.tone(tone, tool.change.as_str())
    ));
    if let Some(reason) = &tool.acknowledgement {
        lines.push(format!("  acknowledged: {}", harmless(reason)));
    }
    if let Some(why) = &tool.undecided {
        let text = format!("not compared: {}", harmless(why));
        lines.push(format!("  {}", paint.tone(Tone::Warning, &text)));
    }
    for (heading, witnesses) in [
        ("newly permitted", &tool.newly_permitted),
        ("newly denied", &tool.newly_denied),
    ] {
        if !witnesses.is_empty() {
            lines.push(format!("  {}", paint.tone(Tone::Faint, heading)));
            for witness in witnesses {
                of_witness(witness, paint, lines);
            }
        }
    }
    for other in &tool.other {
        of_other(other, paint, lines);
    }
}

fn of_witness(witness: &Witness, paint: Paint, lines: &mut Vec<String>) {
    for line in harmless(&witness.command_line).lines() {
        lines.push(format!("    {}", paint.tone(Tone::Code, line)));
    }
    let (before, after) = (witness.before.as_str(), witness.after.as_str());
    let why = harmless(&witness.why).replace('\n', " ");
    lines.push(format!("      {before} → {after}: {why}"));
}

fn of_other(other: &Other, paint: Paint, lines: &mut Vec<String>) {
    let what = harmless(&other.what);
    let what = match (other.widens, &other.acknowledgement) {
        (false, _) => format!("  {}", paint.tone(Tone::Faint, &what)),
        (true, None) => format!("! {}", paint.tone(Tone::Error, &what)),
        (true, Some(_)) => format!("! {}", paint.tone(Tone::Warning, &what)),
    };
    match (&other.before, &other.after) {
        (Some(before), Some(after)) if fits(before, after) => {
            let (before, after) = (harmless(before), harmless(after));
            lines.push(format!("  {what}  {before} → {after}"));
        }
        (None, Some(after)) if fits("", after) => {
            lines.push(format!("  {what}  + {}", harmless(after)));
        }
        (Some(before), None) if fits(before, "") => {
            lines.push(format!("  {what}  - {}", harmless(before)));
        }
        (before, after) => {
            lines.push(format!("  {what}"));
            for (sign, text) in [("-", before), ("+", after)] {
                let text = harmless(text.as_deref().unwrap_or_default());
                lines.extend(text.lines().map(|line| format!("      {sign} {line}")));
            }
        }
    }
    if let Some(reason) = &other.acknowledgement {
        lines.push(format!("      acknowledged: {}", harmless(reason)));
    }
}

/// Two values of this many characters together stand on one line.
const ONE_LINE: usize = 60;

fn fits(before: &str, after: &str) -> bool {
    let length = before.chars().count() + after.chars().count();
    length <= ONE_LINE && !before.contains('\n') && !after.contains('\n')
}
