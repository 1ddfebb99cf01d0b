//! What each code of a finding means: its page in `docs/codes/`, as `validate --explain` prints it
//! and the other formats quote it.
//!
//! A page begins `# CODE`, and its first paragraph is the severity in bold and one sentence:
//! `**Error.** A key is not known.` Every code has a page and every page a code; the tests of the
//! pages say what to write when one is missing.

use crate::diagnostic::suggestion;

/// The page of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    code: &'static str,
    text: &'static str,
}

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(Page {
            code: $code,
            text: include_str!(concat!("../../docs/codes/", $code, ".md")),
        }),*]
    };
}

/// Every page, by code.
const PAGES: &[Page] = pages! {
    "unknown-key"
};

impl Page {
    /// The code.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The page, in Markdown.
    pub(crate) fn text(&self) -> &'static str {
        self.text
    }

    /// The one sentence that says what is wrong.
    pub(crate) fn summary(&self) -> &'static str {
        self.opening().1
    }

    /// `Error`, `Warning`, or both.
    pub(crate) fn severity(&self) -> &'static str {
        self.opening().0
    }

    fn opening(&self) -> (&'static str, &'static str) {
        let paragraph = self.text.split("\n\n").nth(1).unwrap_or_default();
        paragraph
            .strip_prefix("**")
            .and_then(|rest| rest.split_once(".** "))
            .unwrap_or(("", paragraph))
    }
}

/// The page of a code.
pub(crate) fn page(code: &str) -> Option<Page> {
    let at = PAGES.binary_search_by(|page| page.code.cmp(code)).ok()?;
    PAGES.get(at).copied()
}

/// All pages, by code.
pub(crate) fn pages() -> &'static [Page] {
    PAGES
}

/// The way out for a code that has no page.
pub(crate) fn nearest(code: &str) -> String {
    suggestion(code, PAGES.iter().map(Page::code), "the codes are")
}
