//! What a change of a configuration newly permits, and everything beside it that a reviewer must
//! see.
//!
//! For each tool that either side has, the command lines are compared by the function that is handed
//! in, and everything else (what is started, with which environment, in which sandbox, for whom) by
//! the modules here. A difference widens when more may happen afterwards than before; where that
//! cannot be told, it widens. Somebody accepts a widening by its fingerprint, which belongs to exactly
//! that change.

mod access;

mod beside;

mod command;

mod finding;

mod fingerprint;

mod input;

mod place;

mod policy;

mod prompt;

mod record;

mod remote;

mod run;

mod sandbox;

mod settings;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::config::Config;
use crate::config::acknowledgement::Acknowledgement;
use crate::config::name::ToolName;
use crate::config::tool::Tool;
use crate::diagnostic::Place;
use crate::policy::Decision;

pub(super) use prompt::of_tool as rendered_prompts;

/// A tool within the configuration that it belongs to.
pub type Side<'a> = (&'a Config, &'a Tool);

/// Everything that differs between two configurations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Every tool of either side, by name, those that are the same included.
    pub tools: Vec<ToolDifference>,
    /// What differs in the settings and the prompts.
    pub other: Vec<Other>,
    /// Whether anything may happen afterwards that could not before.
    pub widened: bool,
    /// Whether there is a widening and somebody accepted each of them.
    pub acknowledged: bool,
    /// Acknowledgements that belong to no widening here.
    #[serde(skip)]
    pub unused: Vec<Acknowledgement>,
}

/// What differs in one tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolDifference {
    /// Its name.
    pub tool: String,
    /// The difference in one word.
    pub change: Change,
    /// Whether more may happen afterwards; not said of what is undecided alone.
    pub widens: bool,
    /// Command lines that pass now and did not, or that no longer need an approval.
    pub newly_permitted: Vec<Witness>,
    /// Command lines that no longer pass, or that need an approval now.
    pub newly_denied: Vec<Witness>,
    /// What differs beside the command lines.
    pub other: Vec<Other>,
    /// Why its command lines could not be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
    /// What accepts its widening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why somebody accepted its widening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<String>,
    /// Where the change is that lets more happen, or the tool; in the newer side where it is there.
    #[serde(skip)]
    pub place: Place,
}

/// A difference in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// There was no such tool.
    Added,
    /// There is no such tool any more.
    Removed,
    /// More may happen, and nothing less.
    Widened,
    /// Fewer command lines pass, and nothing more may happen.
    Narrowed,
    /// Both, or something else differs that permits nothing.
    Changed,
    /// Nothing differs in what is permitted (proved) or beside it, whatever the texts say.
    Same,
    /// The command lines could not be compared; fails like a widening, and cannot be accepted.
    Undecided,
}

impl Change {
    /// The word in every format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Widened => "widened",
            Self::Narrowed => "narrowed",
            Self::Changed => "changed",
            Self::Same => "same",
            Self::Undecided => "undecided",
        }
    }
}

/// One command line whose verdict differs, decided on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Witness {
    /// As a person would type it; one line for each step.
    pub command_line: String,
    /// The call's input, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The verdict of the older side.
    pub before: Decision,
    /// The verdict of the newer side.
    pub after: Decision,
    /// What lets it through now, or what stops it.
    pub why: String,
}

/// Something that differs beside the command lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Other {
    /// What it is, as a path of words: `sandbox read`, `roles.viewer.tools`.
    pub what: String,
    /// How it was, cut to a few lines; absent where it was not.
    pub before: Option<String>,
    /// How it is, cut to a few lines; absent where it is no more.
    pub after: Option<String>,
    /// Whether more may happen afterwards.
    pub widens: bool,
    /// What accepts it; only of settings, since a tool is accepted as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why somebody accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<String>,
    /// Where it is written; only of settings and prompts.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// What comparing the command lines of two sides of a tool gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Languages {
    /// Command lines whose verdict became milder, the most telling first.
    pub permitted: Vec<Witness>,
    /// Command lines whose verdict became stricter.
    pub denied: Vec<Witness>,
    /// Every command line has the same verdict on both sides: proved.
    pub equal: bool,
    /// Why it could not be decided; what was found until then stands beside it.
    pub undecided: Option<String>,
}

/// Compares the command lines of one tool; an absent side has none.
pub type Compare<'a> = dyn Fn(Option<Side<'_>>, Option<Side<'_>>) -> Languages + 'a;

