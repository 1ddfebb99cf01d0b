//! Copies of the trail beside the store: a file, standard output, and now and then its head in the
//! log.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Added, Head};
use crate::agent::Trail;

/// How often the head is logged while records are written, beside once at the end: a cut end hides
/// no more than that.
const HEAD_INTERVAL: Duration = Duration::from_mins(1);

/// Where copies of the trail go.
#[derive(Default)]
pub struct Copies {
    file: Option<PathBuf>,
    output: Option<Mutex<Box<dyn Write + Send>>>,
    state: Mutex<State>,
}

struct State {
    trail: Trail,
    told: Option<Instant>,
    /// The last record that was kept.
    head: Option<Head>,
    /// Whether the trail's end was found missing.
    cut: bool,
    /// Whether the head is not logged yet.
    untold: bool,
}

impl State {
    fn tell(&mut self) {
        if let Some((number, head)) = self.head.as_ref().filter(|_| self.untold) {
            tracing::info!(number, head, "the head of the audit trail");
            self.told = Some(Instant::now());
            self.untold = false;
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            trail: Trail::Kept,
            told: None,
            head: None,
            cut: false,
            untold: false,
        }
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Copies {
    /// A file that lines are appended to and something that they are written to, each if there is
    /// one. The file is opened anew for each record, so that it may be moved away.
    pub fn new(file: Option<PathBuf>, output: Option<Box<dyn Write + Send>>) -> Self {
        Self {
            file,
            output: output.map(Mutex::new),
            state: Mutex::default(),
        }
    }

    /// The last record that was kept, as far as this process wrote any.
    pub(in crate::store) fn head(&self) -> Option<Head> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.head.clone()
    }

    /// Writes the copies of records that are kept, in the order of their chain, and answers whether
    /// the trail could be written; without records, whether it could the last time.
    pub(in crate::store) fn write(&self, added: &Added) -> Trail {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((number, head)) = &added.head else {
            return state.trail;
        };
        tracing::debug!(number, head, "the audit trail was written");
        let text: String = added.lines.iter().map(|line| line.whole() + "\n").collect();
        let written = self.append(&text).and_then(|()| self.say(&text));
        state.cut |= added.cut;
        state.trail = match written {
            Ok(()) if state.cut => Trail::Broken,
            Ok(()) => Trail::Kept,
            Err(error) => {
                tracing::error!(%error, "a copy of the audit trail cannot be written, so nothing that writes runs");
                Trail::Broken
            }
        };
        state.head.clone_from(&added.head);
        state.untold = true;
        let told = state.told.map(|told| told.elapsed());
        if told.is_none_or(|ago| ago >= HEAD_INTERVAL) {
            state.tell();
        }
        state.trail
    }

    fn append(&self, text: &str) -> io::Result<()> {
        self.file
            .as_deref()
            .map_or(Ok(()), |path| append(path, text))
    }

    fn say(&self, text: &str) -> io::Result<()> {
        let Some(output) = &self.output else {
            return Ok(());
        };
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(text.as_bytes())?;
        output.flush()
    }
}

impl Drop for Copies {
    /// The last head is logged when the server ends.
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.unwrap_or_else(PoisonError::into_inner).tell();
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
