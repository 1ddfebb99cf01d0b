//! Keeping the beginning and the end of a stream of any length in bounded memory.

use std::collections::VecDeque;

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
    tail: VecDeque<u8>,
    tail_cap: usize,
    total: u64,
}

impl Capture {
    /// Keeps at most `cap` bytes.
    pub(super) fn new(cap: usize, keep: Keep) -> Self {
        let (head_cap, tail_cap) = keep.split(cap);
        Self {
            head: Vec::new(),
            head_cap,
            tail: VecDeque::new(),
            tail_cap,
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

    /// Everything that was written, unless some of it was not kept.
    pub(super) fn whole(&self) -> Option<Vec<u8>> {
        let kept = self.head.iter().chain(&self.tail).copied();
        (self.total == (self.head.len() + self.tail.len()) as u64).then(|| kept.collect())
    }

    /// The kept beginning, how many bytes after it were not kept, and the kept end. When nothing is
    /// missing, the beginning is everything. No character is torn where something is missing.
    pub(super) fn finish(mut self) -> (Vec<u8>, u64, Vec<u8>) {
        let lost = self
            .total
            .saturating_sub((self.head.len() + self.tail.len()) as u64);
        let mut tail = Vec::from(std::mem::take(&mut self.tail));
        if lost == 0 {
            self.head.append(&mut tail);
            return (self.head, 0, tail);
        }
        let torn_head = torn_end(&self.head);
        self.head.truncate(self.head.len() - torn_head);
        let torn_tail = tail
            .iter()
            .take(3)
            .take_while(|byte| is_continuation(**byte))
            .count();
        tail.drain(..torn_tail);
        (self.head, lost + (torn_head + torn_tail) as u64, tail)
    }
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
        let mut capture = Capture::new(cap, keep);
        for chunk in chunks {
            capture.push(chunk.as_bytes());
        }
        let (head, lost, tail) = capture.finish();
        (
            String::from_utf8(head).unwrap(),
            lost,
            String::from_utf8(tail).unwrap(),
        )
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
    fn memory_stays_at_the_cap() {
        let mut capture = Capture::new(1000, Keep::HeadTail);
        for _ in 0..10_000 {
            capture.push(&[b'x'; 777]);
        }
        assert_eq!(capture.total(), 7_770_000);
        assert!(capture.head.capacity() <= 1024 && capture.tail.capacity() <= 1024);
    }
}
