//! Keeping the beginning and the end of a stream of any length in bounded memory, with a margin
//! before the end: what is secret at the end can only be told with what stands before it.

use std::collections::VecDeque;

use super::redact::MARGIN;
use crate::config::tool::Keep;

impl Keep {
    /// How much of `total` goes to the beginning, and how much to the end.
    pub(super) fn split(self, total: usize) -> (usize, usize) {
        match self {
            Self::Head => (total, 0),
            Self::Tail => (0, total),
            Self::HeadTail => (total - total / 2, total / 2),
        }
    }
}

/// The kept part of a stream.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    head_cap: usize,
    /// The margin and the end.
    tail: VecDeque<u8>,
    tail_cap: usize,
    margin: usize,
    total: u64,
}

/// What was captured. No character is torn where something is missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Captured {
    /// The kept beginning; everything when nothing is missing.
    pub(super) head: Vec<u8>,
    /// How many bytes after it are missing.
    pub(super) lost: u64,
    /// What stood before the end, for looking at only.
    pub(super) margin: Vec<u8>,
    /// The kept end.
    pub(super) tail: Vec<u8>,
}

impl Capture {
    /// Keeps at most `cap` bytes.
    pub(super) fn new(cap: usize, keep: Keep) -> Self {
        Self::with_margin(cap, keep, MARGIN)
    }

    fn with_margin(cap: usize, keep: Keep, margin: usize) -> Self {
        let (head_cap, tail_cap) = keep.split(cap);
        let margin = if tail_cap == 0 { 0 } else { margin };
        Self {
            head: Vec::new(),
            head_cap,
            tail: VecDeque::new(),
            tail_cap: tail_cap + margin,
            margin,
            total: 0,
        }
    }

    /// Takes what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = self.head_cap.saturating_sub(self.head.len());
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        let (_, rest) = rest.split_at(rest.len().saturating_sub(self.tail_cap));
        let excess = (self.tail.len() + rest.len()).saturating_sub(self.tail_cap);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    /// Every byte that was written, kept or not.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Everything that was written, unless it is more than is kept: the margin is no room.
    pub(super) fn whole(&self) -> Option<Vec<u8>> {
        let cap = self.head_cap + self.tail_cap.saturating_sub(self.margin);
        let kept = self.head.iter().chain(&self.tail).copied();
        (self.total <= cap as u64).then(|| kept.collect())
    }

    /// What was kept of it.
    pub(super) fn finish(mut self) -> Captured {
        let lost = self
            .total
            .saturating_sub((self.head.len() + self.tail.len()) as u64);
        let mut tail = Vec::from(std::mem::take(&mut self.tail));
        if lost == 0 {
            self.head.append(&mut tail);
            return Captured {
                head: self.head,
                lost: 0,
                margin: Vec::new(),
                tail,
            };
        }
        let torn_head = torn_end(&self.head);
        self.head.truncate(self.head.len() - torn_head);
        let torn_margin = torn_start(&tail);
        let kept = (self.margin.max(torn_margin)).min(tail.len());
        let (margin, tail) = tail.split_at(kept);
        let (torn, margin) = margin.split_at(torn_margin);
        // The margin ends where a character ends.
        let into_tail = torn_start(tail);
        let (rest, tail) = tail.split_at(into_tail);
        Captured {
            head: self.head,
            lost: lost + (torn_head + torn.len()) as u64,
            margin: [margin, rest].concat(),
            tail: tail.to_vec(),
        }
    }
}

