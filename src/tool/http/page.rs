//! A page as Markdown: what a reader came for, with its links, without what surrounds it.
//!
//! The page is a stranger's, and a writer that recurses ends the process. So it is read within bounds
//! (`tree`), and cut at a depth, before anything walks it.

mod tree;

use std::time::Duration;

use dom_query::{Document, NodeRef};
use reqwest::Url;

use tree::parse;

/// Quotes and lists within each other. Each shifts every line within it, so that many would make a
/// large text of a small one.
const MAX_SHIFT: usize = 8;

/// What a page may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Nodes of its tree. The longest pages of the documentation sites that an operator reads have
    /// some ten thousand.
    pub(super) nodes: usize,
    /// Elements within each other; browsers stop at 512.
    pub(super) depth: usize,
    /// For reading it.
    pub(super) time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            nodes: 300_000,
            depth: 128,
            time: Duration::from_secs(2),
        }
    }
}

/// A page that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The Markdown.
    pub(super) text: String,
    /// Whether a bound left something of it out.
    pub(super) cut: bool,
}

/// Turns a page into Markdown; `address` is where it came from, for its links.
pub(super) fn markdown(html: &str, address: &Url, bounds: Bounds) -> Page {
    let (page, mut cut) = parse(html, bounds);
    let base = base(&page, address);
    let title = page.select("head > title").text();
    cut |= tidy(&page.root(), &base, bounds.depth);
    let main = page.select("[role=main]");
    let text = match main.nodes() {
        [main] => main.md(None),
        _ => String::new().into(),
    };
    // What calls itself the main part may be empty until a script has run.
    let text = if text.trim().is_empty() {
        page.md(None)
    } else {
        text
    };
    let (title, text) = (title.trim(), text.trim());
    let headed = text.lines().any(|line| line.starts_with("# "));
    let text = if headed || title.is_empty() {
        text.to_owned()
    } else {
        let title: Vec<&str> = title.split_whitespace().collect();
        format!("# {}\n\n{text}", title.join(" "))
    };
    Page { text, cut }
}

/// What links are seen from.
fn base(page: &Document, address: &Url) -> Url {
    page.base_uri()
        .and_then(|base| address.join(&base).ok())
        .filter(|base| base.scheme() == "https")
        .unwrap_or_else(|| address.clone())
}

/// Removes what nobody reads and what lies too deep, and completes links. Tells whether anything lay
/// too deep.
fn tidy(root: &NodeRef<'_>, base: &Url, depth: usize) -> bool {
    let mut cut = false;
    let mut open = vec![(*root, 0, 0)];
    while let Some((node, at, shifted)) = open.pop() {
        for child in node.children() {
            if !child.is_element() {
                continue;
            }
            let deep = at >= depth;
            if deep || is_noise(&child) {
                child.remove_from_parent();
                cut |= deep;
                continue;
            }
            complete(&child, base);
            plain(&child);
            let mut shift = shifted;
            if ["blockquote", "ul", "ol"]
                .iter()
                .any(|name| child.has_name(name))
            {
                shift += 1;
                if shift > MAX_SHIFT {
                    child.rename("div");
                }
            }
            open.push((child, at + 1, shift));
        }
    }
    cut
}

/// What is not for reading, or is on every page of a site.
fn is_noise(element: &NodeRef<'_>) -> bool {
    const NAMES: [&str; 20] = [
        "script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object",
        "embed", "audio", "video", "nav", "footer", "button", "input", "select", "textarea",
        "dialog", "link",
    ];
    const ROLES: [&str; 5] = ["navigation", "search", "banner", "contentinfo", "dialog"];
    const CLASSES: [&str; 4] = ["headerlink", "hash-link", "anchorjs-link", "skip-link"];
    let name = element.node_name().unwrap_or_default();
    let role = element.attr("role").unwrap_or_default();
    NAMES.contains(&&*name)
        || ROLES.contains(&&*role)
        || CLASSES.iter().any(|class| element.has_class(class))
        || element.has_attr("hidden")
        || &*element.attr_or("aria-hidden", "") == "true"
}

/// Calls blocks what Markdown has no word for, so that the words of two of them stay apart.
fn plain(element: &NodeRef<'_>) {
    const BLOCKS: [&str; 10] = [
        "aside",
        "header",
        "figure",
        "figcaption",
        "details",
        "summary",
        "address",
        "dt",
        "dd",
        "form",
    ];
    let name = element.node_name().unwrap_or_default();
    if &*name == "main" {
        element.set_attr("role", "main");
        element.rename("div");
    } else if BLOCKS.contains(&&*name) {
        element.rename("div");
    }
}

