//! A decoder for server-sent events: pure, fed with bytes in whatever pieces they arrive.
//!
//! It follows the event stream format of the HTML standard (lines end in CR, LF or CRLF; comments;
//! several `data` lines are one event; a byte order mark is skipped; an event that the end of the
//! stream cuts off is dropped). Only the data is kept: the Messages API repeats an event's name
//! inside it, and nothing here reconnects, so `event`, `id` and `retry` are passed over.

/// The longest event that is read, in bytes of its data and the line at hand. The largest honest
/// events are whole blocks of server-side tool results, some hundred kilobytes; without a bound a
/// server could fill the memory with one endless line.
pub const MAX_EVENT_BYTES: usize = 8 << 20;

/// An event was longer than [`MAX_EVENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {MAX_EVENT_BYTES} bytes")]
pub struct TooLong;

/// Turns bytes into the data of events.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The line at hand, without its end.
    line: Vec<u8>,
    /// The data of the event at hand, each line followed by LF.
    data: Vec<u8>,
    /// The last byte was CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The first line, which may start with a byte order mark, was read.
    begun: bool,
}

impl Decoder {
    /// Reads some bytes; returns the data of the events that they complete. Invalid UTF-8 is
    /// replaced, as the standard says. After an error the stream is of no more use.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            let after_cr = std::mem::take(&mut self.after_cr);
            match piece.split_last() {
                Some((b'\n', [])) if after_cr => {}
                Some((end @ (b'\r' | b'\n'), text)) => {
                    self.extend(text)?;
                    self.after_cr = *end == b'\r';
                    events.extend(self.end_line());
                }
                _ => self.extend(piece)?,
            }
        }
        Ok(events)
    }

    fn extend(&mut self, text: &[u8]) -> Result<(), TooLong> {
        let held = self.line.len().saturating_add(self.data.len());
        if held.saturating_add(text.len()) > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(text);
        Ok(())
    }

    fn end_line(&mut self) -> Option<String> {
        let first = !std::mem::replace(&mut self.begun, true);
        let line = match self.line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if first => rest,
            _ => self.line.as_slice(),
        };
        let event = if line.is_empty() {
            self.data
                .pop()
                .map(|_| String::from_utf8_lossy(&self.data).into_owned())
        } else {
            if let Some(value) = line.strip_prefix(b"data") {
                let value = value
                    .strip_prefix(b":")
                    .or(value.is_empty().then_some(b"".as_slice()));
                if let Some(value) = value {
                    self.data
                        .extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
                    self.data.push(b'\n');
                }
            }
            None
        };
        if event.is_some() {
            self.data.clear();
        }
        self.line.clear();
        event
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        pieces
            .iter()
            .flat_map(|piece| decoder.push(piece).unwrap())
            .collect()
    }

    #[test]
    fn lines_may_end_in_lf_cr_or_crlf() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = "event: a\ndata: 1\ndata: 2\n\ndata: 3\n\n".replace('\n', end);
            assert_eq!(decode(&[stream.as_bytes()]), ["1\n2", "3"], "{end:?}");
        }
    }

    #[test]
    fn comments_other_fields_and_a_byte_order_mark_are_passed_over() {
        let stream = b"\xef\xbb\xbfdata:x\n: comment\nid: 7\nretry: 1\ndatabase: no\n\n:\n\n";
        assert_eq!(decode(&[stream]), ["x"]);
    }

    #[test]
    fn one_leading_space_is_not_data_and_a_bare_field_is_an_empty_line() {
        assert_eq!(decode(&[b"data:  x \ndata\ndata:\n\n"]), [" x \n\n"]);
    }

    #[test]
    fn an_event_cut_off_by_the_end_is_dropped() {
        assert_eq!(decode(&[b"data: 1\n\ndata: 2\n"]), ["1"]);
    }

    #[test]
    fn a_split_character_is_whole_again() {
        assert_eq!(decode(&[b"data: \xc3", b"\xa9\n\n"]), ["é"]);
    }

    #[test]
    fn an_endless_line_or_event_is_an_error_before_it_fills_the_memory() {
        let mut decoder = Decoder::default();
        let piece = vec![b'x'; 1 << 20];
        let taken = std::iter::repeat_with(|| decoder.push(&piece))
            .take_while(Result::is_ok)
            .count();
        assert_eq!(taken, MAX_EVENT_BYTES >> 20);

        let mut decoder = Decoder::default();
        let line = [b"data:".as_slice(), &piece, b"\n"].concat();
        let taken = std::iter::repeat_with(|| decoder.push(&line))
            .take_while(Result::is_ok)
            .count();
        assert_eq!(taken, (MAX_EVENT_BYTES >> 20) - 1);
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(
            stream in "(\u{feff})?((data: ?|data|event: |:|x)?[a-é\u{1f642}]{0,3}(\r|\n|\r\n)){0,12}",
            cuts in proptest::collection::vec(1_usize..4, 0..60),
        ) {
            let bytes = stream.as_bytes();
            let mut decoder = Decoder::default();
            let mut rest = bytes;
            let mut events = Vec::new();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                events.extend(decoder.push(piece).unwrap());
                rest = after;
            }
            events.extend(decoder.push(rest).unwrap());
            prop_assert_eq!(events, decode(&[bytes]));
        }
    }
}
