//! The tree of a page, read within bounds.
//!
//! A parser of HTML takes time that grows with the square of the nesting and of a tag's attributes,
//! and can be made to repeat elements, attributes and all, without end (the standard's formatting
//! elements). So it is fed piece by piece, and nothing goes into the tree that nobody reads.

use std::time::Instant;

use dom_query::{Document, NodeId};
use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tokenizer::{Tag, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink as _};

use super::Bounds;

/// Bytes of the page between two looks at the bounds: some hundred tags, each of which may cost as
/// much as all that came before.
const PIECE: usize = 512;

/// Attributes that mean something to a reader.
const READ: [&str; 12] = [
    "href",
    "src",
    "alt",
    "title",
    "class",
    "role",
    "hidden",
    "aria-hidden",
    "start",
    "value",
    "data-lang",
    "data-language",
];

/// Bytes of an attribute that is read: what is longer is a picture or a program.
const MAX_ATTRIBUTE: usize = 4096;

/// Reads as much of a page as the bounds allow, and tells whether that was not all.
pub(super) fn parse(html: &str, bounds: Bounds) -> (Document, bool) {
    let options = TreeBuilderOpts {
        scripting_enabled: false,
        ..TreeBuilderOpts::default()
    };
    let builder = TreeBuilder::new(Document::default(), options);
    let parser = Tokenizer::new(Sieve(builder), TokenizerOpts::default());
    let input = BufferQueue::default();
    let began = Instant::now();
    let mut rest = html;
    let mut cut = false;
    while !rest.is_empty() && !cut {
        let (piece, left) = rest.split_at(rest.floor_char_boundary(PIECE));
        input.push_back(piece.into());
        while !matches!(parser.feed(&input), TokenizerResult::Done) {}
        rest = left;
        let nodes = parser.sink.0.sink.tree.len();
        cut = !rest.is_empty() && (nodes > bounds.nodes || began.elapsed() > bounds.time);
    }
    parser.end();
    (parser.sink.0.sink.finish(), cut)
}

/// Lets only what is read of a page into its tree.
struct Sieve(TreeBuilder<NodeId, Document>);

impl TokenSink for Sieve {
    type Handle = NodeId;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<NodeId> {
        let token = match token {
            Token::CommentToken(_) | Token::ParseError(_) => return TokenSinkResult::Continue,
            Token::TagToken(tag) => Token::TagToken(sieved(tag)),
            other => other,
        };
        self.0.process_token(token, line)
    }

    fn end(&self) {
        self.0.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        (self.0).adjusted_current_node_present_but_not_in_html_namespace()
    }
}

fn sieved(mut tag: Tag) -> Tag {
    tag.attrs.retain(|attribute| {
        READ.contains(&&*attribute.name.local) && attribute.value.len() <= MAX_ATTRIBUTE
    });
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(html: &str) -> usize {
        parse(html, Bounds::default()).0.tree.len()
    }

    #[test]
    fn what_nobody_reads_is_not_in_the_tree() {
        let long = "x".repeat(MAX_ATTRIBUTE + 1);
        let html =
            format!("<p onclick=a class=b data-c=d><!-- e --><a href='{long}' title=f>g</a>");
        let (tree, cut) = parse(&html, Bounds::default());
        assert!(!cut);
        assert_eq!(
            tree.select("body").inner_html().as_ref(),
            r#"<p class="b"><a title="f">g</a></p>"#
        );
    }

    #[test]
    fn a_paragraph_does_not_reopen_all_that_stood_before_it() {
        let words: Vec<String> = (0..1_000).map(|n| format!("<b a{n}>")).collect();
        let words = words.concat();
        let paragraphs = "<p>x</p>".repeat(1_000);
        // Three of a kind (the standard's Noah's Ark clause), and the paragraph with its text.
        let most = 1_000 + 5 * 1_000 + 100;
        let all = nodes(&format!("<p>{words}</p>{paragraphs}"));
        assert!(all < most, "{all}");
    }

    #[test]
    fn a_page_is_read_until_it_has_too_many_elements() {
        let bounds = Bounds {
            nodes: 1_000,
            ..Bounds::default()
        };
        let (tree, cut) = parse(&"<p>x".repeat(100_000), bounds);
        assert!(cut);
        assert!(
            (1_000..2_000).contains(&tree.tree.len()),
            "{}",
            tree.tree.len()
        );
        let (_, cut) = parse(&"<p>x".repeat(400), bounds);
        assert!(!cut);
    }

    #[test]
    fn a_page_is_whole_however_it_falls_into_pieces() {
        for before in 0..PIECE {
            let html = format!("{}<p title='é'>ü &amp; <b>€</b>", " ".repeat(before));
            let (tree, cut) = parse(&html, Bounds::default());
            assert!(!cut);
            let body = tree.select("body").inner_html();
            assert_eq!(body.as_ref(), "<p title=\"é\">ü &amp; <b>€</b></p>");
        }
    }
}
