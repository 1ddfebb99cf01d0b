//! The built-in tool `read_output`: paging through the stored output of an earlier call.
//!
//! It reads text that the session already holds, so it starts nothing and no policy selects it.
//! Its lines are those of the text, but one longer than [`LINE_CHARS`] counts as several, so that
//! every part of a one-line JSON document can be reached.

use serde::Deserialize;
use serde_json::Value;

/// Its name, which no file in `tools.d/` may take.
pub const NAME: &str = "read_output";

/// What Claude is told about it.
pub const DESCRIPTION: &str = "Reads the stored output of an earlier tool call of this session, \
when what was shown of it had been cut. Give the call_id that the cut names. Without grep it \
returns lines from offset on; with grep only the lines that match, each with its number, from \
offset on. Lines are counted from 1; a line of more than 2000 characters counts as several.";

/// Its JSON Schema (2020-12).
pub const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["call_id"],
  "properties": {
    "call_id": {"type": "string", "description": "The call whose output is read, as named where it was cut"},
    "offset": {"type": "integer", "minimum": 1, "default": 1, "description": "The first line, counted from 1"},
    "lines": {"type": "integer", "minimum": 1, "maximum": 2000, "default": 200, "description": "How many lines at most"},
    "grep": {"type": "string", "maxLength": 1000, "description": "A regular expression (RE2 syntax); only lines in which it matches are returned"}
  }
}"#;

/// Lines of an answer where the request does not say: a screenful for Claude.
const DEFAULT_LINES: usize = 200;

/// The most lines of one answer.
const MAX_LINES: usize = 2_000;

/// Characters of one answer, the same as a tool shows by default.
const MAX_CHARS: usize = 12_000;

/// The longest line, in characters; short enough that several fit into an answer.
pub(super) const LINE_CHARS: usize = 2_000;

/// Bytes that a compiled expression may take; it is matched in linear time whatever it says.
const EXPRESSION_BYTES: usize = 1 << 20;

/// What it is called with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The call whose output is read.
    pub call_id: String,
    /// The first line, counted from 1.
    #[serde(default)]
    pub offset: Option<usize>,
    /// How many lines at most.
    #[serde(default)]
    pub lines: Option<usize>,
    /// Only lines in which this expression matches.
    #[serde(default)]
    pub grep: Option<String>,
}

impl Request {
    /// Reads the input of a call; the error is for the model.
    pub fn parse(input: &Value) -> Result<Self, String> {
        Self::deserialize(input).map_err(|error| format!("the input of `{NAME}` is wrong: {error}"))
    }
}

/// The requested lines of a stored output, at most 12,000 characters, under a line that says which
/// they are and where to go on; the error is for the model.
pub fn read(stored: &str, request: &Request) -> Result<String, String> {
    let pieces: Vec<Piece<'_>> = pieces(stored).collect();
    if pieces.is_empty() {
        return Ok("[the stored output is empty]".to_owned());
    }
    let offset = request.offset.unwrap_or(1).max(1);
    let most = request.lines.unwrap_or(DEFAULT_LINES).clamp(1, MAX_LINES);
    if offset > pieces.len() {
        return Err(format!(
            "offset {offset} is behind the end: the stored output has {} lines",
            pieces.len()
        ));
    }
    match &request.grep {
        None => Ok(page(&pieces, offset, most)),
        Some(expression) => search(&pieces, offset, most, expression),
    }
}

/// A line, or a part of a long one.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    /// Whether it goes on in the next piece.
    continued: bool,
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.lines().flat_map(|line| {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let line = rest.take()?;
            let Some((at, _)) = line.char_indices().nth(LINE_CHARS) else {
                return Some(Piece {
                    text: line,
                    continued: false,
                });
            };
            let (text, after) = line.split_at(at);
            rest = Some(after);
            Some(Piece {
                text,
                continued: true,
            })
        })
    })
}

/// How many lines a text has, as `offset` counts them.
pub(super) fn count_lines(text: &str) -> usize {
    pieces(text).count()
}

/// The number of the line in which the text after `before` begins.
pub(super) fn line_after(before: &str) -> usize {
    let whole = before.is_empty() || before.ends_with('\n');
    count_lines(before) + usize::from(whole)
}

