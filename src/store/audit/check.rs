//! Whether a trail is whole.

use std::collections::BTreeMap;

use super::{Line, NOTHING};

/// Follows a trail record by record.
#[derive(Debug, Default)]
pub struct Check {
    chains: BTreeMap<String, (u64, String)>,
    wanted: Option<String>,
    is_copy: bool,
    records: u64,
    problems: Vec<String>,
}

impl Check {
    /// A check of a trail that must hold a record whose hash begins so, if that is given.
    pub fn new(head: Option<String>) -> Self {
        Self {
            wanted: head,
            ..Self::default()
        }
    }

    /// The same of a copy, which may begin with any record: it was switched on later, or rotated.
    #[must_use]
    pub fn of_a_copy(self) -> Self {
        Self {
            is_copy: true,
            ..self
        }
    }

    /// Looks at the next line; nothing stands for one that is no record.
    pub fn take(&mut self, line: Option<&Line>) {
        self.records = self.records.saturating_add(1);
        let Some((line, content)) = line.and_then(|line| Some((line, line.content()?))) else {
            self.problems
                .push(format!("line {} is not a record", self.records));
            return;
        };
        let (writer, number) = (&content.writer, content.number);
        let name = format!("record {number} of `{writer}`");
        if !line.is_intact() {
            self.problems.push(format!("{name} was changed"));
        }
        let is_wanted = |head: &String| line.hash().starts_with(head.as_str());
        if self.wanted.as_ref().is_some_and(is_wanted) {
            self.wanted = None;
        }
        let before = || {
            if self.is_copy {
                (number.saturating_sub(1), content.previous.clone())
            } else {
                (0, NOTHING.to_owned())
            }
        };
        let (last, hash) = self.chains.remove(writer).unwrap_or_else(before);
        let expected = last.saturating_add(1);
        let problem = if number > expected {
            Some(format!(
                "{name} follows record {last}: what stood between is missing"
            ))
        } else if number < expected {
            Some(format!(
                "{name} follows record {last}: it was moved or repeated"
            ))
        } else if content.previous != hash {
            Some(format!("{name} does not follow from the one before it"))
        } else {
            None
        };
        self.problems.extend(problem);
        let hash = line.hash().to_owned();
        self.chains.insert(content.writer, (number, hash));
    }

    /// What is wrong, in the order of the trail; nothing when it is whole.
    pub fn problems(mut self) -> Vec<String> {
        if let Some(head) = self.wanted {
            self.problems.push(format!(
                "no record has the hash `{head}`: the end is missing"
            ));
        }
        self.problems
    }

    /// How many records were looked at.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The last record of each chain: its writer, its number, its hash.
    pub fn heads(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        self.chains
            .iter()
            .map(|(writer, (number, hash))| (writer.as_str(), *number, hash.as_str()))
    }
}
