//! A difference as findings, for the formats that show findings at their places.

use super::{Change, Difference, Other, ToolDifference};
use crate::diagnostic::{Diagnostic, Place, listed};

impl Difference {
    /// One finding for each widened or undecided tool and for each widened setting: an error, or a
    /// warning where somebody accepted it; and one for each acknowledgement of nothing.
    pub fn findings(&self) -> Vec<Diagnostic> {
        let tools = self.tools.iter().flat_map(of_tool);
        let others = self.other.iter().filter_map(of_setting);
        let unused = self.unused.iter().map(|unused| {
            Diagnostic::warning(
                "unused-acknowledgement",
                unused.place.clone(),
                "this acknowledges nothing that differs here",
            )
            .help("remove it when the change that it was for is in the base")
        });
        tools.chain(others).chain(unused).collect()
    }
}

fn of_tool(tool: &ToolDifference) -> Vec<Diagnostic> {
    let name = &tool.tool;
    let mut found = Vec::new();
    if let (Change::Undecided, Some(why)) = (tool.change, &tool.undecided) {
        let message = format!("the command lines of `{name}` could not be compared: {why}");
        found.push(Diagnostic::error(
            "undecided-difference",
            tool.place.clone(),
            message,
        ));
    }
    if let Some(fingerprint) = &tool.fingerprint {
        let (place, reason) = (tool.place.clone(), tool.acknowledgement.as_ref());
        found.push(widening(place, tool.headline(), fingerprint, reason));
    }
    found
}

fn of_setting(other: &Other) -> Option<Diagnostic> {
    let fingerprint = other.fingerprint.as_ref()?;
    let place = other
        .place
        .clone()
        .unwrap_or_else(|| Place::file("tolkien.yaml"));
    let message = match (&other.before, &other.after) {
        (None, Some(after)) => format!("`{}` is new: {after}", other.what),
        (Some(before), Some(after)) => format!("`{}` was {before}, and is {after}", other.what),
        (_, None) => format!("`{}` is no more", other.what),
    };
    let reason = other.acknowledgement.as_ref();
    Some(widening(place, message, fingerprint, reason))
}

fn widening(
    place: Place,
    message: String,
    fingerprint: &str,
    reason: Option<&String>,
) -> Diagnostic {
    const CODE: &str = "permission-widened";
    match reason {
        Some(reason) => {
            Diagnostic::warning(CODE, place, message).help(format!("acknowledged: {reason}"))
        }
        None => Diagnostic::error(CODE, place, message).help(format!(
            "narrow it, or accept it in `permissions.ack.yaml`: \
             `- {{fingerprint: {fingerprint}, reason: …}}`"
        )),
    }
}

impl ToolDifference {
    /// Its widening in one sentence: the first witness, or else what widens beside the command lines.
    pub fn headline(&self) -> String {
        let name = &self.tool;
        if let Some(witness) = self.newly_permitted.first() {
            let more = match self.newly_permitted.len() {
                1 => String::new(),
                2 => ", with 1 more example".to_owned(),
                many => format!(", with {} more examples", many - 1),
            };
            let line = witness.command_line.replace('\n', " ; ");
            return format!("`{name}` newly permits command lines such as `{line}`{more}");
        }
        if self.change == Change::Added {
            return format!("`{name}` is a new tool");
        }
        let mut what: Vec<&str> = self
            .other
            .iter()
            .filter(|other| other.widens)
            .map(|other| other.what.as_str())
            .collect();
        what.dedup();
        format!("`{name}` may do more than before: {}", listed(what, "and"))
    }
}
