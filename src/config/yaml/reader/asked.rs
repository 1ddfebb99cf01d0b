//! Which mappings were read with which keys, for the test that holds the schemas against them.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// What a mapping is called in findings, and the keys that it knows.
pub(crate) type Asked = BTreeSet<(String, BTreeSet<String>)>;

thread_local! {
    static ASKED: RefCell<Asked> = const { RefCell::new(BTreeSet::new()) };
}

/// Remembers a mapping that is read.
pub(super) fn remember(what: &str, known: &[&str]) {
    let known = known.iter().map(|key| (*key).to_owned()).collect();
    ASKED.with_borrow_mut(|asked| asked.insert((what.to_owned(), known)));
}

/// Everything that this thread has read since it was last asked.
pub(crate) fn take() -> Asked {
    ASKED.take()
}