/// How many bytes at the beginning end a UTF-8 character that did not begin there.
fn torn_start(bytes: &[u8]) -> usize {
    let first = bytes.iter().take(3);
    first.take_while(|byte| is_continuation(**byte)).count()
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// How many bytes at the end begin a UTF-8 character that does not end there.
fn torn_end(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes.split_at(bytes.len().saturating_sub(3)).1) {
        Ok(_) => 0,
        Err(_) => (1..=3.min(bytes.len()))
            .find(|back| {
                let first = bytes.get(bytes.len() - back).copied().unwrap_or_default();
                let needs = match first {
                    0b1100_0000..=0b1101_1111 => 2,
                    0b1110_0000..=0b1110_1111 => 3,
                    0b1111_0000..=0b1111_0111 => 4,
                    _ => 0,
                };
                needs > *back
            })
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(cap: usize, keep: Keep, chunks: &[&str]) -> (String, u64, String) {
        kept_after(0, cap, keep, chunks).1
    }

    /// The margin, and what is kept around it.
    fn kept_after(
        margin: usize,
        cap: usize,
        keep: Keep,
        chunks: &[&str],
    ) -> (String, (String, u64, String)) {
        let mut capture = Capture::with_margin(cap, keep, margin);
        for chunk in chunks {
            capture.push(chunk.as_bytes());
        }
        let captured = capture.finish();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let kept = (text(captured.head), captured.lost, text(captured.tail));
        (text(captured.margin), kept)
    }

    fn whole(head: &str, lost: u64, tail: &str) -> (String, u64, String) {
        (head.to_owned(), lost, tail.to_owned())
    }

    #[test]
    fn what_fits_is_whole_whichever_end_is_kept() {
        for keep in [Keep::Head, Keep::Tail, Keep::HeadTail] {
            assert_eq!(kept(6, keep, &["ab", "cd", "ef"]), whole("abcdef", 0, ""));
        }
    }

    #[test]
    fn each_end_is_kept_across_chunks_of_any_size() {
        let chunks = ["a", "bcdefgh", "", "ij"];
        assert_eq!(kept(4, Keep::Head, &chunks), whole("abcd", 6, ""));
        assert_eq!(kept(4, Keep::Tail, &chunks), whole("", 6, "ghij"));
        assert_eq!(kept(5, Keep::HeadTail, &chunks), whole("abc", 5, "ij"));
    }

    #[test]
    fn no_character_is_torn_at_the_gap() {
        // Two bytes each: the gap falls into the second and the last but one.
        assert_eq!(kept(6, Keep::HeadTail, &["éééééé"]), whole("é", 8, "é"));
        // Four bytes each.
        assert_eq!(kept(7, Keep::Head, &["🧙🧙"]), whole("🧙", 4, ""));
        assert_eq!(kept(7, Keep::Tail, &["🧙🧙"]), whole("", 4, "🧙"));
    }

    #[test]
    fn the_end_has_a_margin_before_it_that_is_counted_apart() {
        let chunks = ["abc", "defghij"];
        let check = |margin, cap, keep| kept_after(margin, cap, keep, &chunks);
        let found = check(3, 4, Keep::HeadTail);
        assert_eq!(found, ("fgh".to_owned(), whole("ab", 3, "ij")));
        let found = check(3, 4, Keep::Head);
        assert_eq!(found, (String::new(), whole("abcd", 6, "")));
        let found = check(6, 4, Keep::HeadTail);
        assert_eq!(found, (String::new(), whole("abcdefghij", 0, "")));
        let found = kept_after(2, 4, Keep::Tail, &["ééééé"]);
        assert_eq!(found, ("é".to_owned(), whole("", 4, "éé")));
        let found = kept_after(1, 4, Keep::Tail, &["aéééé"]);
        assert_eq!(found, (String::new(), whole("", 5, "éé")));
        let found = kept_after(1, 3, Keep::Tail, &["aéééé"]);
        assert_eq!(found, ("é".to_owned(), whole("", 5, "é")));
    }

    #[test]
    fn memory_stays_at_the_cap() {
        let mut capture = Capture::with_margin(1000, Keep::HeadTail, 20);
        for _ in 0..10_000 {
            capture.push(&[b'x'; 777]);
        }
        assert_eq!(capture.total(), 7_770_000);
        assert!(capture.head.capacity() <= 1024 && capture.tail.capacity() <= 2048);
    }
}
