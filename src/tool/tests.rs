//! Real small programs, run without a permit: the door that asks for one is [`super::run`].

mod ending;

mod output;

mod starting;

mod steps;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

use super::command::{Bounds, Run, run_start};
use super::redact::Redactor;
use super::{Finished, Outcome};
use crate::call::{Piece, Rendered, Start};
use crate::config::host::{Host, find_program};
use crate::config::name::{EnvName, SecretName};
use crate::config::settings::SecretSource;
use crate::config::tool::{Keep, OutputLimits, Sandbox};
use crate::policy::Redactions;

/// Far away, for programs that must end for another reason.
const NEVER: Duration = Duration::from_hours(1);

fn text(text: &str) -> Rendered {
    Rendered {
        pieces: vec![Piece::Text(text.to_owned())],
    }
}

fn start(words: &[&str]) -> Start {
    Start {
        id: None,
        words: words.iter().map(|word| text(word)).collect(),
        env: Vec::new(),
        stdin: None,
        cwd: None,
        ok: vec![0],
        timeout: None,
        idle_timeout: None,
        require: None,
        within: Vec::new(),
        sandbox: None,
    }
}

fn sh(script: &str) -> Start {
    let mut start = start(&["sh", "-c", script]);
    start.env.push(("PATH".to_owned(), text("/usr/bin:/bin")));
    start
}

fn host() -> Host {
    let programs = ["sh", "echo", "env", "printf", "cat", "pwd", "sleep"];
    Host::new(
        BTreeMap::from([(EnvName::new("DOCS_DIR"), "/srv/docs".to_owned())]),
        BTreeMap::new(),
        programs
            .into_iter()
            .map(|name| (name.to_owned(), find_program(name).unwrap()))
            .collect(),
    )
}

/// What differs between tests.
struct Setting {
    host: Host,
    output: OutputLimits,
    timeout: Duration,
    bounds: Bounds,
    cancel: CancellationToken,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            host: host(),
            output: OutputLimits::default(),
            timeout: NEVER,
            bounds: Bounds::default(),
            cancel: CancellationToken::new(),
        }
    }
}

impl Setting {
    fn grace(grace: Duration) -> Self {
        let mut setting = Self::default();
        setting.bounds.grace = grace;
        setting
    }

    async fn run(&self, start: &Start) -> Finished {
        let redactions = Redactions::default();
        let redactor = Redactor::new(&redactions, &self.host);
        let sandbox = Sandbox::default();
        run_start(start, &self.terms(&sandbox, &redactor)).await
    }

    fn terms<'a>(&'a self, sandbox: &'a Sandbox, redactor: &'a Redactor<'a>) -> Run<'a> {
        Run {
            call_id: "c_1",
            host: &self.host,
            output: self.output,
            sandbox,
            timeout: self.timeout,
            bounds: self.bounds,
            redactor,
            cancel: &self.cancel,
        }
    }
}

async fn run(start: &Start) -> Finished {
    Setting::default().run(start).await
}

fn exited(code: i32) -> Outcome {
    Outcome::Exited { code }
}

fn not_started(finished: &Finished) -> &str {
    assert!(finished.is_error);
    let Outcome::NotStarted { because } = &finished.outcome else {
        panic!("it started: {finished:?}");
    };
    assert_eq!(finished.shown, format!("not started: {because}"));
    because
}

/// A named pipe that processes hold open as descriptor 3: it tells what they say, and when the last
/// of them is gone.
struct Witness {
    _folder: tempfile::TempDir,
    path: PathBuf,
    reader: File,
}

impl Witness {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode, 0).unwrap();
        let reader = File::options()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&path)
            .unwrap();
        Self {
            _folder: folder,
            path,
            reader,
        }
    }

    fn sh(&self, script: &str) -> Start {
        sh(&format!("exec 3>{}; {script}", self.path.display()))
    }

    /// A line that a process says.
    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            match self.reader.read(&mut byte) {
                Ok(1) if byte == *b"\n" => return String::from_utf8(line).unwrap(),
                Ok(1) => line.extend(byte),
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Returns when no process holds the pipe any more.
    async fn gone(&mut self) {
        let mut rest = [0; 100];
        while !matches!(self.reader.read(&mut rest), Ok(0)) {
            tokio::task::yield_now().await;
        }
    }
}
