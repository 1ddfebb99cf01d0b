//! What each code of a finding means: its page in `docs/codes/`, as `validate --explain` prints it
//! and the other formats quote it.
//!
//! A page begins `# CODE`, and its first paragraph is the severity in bold and one sentence:
//! `**Error.** A key is not known.` Every code has a page and every page a code; the tests of the
//! pages say what to write when one is missing.

use crate::diagnostic::{listed, nearest};

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
    "additional-properties"
    "bad-address"
    "bad-base64"
    "bad-case"
    "bad-default"
    "bad-digest"
    "bad-duration"
    "bad-environment"
    "bad-fingerprint"
    "bad-host"
    "bad-json-schema"
    "bad-name"
    "bad-program"
    "bad-prompt-call"
    "bad-script"
    "bad-template"
    "bad-url"
    "case-fails"
    "case-rule"
    "case-without-rule"
    "computed-include"
    "computed-program"
    "covered-deny"
    "duplicate-acknowledgement"
    "duplicate-caller"
    "duplicate-key"
    "duplicate-rule"
    "duplicate-step"
    "empty-file"
    "empty-policy"
    "empty-rules"
    "empty-text"
    "file-twice"
    "flag-before-dropped"
    "flag-forms"
    "host-environment"
    "host-folder"
    "host-program"
    "host-sandbox"
    "host-secret"
    "identical-rules"
    "idle-allow"
    "idle-invariant"
    "idle-rule"
    "import-circle"
    "input-in-script"
    "invariant-undecided"
    "invariant-violated"
    "lint-undone"
    "list-in-text"
    "look-alike"
    "loose-dash"
    "matches-nothing"
    "method-writes"
    "misplaced-name"
    "missing-allow"
    "missing-case"
    "missing-file"
    "missing-include"
    "missing-key"
    "missing-prompt"
    "no-approver"
    "not-a-file"
    "not-a-folder"
    "not-enforced-yet"
    "not-one-word"
    "not-utf8"
    "nothing-to-check"
    "out-of-range"
    "parameter-type"
    "pattern-back-reference"
    "pattern-bad-expression"
    "pattern-bad-name"
    "pattern-class-word"
    "pattern-count"
    "pattern-empty"
    "pattern-empty-alternative"
    "pattern-glued-bracket"
    "pattern-glued-repeat"
    "pattern-idle-max"
    "pattern-max-place"
    "pattern-name-cycle"
    "pattern-name-taken"
    "pattern-nothing-to-repeat"
    "pattern-part-in-word"
    "pattern-space-in-word"
    "pattern-too-large"
    "pattern-unclosed-bracket"
    "pattern-unknown-name"
    "pattern-unopened-bracket"
    "pattern-written-anchor"
    "permission-widened"
    "prompt-fails"
    "redacts-nothing"
    "reserved-name"
    "rule-not-tested"
    "secret-in-file"
    "selector-not-for-all"
    "selects-nothing"
    "shared-token"
    "swallowing-allow"
    "too-deep"
    "too-large"
    "too-many-files"
    "too-many-names"
    "two-documents"
    "undecided-difference"
    "unexpected-file"
    "unknown-filter"
    "unknown-key"
    "unknown-name"
    "unknown-parameter"
    "unknown-role"
    "unknown-rule"
    "unknown-test"
    "unknown-tool"
    "unknown-value"
    "unquoted-scalar"
    "unquoted-template"
    "unreadable-file"
    "unused-acknowledgement"
    "unused-argument"
    "unused-name"
    "unused-prompt"
    "word-after-splice"
    "wrong-type"
    "yaml-alias"
    "yaml-key"
    "yaml-syntax"
    "yaml-tab"
    "yaml-tag"
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

/// The way out for a code that has no page: the one that was probably meant, those with that word in
/// them, or only the list of all.
pub(crate) fn way_out(code: &str) -> String {
    let all = "`tolkien validate --explain` lists all codes";
    let codes = || PAGES.iter().map(Page::code);
    if let Some(near) = nearest(code, codes()) {
        return format!("did you mean `{near}`? {all}");
    }
    let words = || codes().flat_map(|known| known.split('-'));
    let is_whole = words().any(|word| word == code);
    let typo = (!is_whole && code.len() > 4).then(|| nearest(code, words()));
    let meant = typo.flatten().unwrap_or(code);
    let has_it = |known: &&str| known.split('-').any(|word| word.starts_with(meant));
    let alike: Vec<&str> = codes().filter(has_it).collect();
    match alike.as_slice() {
        [] => all.to_owned(),
        [one] => format!("did you mean `{one}`? {all}"),
        several => format!(
            "there are {}; {all}",
            listed(several.iter().copied(), "and")
        ),
    }
}