/// Makes the address of a link whole, so that it can be asked for; what is no address of the web is
/// only text.
fn complete(element: &NodeRef<'_>, base: &Url) {
    for name in ["href", "src"] {
        let Some(written) = element.attr(name) else {
            continue;
        };
        match base.join(written.trim()) {
            Ok(url) if matches!(url.scheme(), "https" | "http" | "mailto") => {
                element.set_attr(name, url.as_str());
            }
            _ => element.remove_attr(name),
        }
    }
    if element.has_name("img") && !element.has_attr("src") {
        element.remove_from_parent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        let address = Url::parse("https://docs.example.org/guide/page.html?x=1").unwrap();
        markdown(html, &address, Bounds::default())
    }

    fn text(html: &str) -> String {
        let page = page(html);
        assert!(!page.cut);
        page.text
    }

    #[test]
    fn a_page_is_its_text_and_its_links() {
        let html = include_str!("tests/page.html");
        insta::assert_snapshot!(text(html), @r"
        # Snapshots

        A *snapshot* is the state of a [volume](https://docs.example.org/guide/volume.html#what) at **one point** in time; see also [backups](https://example.net/backup).

        Note: it is no backup.

        ## Create one

        1. Open the `Volume` tab.
        2. Or apply this:
           ```yaml
           apiVersion: longhorn.io/v1beta2
           kind: Snapshot
           spec:
             volume: data # which one
           ```


        | Field | Meaning |
        | ----- | ------- |
        | `volume` | its name |
        | `labels` | a \| b |

        ![The tab](https://docs.example.org/img/tab.png)
        ");
    }

    #[test]
    fn links_are_seen_from_the_page_or_its_base() {
        let links = "<a href='a'>1</a> <a href='/b?c'>2</a> <a href='#d'>3</a> \
                     <a href='//e.org/'>4</a> <a href='javascript:alert(1)'>5</a> \
                     <a href='data:text/html,x'>6</a> <a href='mailto:a@b.org'>7</a> <a>8</a>";
        insta::assert_snapshot!(text(links), @"[1](https://docs.example.org/guide/a) [2](https://docs.example.org/b?c) [3](https://docs.example.org/guide/page.html?x=1#d) [4](https://e.org/) 5 6 [7](mailto:a@b.org) 8");
        let based = format!("<base href='../v2/'>{links}");
        insta::assert_snapshot!(text(&based), @"[1](https://docs.example.org/v2/a) [2](https://docs.example.org/b?c) [3](https://docs.example.org/v2/#d) [4](https://e.org/) 5 6 [7](mailto:a@b.org) 8");
        let elsewhere = "<base href='http://127.0.0.1/'><a href='a'>1</a>";
        insta::assert_snapshot!(text(elsewhere), @"[1](https://docs.example.org/guide/a)");
    }

    #[test]
    fn a_main_part_that_is_empty_is_not_taken_for_the_page() {
        assert_eq!(text("<main><div></div></main><p>here"), "here");
        assert_eq!(text("<p>before<main><p>here</main><p>after"), "here");
        assert_eq!(text("<main>one</main><main>two</main>"), "one\n\ntwo");
        assert_eq!(text("<p>menu<div role=main>here</div>"), "here");
    }

    #[test]
    fn what_stands_apart_stays_apart() {
        let html = "<dl><dt>name<dd>a word<dt>size<dd>a number</dl>\
                    <details><summary>More</summary>of it</details>\
                    <figure>drawing<figcaption>what it shows</figcaption></figure>";
        insta::assert_snapshot!(text(html), @"
        name

        a word

        size

        a number

        More

        of it

        drawing

        what it shows
        ");
    }

    #[test]
    fn a_title_stands_above_a_page_without_a_heading() {
        assert_eq!(text("<title> A\n page </title><p>x"), "# A page\n\nx");
        assert_eq!(text("<title>A page</title><h1>Own</h1>x"), "# Own\n\nx");
    }

    #[test]
    fn a_page_made_to_be_expensive_is_cut() {
        let deep = [
            "<div>",
            "<ul><li>",
            "<blockquote>",
            "<b>",
            "<table><tr><td>",
            "<font>",
        ];
        for tag in deep {
            let page = page(&format!("<p>start</p>{}end", tag.repeat(1_000)));
            assert!(page.cut, "{tag}");
            assert!(page.text.starts_with("start"), "{tag}");
            assert!(page.text.len() < 100_000, "{tag}");
        }
        // Left to itself the parser takes minutes for this.
        assert!(page(&"<div>".repeat(200_000)).cut);
    }

    #[test]
    fn a_page_made_to_be_large_is_not() {
        for tag in ["<blockquote>", "<ul><li>", "<ol start=999999999><li>"] {
            let html = format!("{}{}", tag.repeat(30), "<p>x</p>".repeat(1_000));
            let page = page(&html);
            assert!(page.text.contains('x'));
            assert!(
                page.text.len() < 10 * html.len(),
                "{tag} {}",
                page.text.len()
            );
        }
    }

    #[test]
    fn a_bound_on_time_ends_the_reading() {
        let address = Url::parse("https://docs.example.org/").unwrap();
        let bounds = Bounds {
            time: Duration::ZERO,
            ..Bounds::default()
        };
        let page = markdown(&"<p>word</p>".repeat(1_000), &address, bounds);
        assert!(page.cut);
        assert!(page.text.starts_with("word\n\nword"));
        assert!(page.text.len() < 1_000, "{}", page.text.len());
    }
}
