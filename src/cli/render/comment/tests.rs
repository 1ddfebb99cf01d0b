//! Comments as a reader of GitHub's Markdown takes them.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;

/// The cells of the only table, as text; anything else that the Markdown makes is told.
fn cells(markdown: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::TableCell) => cells.push(String::new()),
            Event::Text(text) | Event::Code(text) => {
                cells.last_mut().ok_or("text outside")?.push_str(&text);
            }
            Event::InlineHtml(html) if ["<code>", "</code>"].contains(&&*html) => {}
            Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow)
            | Event::End(
                TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow | TagEnd::TableCell,
            ) => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(cells)
}

fn table(cell: &str) -> String {
    format!("| a | b |\n| --- | --- |\n| {cell} | end |\n")
}

#[test]
fn what_the_operator_wrote_is_code_and_the_sentence_around_it_is_text() {
    assert_eq!(
        sentence("`efect` is not a key of @team's <tool>"),
        "`efect` is not a key of @\u{200b}team's &lt;tool&gt;"
    );
    assert_eq!(sentence("`a|b` and `"), "<code>a&#124;b</code> and \\`");
    assert_eq!(code("a\nb"), "`a b`");
}

#[test]
fn a_part_that_does_not_fit_is_counted_and_so_is_all_behind_it() {
    let mut comment = Comment::new("head\n");
    for _ in 0..100 {
        comment.part(&"é".repeat(1_000));
    }
    comment.part("short");
    assert!(comment.is_full());
    let text = comment.finish(|left_out| format!("{left_out} left out"));
    assert!(text.chars().count() <= LONGEST);
    assert!(text.ends_with("é42 left out"), "{}", text.chars().count());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in a file, a sentence about it stays in its cell and shows it.
    #[test]
    fn no_text_leaves_its_cell(text in "[ -~é\u{200b}\n\r\t]{0,60}|[`|\\\\<>*_\\[\\]&;#a ]{0,30}") {
        for cell in [sentence(&text), code(&text)] {
            let cells = cells(&table(&cell)).map_err(TestCaseError::fail)?;
            prop_assert_eq!(cells.len(), 4, "{}", cell);
            let squeezed = |text: &str| -> String {
                text.chars().filter(|c| !c.is_whitespace() && !"`\u{200b}".contains(*c)).collect()
            };
            prop_assert_eq!(squeezed(&cells[2]), squeezed(&harmless(&text)), "{}", cell);
            prop_assert_eq!(&cells[3], "end");
        }
    }
}
