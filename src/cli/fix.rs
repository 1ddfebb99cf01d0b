//! `validate --fix`: applies the fixes that cannot change what was meant, and writes the files.
//!
//! A fix that touches another one's place waits for the next look at the file, and one that would
//! leave a file unreadable is not applied. A file is replaced whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::failure::{Failure, Result};
use crate::config::{Loaded, is_readable};
use crate::diagnostic::{Diagnostic, Fix, Source};

/// More looks at the files than this find nothing new: each fix makes its finding go away.
const MOST_ROUNDS: usize = 10;

/// What was done, and what the configuration is like now.
pub(crate) struct Mended {
    /// The configuration as it is now.
    pub(crate) loaded: Loaded,
    /// How many findings were mended.
    pub(crate) fixed: usize,
    /// The files that were written.
    pub(crate) files: BTreeSet<String>,
    /// Files with fixes that were left alone, and why.
    pub(crate) left_alone: BTreeSet<String>,
}

/// Mends a folder as far as it goes; `load` looks at it again.
pub(crate) fn mend(root: &Path, load: impl Fn() -> Result<Loaded>) -> Result<Mended> {
    if root.join("..data").exists() {
        return Err(Failure::usage(format!(
            "`{}` is a mounted ConfigMap, which nobody can write to",
            root.display()
        ))
        .help("mend the folder that it is made from"));
    }
    let mut mended = Mended {
        loaded: load()?,
        fixed: 0,
        files: BTreeSet::new(),
        left_alone: BTreeSet::new(),
    };
    for _ in 0..MOST_ROUNDS {
        let before = mended.fixed;
        mended.round(root)?;
        if mended.fixed == before {
            break;
        }
        mended.loaded = load()?;
    }
    Ok(mended)
}

impl Mended {
    /// Applies what the last look at the files proposes.
    fn round(&mut self, root: &Path) -> Result<()> {
        let sources = self.loaded.sources.iter();
        let sources: BTreeMap<&str, &Source> = sources
            .map(|source| (source.name().as_ref(), source))
            .collect();
        for (file, fixes) in by_file(&self.loaded.diagnostics) {
            let Some(source) = sources.get(file) else {
                continue;
            };
            let (text, applied) = apply(source, &fixes);
            if applied == 0 {
                continue;
            }
            match target(root, file)? {
                Some(path) => {
                    replace(&path, source.text(), &text)?;
                    self.fixed += applied;
                    self.files.insert(file.to_owned());
                }
                None => {
                    self.left_alone.insert(file.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// The fixes that a machine may apply, by file, in the order of their places.
fn by_file(found: &[Diagnostic]) -> BTreeMap<&str, Vec<&Fix>> {
    let mut files: BTreeMap<&str, Vec<&Fix>> = BTreeMap::new();
    let safe = found.iter().filter_map(|found| found.fix.as_ref());
    for fix in safe.filter(|fix| fix.safe) {
        files.entry(&fix.place.file).or_default().push(fix);
    }
    for fixes in files.values_mut() {
        fixes.sort_by_key(|fix| (fix.place.bytes.start, fix.place.bytes.end));
    }
    files
}

/// A text with the fixes that keep out of each other's way and leave it readable, and how many those
/// are.
fn apply(source: &Source, fixes: &[&Fix]) -> (String, usize) {
    let mut apart: Vec<&Fix> = Vec::new();
    for fix in fixes {
        let touches = apart
            .last()
            .is_some_and(|last| fix.place.bytes.start <= last.place.bytes.end);
        if !touches {
            apart.push(fix);
        }
    }
    if let Some(text) = written(source, &apart) {
        return (text, apart.len());
    }
    let mut kept: Vec<&Fix> = Vec::new();
    for fix in apart {
        kept.push(fix);
        if written(source, &kept).is_none() {
            kept.pop();
        }
    }
    let text = written(source, &kept).unwrap_or_default();
    (text, kept.len())
}

/// The text with these fixes, when it is readable then.
fn written(source: &Source, fixes: &[&Fix]) -> Option<String> {
    let mut text = String::new();
    let mut at = 0;
    for fix in fixes {
        let bytes = &fix.place.bytes;
        text.push_str(source.text().get(at..bytes.start)?);
        text.push_str(&fix.replacement);
        at = bytes.end;
    }
    text.push_str(source.text().get(at..)?);
    let after = Source::new(source.name().as_ref(), text);
    is_readable(&after).then(|| after.text().to_string())
}

/// The file that a name stands for: what a link leads to, as long as that lies in the folder.
fn target(root: &Path, name: &str) -> Result<Option<PathBuf>> {
    let real = |path: &Path| {
        path.canonicalize()
            .with_context(|| format!("cannot find `{}`", path.display()))
    };
    let path = real(&root.join(name))?;
    Ok(path.starts_with(real(root)?).then_some(path))
}

/// Puts a text in a file's place at once, with the file's permissions and owner. `before` is what was
/// looked at: a file that has changed since is left as it is.
fn replace(path: &Path, before: &str, text: &str) -> Result<()> {
    let shown = path.display();
    let now = fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
    // The mark that some editors put first is no part of the text.
    let (mark, now) = match now.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", now.as_str()),
    };
    if now != before {
        return Err(Failure::environment(format!(
            "`{shown}` was changed by somebody else in the meantime, so it was left alone"
        ))
        .help("run it again"));
    }
    let new = path.with_file_name(format!(
        ".{}.{}.fixed",
        path.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let done = write_new(&new, path, &format!("{mark}{text}"))
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write `{shown}`"));
    if done.is_err() {
        // The file itself is as it was; what was begun beside it is of no use.
        drop(fs::remove_file(&new));
    }
    Ok(done?)
}

fn write_new(new: &Path, like: &Path, text: &str) -> std::io::Result<()> {
    let metadata = fs::metadata(like)?;
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(new)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (metadata.uid(), metadata.gid()) {
        // Only the superuser can give a file away; for others it becomes the editor's own.
        drop(chown(new, Some(metadata.uid()), Some(metadata.gid())));
    }
    file.set_permissions(metadata.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(source: &Source, written: &str, replacement: &str) -> Fix {
        let at = source.text().find(written).unwrap();
        let place = source.place(at..at + written.len());
        Diagnostic::error("a", place.clone(), "m")
            .fix(place, replacement)
            .fix
            .unwrap()
    }

    fn applied(source: &Source, fixes: &[Fix]) -> (String, usize) {
        apply(source, &fixes.iter().collect::<Vec<_>>())
    }

    #[test]
    fn fixes_that_touch_each_other_are_not_applied_together() {
        let source = Source::new("a.yaml", "abc: 1\ndef: 2\n");
        let fixes = [
            fix(&source, "ab", "x"),
            fix(&source, "bc", "y"),
            fix(&source, "c", "z"),
            fix(&source, "def", "w"),
        ];
        assert_eq!(applied(&source, &fixes), ("xc: 1\nw: 2\n".to_owned(), 2));
    }

    #[test]
    fn a_fix_that_would_leave_the_file_unreadable_is_not_applied() {
        let source = Source::new("a.yaml", "a: 1\nb: 2\nc: 3\n");
        let fixes = [
            fix(&source, "1", "[1"),
            fix(&source, "b", "c"),
            fix(&source, "3", "4"),
        ];
        assert_eq!(
            applied(&source, &fixes),
            ("a: 1\nb: 2\nc: 4\n".to_owned(), 1)
        );
    }
}