/// Everything that differs; an absent side is empty. The newer side's acknowledgements count.
pub fn compare(
    base: Option<&Config>,
    head: Option<&Config>,
    languages: &Compare<'_>,
) -> Difference {
    let names: BTreeSet<&ToolName> = [base, head]
        .into_iter()
        .flatten()
        .flat_map(|config| config.tools().keys())
        .collect();
    let tools = names
        .into_iter()
        .filter_map(|name| of_tool(side(base, name), side(head, name), languages));
    let mut difference = Difference {
        tools: tools.collect(),
        other: settings::compare(base, head),
        widened: false,
        acknowledged: false,
        unused: Vec::new(),
    };
    difference.acknowledge(head.map_or(&[], Config::acknowledgements));
    difference
}

fn side<'a>(config: Option<&'a Config>, name: &ToolName) -> Option<Side<'a>> {
    let config = config?;
    Some((config, config.tool(name.as_str())?))
}

fn of_tool(
    old: Option<Side<'_>>,
    new: Option<Side<'_>>,
    languages: &Compare<'_>,
) -> Option<ToolDifference> {
    let (_, tool) = new.or(old)?;
    // The same content decides the same, so nothing needs to be proved.
    let languages = if old.is_some() && fingerprint::same(old, new) {
        Languages {
            equal: true,
            ..Languages::default()
        }
    } else {
        settled(languages(old, new))
    };
    let other = beside::compare(old, new);
    let widens = match (old, new) {
        // Whatever a tool permits that was not there before, it permits newly.
        (None, _) => true,
        (_, None) => false,
        _ => !languages.permitted.is_empty() || other.iter().any(|other| other.widens),
    };
    let change = match (old, new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ if languages.undecided.is_some() => Change::Undecided,
        _ => match (widens, !languages.denied.is_empty()) {
            (true, false) => Change::Widened,
            (false, true) => Change::Narrowed,
            (false, false) if other.is_empty() => Change::Same,
            (true, true) | (false, false) => Change::Changed,
        },
    };
    let place = place::of_tool(old, new, &languages.permitted, &other)?;
    Some(ToolDifference {
        tool: tool.name.to_string(),
        change,
        widens,
        newly_permitted: languages.permitted,
        newly_denied: languages.denied,
        other,
        undecided: languages.undecided,
        fingerprint: widens.then(|| fingerprint::of_tool(old, new)),
        acknowledgement: None,
        place,
    })
}

/// An answer that neither proves nor shows anything is none.
fn settled(languages: Languages) -> Languages {
    let shows = !languages.permitted.is_empty() || !languages.denied.is_empty();
    if languages.undecided.is_none() && languages.equal == shows {
        return Languages {
            undecided: Some("the comparison of the command lines contradicts itself".to_owned()),
            ..languages
        };
    }
    languages
}

impl Difference {
    /// Lays the acknowledgements beside the widenings, each by its own fingerprint.
    fn acknowledge(&mut self, all: &[Acknowledgement]) {
        let reasons: BTreeMap<&str, &str> = all
            .iter()
            .map(|one| (one.fingerprint.as_str(), one.reason.as_str()))
            .collect();
        let mut used: BTreeSet<String> = BTreeSet::new();
        let mut look_up = |fingerprint: &Option<String>| {
            let fingerprint = fingerprint.as_ref()?;
            let reason = reasons.get(fingerprint.as_str())?;
            used.insert(fingerprint.clone());
            Some((*reason).to_owned())
        };
        for tool in &mut self.tools {
            tool.acknowledgement = look_up(&tool.fingerprint);
        }
        for other in &mut self.other {
            other.acknowledgement = look_up(&other.fingerprint);
        }
        self.unused = all
            .iter()
            .filter(|one| !used.contains(one.fingerprint.as_str()))
            .cloned()
            .collect();
        self.widened = self.tools.iter().any(|tool| tool.widens)
            || self.other.iter().any(|other| other.widens);
        self.acknowledged = self.widened && self.open().next().is_none();
    }

    /// The widenings that nobody accepted: their names and fingerprints.
    pub fn open(&self) -> impl Iterator<Item = (&str, &str)> {
        let tools = self
            .tools
            .iter()
            .filter(|tool| tool.acknowledgement.is_none())
            .filter_map(|tool| Some((tool.tool.as_str(), tool.fingerprint.as_deref()?)));
        let others = self
            .other
            .iter()
            .filter(|other| other.acknowledgement.is_none())
            .filter_map(|other| Some((other.what.as_str(), other.fingerprint.as_deref()?)));
        tools.chain(others)
    }

    /// The tools whose command lines could not be compared.
    pub fn undecided(&self) -> impl Iterator<Item = &ToolDifference> {
        let undecided = |tool: &&ToolDifference| tool.change == Change::Undecided;
        self.tools.iter().filter(undecided)
    }

    /// Whether a gate may let the change through.
    pub fn passes(&self) -> bool {
        self.open().next().is_none() && self.undecided().next().is_none()
    }
}
