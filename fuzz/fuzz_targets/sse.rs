//! However the bytes of an event stream are cut, the events are the same, and they are those that
//! the HTML standard's own words give for the whole text.
//!
//! The byte 0x1F in the input is where the stream is cut, and no part of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tolkien::model::sse::Decoder;

fuzz_target!(|data: &[u8]| {
    let stream: Vec<u8> = data.iter().copied().filter(|byte| *byte != 0x1f).collect();
    let expected = by_the_standard(&stream);
    assert_eq!(decode([stream.as_slice()]), expected);
    assert_eq!(decode(data.split(|byte| *byte == 0x1f)), expected);
    assert_eq!(decode(stream.chunks(1)), expected);
});

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = Decoder::default();
    pieces
        .into_iter()
        .flat_map(|piece| decoder.push(piece).unwrap())
        .collect()
}

/// "Interpreting an event stream": decode, cut into lines, then line by line.
fn by_the_standard(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What no line end follows is no line.
    lines.pop();
    let mut events = Vec::new();
    let mut data = String::new();
    for line in lines {
        if line.is_empty() {
            if data.pop().is_some() {
                events.push(std::mem::take(&mut data));
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
            data.push('\n');
        }
    }
    events
}