fn page(pieces: &[Piece<'_>], offset: usize, most: usize) -> String {
    let mut body = String::new();
    let mut room = MAX_CHARS;
    let mut last = offset - 1;
    for piece in pieces.iter().skip(offset - 1).take(most) {
        let Some(left) = room.checked_sub(piece.text.chars().count() + 1) else {
            break;
        };
        room = left;
        last += 1;
        body.push_str(piece.text);
        body.push('\n');
    }
    let more = go_on((last < pieces.len()).then_some(last + 1));
    format!(
        "[lines {offset} to {last} of {}{more}]\n{body}",
        pieces.len()
    )
}

fn search(
    pieces: &[Piece<'_>],
    offset: usize,
    most: usize,
    expression: &str,
) -> Result<String, String> {
    let expression = regex::RegexBuilder::new(expression)
        .size_limit(EXPRESSION_BYTES)
        .build()
        .map_err(|error| format!("`grep` is not a regular expression: {error}"))?;
    let found = matching(pieces, &expression);
    let mut from_offset = found.iter().filter(|number| **number >= offset);
    let mut body = String::new();
    let mut shown = 0;
    let mut next = None;
    for number in from_offset.by_ref() {
        let text = pieces.get(number - 1).map_or("", |piece| piece.text);
        let line = format!("{number}:{text}\n");
        let fits = body.chars().count() + line.chars().count() <= MAX_CHARS;
        if shown == most || !fits {
            next = Some(*number);
            break;
        }
        shown += 1;
        body.push_str(&line);
    }
    Ok(format!(
        "[{shown} of {} matching lines, from line {offset} of {}{}]\n{body}",
        found.len(),
        pieces.len(),
        go_on(next)
    ))
}

/// The numbers of the pieces in which a match begins; a match may go over the border of two pieces
/// of one line.
fn matching(pieces: &[Piece<'_>], expression: &regex::Regex) -> Vec<usize> {
    let mut found = Vec::new();
    let mut number = 1;
    for parts in pieces.chunk_by(|piece, _| piece.continued) {
        let line: String = parts.iter().map(|part| part.text).collect();
        let mut starts = expression
            .find_iter(&line)
            .map(|hit| hit.start())
            .peekable();
        let mut end = 0;
        for part in parts {
            end += part.text.len();
            let mut any = false;
            while starts
                .next_if(|start| *start < end || !part.continued)
                .is_some()
            {
                any = true;
            }
            if any {
                found.push(number);
            }
            number += 1;
        }
    }
    found
}

fn go_on(next: Option<usize>) -> String {
    next.map_or_else(String::new, |line| format!("; offset {line} goes on"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(stored: &str, input: &Value) -> String {
        let mut input = input.clone();
        input["call_id"] = json!("c_1");
        match Request::parse(&input).and_then(|request| read(stored, &request)) {
            Ok(text) => text,
            Err(error) => format!("error: {error}"),
        }
    }

    fn numbered(lines: usize) -> String {
        (1..=lines).fold(String::new(), |text, line| text + &format!("line {line}\n"))
    }

    #[test]
    fn the_schema_is_json_and_knows_exactly_what_a_request_knows() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["call_id", "offset", "lines", "grep"]);
        assert_eq!(schema["properties"]["lines"]["default"], DEFAULT_LINES);
        assert_eq!(schema["properties"]["lines"]["maximum"], MAX_LINES);
        assert!(DESCRIPTION.contains(&format!("{LINE_CHARS} characters")));
        assert_eq!(
            check("", &json!({"head": 1})),
            "error: the input of `read_output` is wrong: unknown field `head`, expected one of \
             `call_id`, `offset`, `lines`, `grep`"
        );
    }

    #[test]
    fn a_page_says_which_lines_it_shows_and_where_to_go_on() {
        let stored = numbered(5);
        assert_eq!(
            check(&stored, &json!({"offset": 2, "lines": 2})),
            "[lines 2 to 3 of 5; offset 4 goes on]\nline 2\nline 3\n"
        );
        assert_eq!(
            check(&stored, &json!({"offset": 5})),
            "[lines 5 to 5 of 5]\nline 5\n"
        );
        assert_eq!(
            check(&stored, &json!({"offset": 6})),
            "error: offset 6 is behind the end: the stored output has 5 lines"
        );
        assert_eq!(check("", &json!({})), "[the stored output is empty]");
    }

    #[test]
    fn a_page_is_bounded_in_lines_and_in_characters() {
        let page = check(&numbered(5_000), &json!({}));
        assert!(page.starts_with("[lines 1 to 200 of 5000; offset 201 goes on]\n"));
        let page = check(&numbered(5_000), &json!({"lines": 1_000_000}));
        assert!(
            page.starts_with("[lines 1 to 1310 of 5000; offset 1311 goes on]\n"),
            "{page:.60}"
        );
        assert!(page.chars().count() <= MAX_CHARS + 100);
    }

    #[test]
    fn every_part_of_one_long_line_can_be_reached() {
        let stored: String = std::iter::repeat_n("ä", 2 * LINE_CHARS)
            .chain(["needle", "\n", "last"])
            .collect();
        let page = check(&stored, &json!({"offset": 3}));
        assert_eq!(page, "[lines 3 to 4 of 4]\nneedle\nlast\n");
        assert_eq!(
            check(&stored, &json!({"grep": "needle|last"})),
            "[2 of 2 matching lines, from line 1 of 4]\n3:needle\n4:last\n"
        );
        // The match begins in the second part and ends in the third.
        let found = check(&stored, &json!({"grep": "äneedle", "offset": 2}));
        assert!(found.starts_with("[1 of 1 matching lines, from line 2 of 4]\n2:ää"));
    }

    #[test]
    fn a_search_returns_numbered_lines_from_the_offset_on() {
        let stored = numbered(30);
        assert_eq!(
            check(&stored, &json!({"grep": "^line .?5$"})),
            "[3 of 3 matching lines, from line 1 of 30]\n5:line 5\n15:line 15\n25:line 25\n"
        );
        assert_eq!(
            check(&stored, &json!({"grep": "5", "lines": 1, "offset": 6})),
            "[1 of 3 matching lines, from line 6 of 30; offset 25 goes on]\n15:line 15\n"
        );
        assert_eq!(
            check(&stored, &json!({"grep": "$^"})),
            "[0 of 0 matching lines, from line 1 of 30]\n"
        );
        assert_eq!(
            check("a\n\nb", &json!({"grep": "^$"})),
            "[1 of 1 matching lines, from line 1 of 3]\n2:\n"
        );
        assert!(
            check(&stored, &json!({"grep": "("})).starts_with("error: `grep` is not a regular")
        );
        assert!(check(&stored, &json!({"grep": "(a{1000}){1000}"})).starts_with("error: `grep`"));
    }

    #[test]
    fn a_line_number_is_found_from_the_text_before_it() {
        assert_eq!(line_after(""), 1);
        assert_eq!(line_after("a"), 1);
        assert_eq!(line_after("a\n"), 2);
        assert_eq!(line_after("a\nb"), 2);
        assert_eq!(line_after(&"x".repeat(LINE_CHARS + 1)), 2);
    }
}
