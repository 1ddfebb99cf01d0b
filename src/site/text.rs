//! Texts of the configuration as HTML: escaped first, then given the little form that they have.

use minijinja::{HtmlEscape, Value};

/// A description: paragraphs of its lines, which somebody broke where the file was full; lines that are
/// indented are shown as they are.
pub(super) fn prose(text: &str) -> Value {
    let mut html = String::new();
    for paragraph in text.trim_end().split("\n\n") {
        let mut lines = paragraph.lines().peekable();
        while let Some(first) = lines.next() {
            let is_code = is_indented(first);
            let mut run = vec![first];
            while let Some(line) = lines.next_if(|line| is_indented(line) == is_code) {
                run.push(line);
            }
            if is_code {
                let run: Vec<&str> = run.iter().map(|line| line.trim()).collect();
                html.extend(["<pre>", &escaped(&run.join("\n")), "</pre>\n"]);
            } else {
                html.extend(["<p>", &with_code(&joined(&run)), "</p>\n"]);
            }
        }
    }
    Value::from_safe_string(html)
}

/// Lines as one, but for those that begin an item.
fn joined(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        if !text.is_empty() {
            text.push(if line.starts_with("- ") { '\n' } else { ' ' });
        }
        text.push_str(line);
    }
    text
}

fn is_indented(line: &str) -> bool {
    line.starts_with("  ")
}

/// A sentence: what stands in backticks is code.
pub(super) fn inline(text: &str) -> Value {
    Value::from_safe_string(with_code(text.trim_end()))
}

/// A pattern: the signs of its notation stand back, and the names in it lead to what they stand for
/// where that is on the same page.
pub(super) fn usage(pattern: &str, names: &Value) -> Value {
    let known = |name: &str| {
        names
            .get_item(&Value::from(name))
            .is_ok_and(|it| !it.is_undefined())
    };
    let tokens = pattern.split(' ').map(|token| {
        let bare = token.strip_suffix("...").unwrap_or(token);
        if ["[", "]", "(", ")", "|", "*", "**"].contains(&bare) {
            return format!("<i>{}</i>", escaped(token));
        }
        format!("<b>{}</b>", named(token, &known))
    });
    Value::from_safe_string(tokens.collect::<Vec<_>>().join(" "))
}

/// A line, word by word, so that it breaks between words.
pub(super) fn words(line: &str) -> Value {
    let words = line
        .split(' ')
        .map(|word| format!("<b>{}</b>", escaped(word)));
    Value::from_safe_string(words.collect::<Vec<_>>().join(" "))
}

/// A word of a pattern, with links for the `<name>`s in it.
fn named(token: &str, known: &impl Fn(&str) -> bool) -> String {
    let mut html = String::new();
    let mut rest = token;
    while let Some((before, after)) = rest.split_once('<') {
        html.push_str(&escaped(before));
        let name = after.split_once('>').filter(|(name, _)| known(name));
        rest = if let Some((name, after)) = name {
            let name = escaped(name);
            html.extend(["<a href=\"#name-", &name, "\">&lt;", &name, "&gt;</a>"]);
            after
        } else {
            html.push_str("&lt;");
            after
        };
    }
    html + &escaped(rest)
}

fn with_code(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, code, after)) = quoted(rest) {
        html.extend([&escaped(before), "<code>", &escaped(code), "</code>"]);
        rest = after;
    }
    html + &escaped(rest)
}

/// The text before, in and behind the first pair of backticks.
fn quoted(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

/// Text that is text in any place of a page.
pub(super) fn escaped(text: &str) -> String {
    HtmlEscape(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_indented_ones_kept_and_all_of_them_are_text() {
        let text =
            "Reads `a<b>` of\nit - so.\n- x\n\nExamples:\n  [\"get\", \"<x>\"]\n  [\"top\"]\n";
        assert_eq!(
            prose(text).to_string(),
            "<p>Reads <code>a&lt;b&gt;</code> of it - so.\n- x</p>\n<p>Examples:</p>\n<pre>[&quot;get&quot;, \
             &quot;&lt;x&gt;&quot;]\n[&quot;top&quot;]</pre>\n"
        );
        assert_eq!(inline("a ` b & <c>").to_string(), "a ` b &amp; &lt;c&gt;");
    }

    #[test]
    fn a_name_leads_to_what_it_stands_for_where_that_is_shown() {
        let names = Value::from_pairs([("ns", "x")]);
        assert_eq!(
            usage("[ -n=<ns> | <o.x> ]... a>b", &names).to_string(),
            "<i>[</i> <b>-n=<a href=\"#name-ns\">&lt;ns&gt;</a></b> <i>|</i> <b>&lt;o.x&gt;</b> <i>]...</i> <b>a&gt;b</b>"
        );
    }
}
