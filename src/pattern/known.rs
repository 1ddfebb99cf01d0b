//! What a rule set has learned so far, as flat tables: the few look-ups of a decision.
//!
//! Bytes lead from row to row of `letters`; the last cell of a row, with the class of the word's
//! length, gives the word's signature; signatures lead from row to row of `steps`, and the last row
//! says which patterns match. A cell that nobody has filled yet ends the walk: `learner` then goes it.

use std::sync::Arc;

/// A cell that is not filled yet.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// The row of `letters` and of `steps` from which nothing can match any more.
pub(super) const DEAD: u32 = 0;

/// The row of `steps` before the first word.
pub(super) const START: u32 = 1;

/// Tables that a walk only reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The class of each byte.
    pub(super) classes: Box<[u8]>,
    /// Rows of one cell for each class, and one for the end; rows are known by their offset.
    pub(super) letters: Vec<u32>,
    /// The class after the last: the cell for a word's end.
    pub(super) end: usize,
    /// The row before the first byte.
    pub(super) first: u32,
    /// The different limits on length, ascending.
    pub(super) limits: Box<[u32]>,
    /// For each end and each class of lengths the signature.
    pub(super) signatures: Vec<u32>,
    /// Rows of `width` cells, one for each signature.
    pub(super) steps: Vec<u32>,
    pub(super) width: usize,
    /// For each row of `steps` the patterns that match.
    pub(super) accepts: Vec<Arc<[usize]>>,
}

impl Known {
    /// The patterns that match, if the way is known.
    pub(super) fn walk<S: AsRef<str>>(&self, words: &[S]) -> Option<&Arc<[usize]>> {
        let mut row = START;
        for word in words {
            let signature = self.signature(word.as_ref())?;
            row = self.step(row, signature)?;
            if row == DEAD {
                break;
            }
        }
        self.accepts.get(row as usize)
    }

    /// The row of `steps` after one more word.
    pub(super) fn step(&self, row: u32, signature: u32) -> Option<u32> {
        let cell = row as usize * self.width + signature as usize;
        self.steps
            .get(cell)
            .copied()
            .filter(|next| *next != UNKNOWN)
    }

    fn signature(&self, word: &str) -> Option<u32> {
        let mut row = self.first;
        for byte in word.as_bytes() {
            let class = *self.classes.get(usize::from(*byte))?;
            row = *self.letters.get(row as usize + usize::from(class))?;
            if row == DEAD {
                break;
            }
        }
        // From an unknown row no cell is found either: it lies far behind the last.
        let end = *self.letters.get(row as usize + self.end)?;
        let way = end as usize * (self.limits.len() + 1) + self.length_class(word);
        self.signatures.get(way).copied()
    }

    /// How many of the limits a word is longer than.
    pub(super) fn length_class(&self, word: &str) -> usize {
        match self.limits.first() {
            // A word has at least as many bytes as characters.
            Some(least) if word.len() > *least as usize => {
                let length = word.chars().count();
                self.limits
                    .iter()
                    .take_while(|limit| length > **limit as usize)
                    .count()
            }
            _ => 0,
        }
    }
}
