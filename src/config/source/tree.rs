//! What a root is read from, seen as folders of files: the one thing that every origin is made to
//! look like, so that the same files give the same findings and the same revision.

use std::fmt;
use std::path::Path;

use crate::config::RootError;
use crate::diagnostic::{Diagnostic, Place, Source};

/// The names in a folder with what it takes to read each: sorted, the hidden ones left out.
pub(super) type Names<At> = Vec<(String, At)>;

/// Something that holds the files of a root.
pub(super) trait Tree: fmt::Debug {
    /// What it takes to read one of its files or folders.
    type At;

    /// What is in it.
    fn top(&self) -> Result<Names<Self::At>, RootError>;

    /// What is in a folder of it; absent when that is no folder.
    fn below(&self, at: &Self::At) -> Result<Option<Names<Self::At>>, RootError>;

    /// A file's bytes.
    fn file(&self, at: &Self::At) -> Result<Vec<u8>, Unread>;

    /// A file that the settings name, relative to the root.
    fn find(&self, name: &Path) -> Option<Self::At>;

    /// Where findings on a whole file are.
    fn place(&self, _at: &Self::At, shown: &str) -> Place {
        Place::file(shown)
    }

    /// A file's text with the places that it has where it comes from.
    fn placed(&self, _at: &Self::At, text: Source) -> Source {
        text
    }

    /// The files that all places are in, where they hold the files of the root inside them.
    fn outer(&self) -> &[Source] {
        &[]
    }

    /// Where a finding is that is about nothing in those files; absent when it names what is missing.
    fn home(&self) -> Option<Place> {
        None
    }

    /// The finding on a root without any file.
    fn nothing(&self) -> Diagnostic {
        Diagnostic::error(
            "nothing-to-check",
            Place::file("tools.d"),
            "there is no configuration here: no settings, no tool, no policy, no prompt",
        )
        .help("name the folder that holds `tools.d`, or start one with `tolkien init`")
    }
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) enum Unread {
    /// In the system's words.
    Refused(String),
    /// What is wrong with it was reported where it was found.
    Told,
    /// It is a folder, or something else that holds no text.
    NotAFile,
    /// It has too many bytes.
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many are read.
        most: usize,
    },
}

impl Unread {
    /// The finding on a file of this name; absent when there was one.
    pub(super) fn finding(self, shown: &str, place: Place) -> Option<Diagnostic> {
        let (code, message, help) = match self {
            Self::Told => return None,
            Self::Refused(why) => (
                "unreadable-file",
                format!("`{shown}` cannot be read: {why}"),
                "look at its permissions, and where it leads if it is a link",
            ),
            Self::NotAFile => (
                "not-a-file",
                format!("`{shown}` is not a file"),
                "a configuration holds files only; remove it, or give it another ending",
            ),
            Self::TooLarge { bytes, most } => (
                "too-large",
                format!("this file has {bytes} bytes, and at most {most} are read"),
                "a ConfigMap, the whole of it, holds no more than 1 MiB",
            ),
        };
        Some(Diagnostic::error(code, place, message).help(help))
    }
}

/// What is still asked of a tree when its files are sorted.
pub(super) trait Shelf: fmt::Debug {
    /// See [`Tree::outer`].
    fn outer(&self) -> &[Source];

    /// See [`Tree::home`].
    fn home(&self) -> Option<Place>;

    /// See [`Tree::nothing`].
    fn nothing(&self) -> Diagnostic;

    /// Reads another file that the settings name, such as a script; `named` is where they do. Absent
    /// when it cannot be read.
    fn read(
        &self,
        name: &Path,
        named: Option<&Place>,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Source>;
}

impl<T: Tree> Shelf for T {
    fn outer(&self) -> &[Source] {
        Tree::outer(self)
    }

    fn home(&self) -> Option<Place> {
        Tree::home(self)
    }

    fn nothing(&self) -> Diagnostic {
        Tree::nothing(self)
    }

    fn read(
        &self,
        name: &Path,
        named: Option<&Place>,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Source> {
        let shown = name.display().to_string();
        let Some(at) = self.find(name) else {
            let file = || Place::file(shown.as_str());
            let place = named.cloned().unwrap_or_else(file);
            found.push(
                Diagnostic::error("missing-file", place, format!("there is no file `{shown}`"))
                    .help("write its path relative to the configuration's folder"),
            );
            return None;
        };
        let bytes = match self.file(&at) {
            Ok(bytes) => bytes,
            Err(why) => {
                found.extend(why.finding(&shown, self.place(&at, &shown)));
                return None;
            }
        };
        let (text, wrong) = decode(&shown, bytes);
        let text = self.placed(&at, text);
        if let Some(byte) = wrong {
            found.push(not_utf8(&text, byte));
            return None;
        }
        Some(text)
    }
}

/// A file's text, without the mark that some editors put first; of a file that is none, what can be
/// shown of it and its first wrong byte.
pub(super) fn decode(shown: &str, bytes: Vec<u8>) -> (Source, Option<usize>) {
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            (Source::new(shown, text), None)
        }
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (Source::new(shown, text), Some(valid))
        }
    }
}

/// The finding on a text that is none.
pub(super) fn not_utf8(text: &Source, byte: usize) -> Diagnostic {
    let place = text.place(byte..byte);
    Diagnostic::error("not-utf8", place, "this file is not UTF-8 text")
        .help("save it as UTF-8; the first wrong byte stands here")
}
