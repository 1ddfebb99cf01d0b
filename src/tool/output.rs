//! What of a program's output is stored and what the model sees.
//!
//! Both are one text: standard output, then standard error under a line that says so. There is none
//! that was not redacted: a text is only made here, with a redactor. The stored
//! text is bounded by `output.keep_bytes`, what the model sees by `output.limit` characters; where
//! something is left out, a line says how much and how `read_output` shows it.

use std::fmt::Write as _;
use std::ops::Range;

use super::capture::Capture;
use super::clean::clean;
use super::read_output::{self, line_after};
use super::redact::{Matcher, Redactor};
use crate::config::tool::{Keep, OutputLimits};

/// Stands between standard output and standard error.
const STDERR: &str = "[stderr]\n";

/// The whole output as it is stored.
#[derive(Debug)]
pub(super) struct Output {
    /// The text.
    pub(super) stored: String,
    stdout: Section,
    stderr: Section,
    /// What the program wrote, kept or not.
    pub(super) bytes: u64,
}

/// One stream within the stored text.
#[derive(Debug)]
struct Section {
    range: Range<usize>,
    lost: u64,
}

/// What the model sees.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) truncated: bool,
}

impl Output {
    /// Puts together what was captured of standard output and standard error. It is not `complete`
    /// when the program was ended in the middle of it.
    pub(super) fn new(
        (stdout, stderr): (Capture, Capture),
        complete: bool,
        limits: OutputLimits,
        redactor: &Redactor<'_>,
    ) -> Self {
        let bytes = stdout.total().saturating_add(stderr.total());
        let matcher = redactor.matcher();
        let kept = |capture| Kept::new(capture, complete, &matcher);
        let (mut stdout, mut stderr) = (kept(stdout), kept(stderr));
        let (out_room, err_room) = share(limits.keep_bytes, stdout.len(), stderr.len());
        stdout.fit(out_room, limits.keep);
        stderr.fit(err_room, limits.keep);
        let mut stored = String::new();
        let stdout = stdout.store(&mut stored);
        if stderr.len() > 0 || stderr.lost > 0 {
            new_line(&mut stored);
            stored.push_str(STDERR);
        }
        let stderr = stderr.store(&mut stored);
        Self {
            stored,
            stdout,
            stderr,
            bytes,
        }
    }

    /// The part that the model sees.
    pub(super) fn shown(&self, call_id: &str, limits: OutputLimits) -> Shown {
        let stdout = self.text(&self.stdout.range);
        let stderr = self.text(&self.stderr.range);
        let (out_room, err_room) = share(limits.limit, chars(stdout), chars(stderr));
        let mut shown = Shown {
            text: String::new(),
            truncated: self.stdout.lost > 0 || self.stderr.lost > 0,
        };
        self.cut(&self.stdout, out_room, limits.keep, call_id, &mut shown);
        if !stderr.is_empty() {
            new_line(&mut shown.text);
            shown.text.push_str(STDERR);
            self.cut(&self.stderr, err_room, limits.keep, call_id, &mut shown);
        }
        if shown.text.ends_with('\n') {
            shown.text.pop();
        }
        shown
    }

    fn text(&self, range: &Range<usize>) -> &str {
        self.stored.get(range.clone()).unwrap_or_default()
    }

    fn cut(&self, section: &Section, room: usize, keep: Keep, call_id: &str, shown: &mut Shown) {
        let text = self.text(&section.range);
        let total = chars(text);
        if total <= room {
            shown.text.push_str(text);
            return;
        }
        let (head_room, _) = keep.split(room);
        let (head, rest) = split_at_char(text, head_room);
        let (gap, tail) = split_at_char(rest, total - room);
        let gap_start = section.range.start + head.len();
        // Where only the end of a line is missing, the next one is where reading goes on.
        let line_end = usize::from(gap.starts_with('\n'));
        let first = line_after(self.text(&(0..gap_start + line_end)));
        let last = read_output::count_lines(self.text(&(0..gap_start + gap.len()))).max(first);
        let missing = match section.lost {
            0 => String::new(),
            bytes => format!(", where {bytes} bytes were not kept at all"),
        };
        shown.truncated = true;
        shown.text.push_str(head);
        new_line(&mut shown.text);
        let _ = write!(
            shown.text,
            "[… {} characters left out, lines {first} to {last} of the output{missing}; {} shows \
             them: {{\"call_id\": \"{call_id}\", \"offset\": {first}}} …]\n{tail}",
            total - room,
            read_output::NAME,
        );
    }
}

/// The kept part of one stream as text.
#[derive(Debug)]
struct Kept {
    head: String,
    lost: u64,
    tail: String,
}

impl Kept {
    fn new(capture: Capture, complete: bool, matcher: &Matcher<'_>) -> Self {
        let captured = capture.finish();
        let head = matcher.part(&clean(captured.head), 0, captured.lost > 0 || !complete);
        // Escape sequences are dropped, so that the margin is no more as long as it was.
        let margin = clean(captured.margin.clone());
        let tail = clean([captured.margin, captured.tail].concat());
        let tail = matcher.part(&tail, margin.len(), !complete);
        Self {
            lost: captured.lost + (head.left_out + tail.left_out) as u64,
            head: head.text,
            tail: tail.text,
        }
    }

    fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Gives up what is more than `room` bytes: replacement characters take more than the bytes
    /// they replace, and both streams share one bound.
    fn fit(&mut self, room: usize, keep: Keep) {
        if self.len() <= room {
            return;
        }
        let (head_room, tail_room) = keep.split(room);
        if self.lost == 0 {
            let from = self.head.ceil_char_boundary(self.head.len() - tail_room);
            self.tail = self.head.split_off(from);
        }
        let before = self.len();
        self.head.truncate(self.head.floor_char_boundary(head_room));
        let excess = self.tail.len().saturating_sub(tail_room);
        self.tail.drain(..self.tail.ceil_char_boundary(excess));
        self.lost += (before - self.len()) as u64;
    }

    /// Appends it to the stored text.
    fn store(&self, stored: &mut String) -> Section {
        let start = stored.len();
        stored.push_str(&self.head);
        if self.lost > 0 {
            if !self.head.is_empty() {
                new_line(stored);
            }
            let _ = writeln!(stored, "[… {} bytes were not kept …]", self.lost);
        }
        stored.push_str(&self.tail);
        Section {
            range: start..stored.len(),
            lost: self.lost,
        }
    }
}

/// How two streams share a bound: standard error, where a failure is explained, has a quarter for
/// certain and whatever standard output leaves.
fn share(total: usize, stdout: usize, stderr: usize) -> (usize, usize) {
    let stderr = stderr.min((total / 4).max(total.saturating_sub(stdout)));
    (total - stderr, stderr)
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn split_at_char(text: &str, at: usize) -> (&str, &str) {
    let at = text.char_indices().nth(at).map_or(text.len(), |(at, _)| at);
    text.split_at(at)
}

fn new_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests;
