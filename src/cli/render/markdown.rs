//! Markdown of an answer, laid out for a terminal.
//!
//! The text comes from a model, so whatever could drive the terminal is taken out first; links show
//! where they lead, since hidden targets are how text deceives.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::paint::{Paint, Tone, harmless};
use super::table::table;

/// Lays a text out; it ends in one line end.
pub(crate) fn render(text: &str, paint: Paint) -> String {
    let text = harmless(text);
    let mut page = Page::new(paint);
    for event in Parser::new_ext(
        &text,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
    ) {
        page.event(event);
    }
    page.text.trim_end().to_owned() + "\n"
}

/// The page so far, and what is open on it.
struct Page {
    paint: Paint,
    text: String,
    /// What each open block puts before its lines.
    margins: Vec<String>,
    tones: Vec<Tone>,
    /// The next number of each open list; absent for bullets.
    lists: Vec<Option<u64>>,
    /// Where each open link leads, and where its text begins.
    links: Vec<(String, usize)>,
    /// The rows of an open table.
    rows: Option<Vec<Vec<String>>>,
    /// Whether the next block of an item stands on its marker's line.
    after_marker: bool,
}

impl Page {
    fn new(paint: Paint) -> Self {
        Self {
            paint,
            text: String::new(),
            margins: Vec::new(),
            tones: Vec::new(),
            lists: Vec::new(),
            links: Vec::new(),
            rows: None,
            after_marker: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) => self.write(&text),
            Event::Code(code) => {
                self.tones.push(Tone::Code);
                if self.paint.is_coloured() {
                    self.write(&code);
                } else {
                    self.write(&format!("`{code}`"));
                }
                self.tones.pop();
            }
            Event::SoftBreak | Event::HardBreak => self.line_end(),
            Event::Rule => {
                self.block();
                self.write("────────");
            }
            other => {
                if let Event::Html(text) | Event::InlineHtml(text) = other {
                    self.write(&text);
                }
            }
        }
    }

    fn open(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.block(),
            Tag::Heading { .. } => {
                self.block();
                self.tones.push(Tone::Strong);
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.after_marker = true;
                self.text.push_str("│ ");
                self.margins.push("│ ".to_owned());
            }
            Tag::CodeBlock(kind) => self.open_code(&kind),
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.block();
                }
                self.lists.push(first);
            }
            Tag::Item => self.open_item(),
            Tag::Emphasis => self.tones.push(Tone::Emphasis),
            Tag::Strong => self.tones.push(Tone::Strong),
            Tag::Strikethrough => self.tones.push(Tone::Faint),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.into_string(), self.text.len()));
            }
            Tag::Table(_) => {
                self.block();
                self.rows = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => {
                self.rows.get_or_insert_default().push(Vec::new());
            }
            Tag::TableCell => {
                if let Some(row) = self.rows.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(String::new());
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.tones.pop();
            }
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.margins.pop();
                self.after_marker = false;
            }
            TagEnd::CodeBlock => {
                self.tones.pop();
                self.margins.pop();
                while self.text.ends_with([' ', '\n']) {
                    self.text.pop();
                }
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Link | TagEnd::Image => self.close_link(),
            TagEnd::Table => self.close_table(),
            _ => {}
        }
    }

    fn open_code(&mut self, kind: &CodeBlockKind<'_>) {
        self.block();
        if let CodeBlockKind::Fenced(language) = kind
            && !language.is_empty()
        {
            self.tones.push(Tone::Faint);
            self.write(language);
            self.tones.pop();
            self.margins.push("  ".to_owned());
            self.line_end();
        } else {
            self.margins.push("  ".to_owned());
            self.text.push_str("  ");
        }
        self.tones.push(Tone::Code);
    }

    fn open_item(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') && !self.after_marker {
            self.line_end();
        }
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "• ".to_owned(),
        };
        self.margins.push(" ".repeat(marker.chars().count()));
        self.text.push_str(&marker);
        self.after_marker = true;
    }

    /// Opens a block: on its marker's line, or after an empty line.
    fn block(&mut self) {
        if std::mem::take(&mut self.after_marker) || self.text.is_empty() {
            return;
        }
        if self.lists.is_empty() {
            let margin = self.margins.concat();
            self.text.push('\n');
            self.text.push_str(margin.trim_end());
        }
        self.line_end();
    }

    fn line_end(&mut self) {
        self.text.push('\n');
        let margin = self.margins.concat();
        self.text.push_str(&margin);
    }

    fn write(&mut self, text: &str) {
        if let Some(cell) = self
            .rows
            .as_mut()
            .and_then(|rows| rows.last_mut())
            .and_then(|row| row.last_mut())
        {
            cell.push_str(text);
            return;
        }
        self.after_marker = false;
        let tone = self.tones.last().copied();
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.line_end();
            }
            match tone {
                Some(tone) => self.text.push_str(&self.paint.tone(tone, line)),
                None => self.text.push_str(line),
            }
        }
    }

    fn close_link(&mut self) {
        let Some((target, starts_at)) = self.links.pop() else {
            return;
        };
        let shown = self.text.get(starts_at..).unwrap_or_default();
        if shown != target {
            self.tones.push(Tone::Faint);
            self.write(&format!(" ({target})"));
            self.tones.pop();
        }
    }

    fn close_table(&mut self) {
        let mut rows = self.rows.take().unwrap_or_default().into_iter();
        let head = rows.next().unwrap_or_default();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let laid_out = table(&head, rows);
        self.write(laid_out.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_laid_out_as_its_author_meant() {
        let text = "# Finding\n\nThe pod **web** is *down*, see `logs`:\n\n\
                    1. first\n2. second\n   - inner\n\n\
                    ```sh\nkubectl get pods\n  -A\n```\n\n\
                    > quoted\n> twice\n\n\
                    [docs](https://example.org) <https://example.org>\n\n\
                    | a | b |\n|---|---|\n| 1 | two |\n\n---\nend";
        insta::assert_snapshot!(render(text, Paint::plain()), @r"
        Finding

        The pod web is down, see `logs`:

        1. first
        2. second
           • inner

        sh
          kubectl get pods
            -A

        │ quoted
        │ twice

        docs (https://example.org) https://example.org

        a  b
        1  two

        ────────

        end
        ");
    }

    #[test]
    fn a_model_cannot_drive_the_terminal() {
        assert_eq!(
            render("a\u{1b}]0;title\u{7}b `\u{1b}[2J`", Paint::plain()),
            "a]0;titleb `[2J`\n"
        );
    }
}
