//! A program with every name in it filled in from the host, ready to be started.
//!
//! Here alone values of the environment and secrets meet the words of a call; what is missing is
//! told in the names that the model and the operator know, never in values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::folder::{Private, stays_beneath};
use super::process::Exec;
use super::sandbox::{Kind, Limits, Lists, Plan, widen};
use crate::call::{Piece, Rendered, Start};
use crate::config::host::Host;
use crate::config::secret::ExposeSecret;
use crate::config::template::{Part, StepStream, Template};
use crate::config::tool::{Enforcement, SYSTEM, Sandbox};

/// A program that can be started. It has no `Debug`: some of its values are secrets.
pub(super) struct Prepared {
    program: PathBuf,
    words: Vec<String>,
    env: Vec<(String, String)>,
    cwd: PathBuf,
    lists: Lists,
    /// How much of its sandbox must hold.
    pub(super) enforcement: Enforcement,
    /// Written to its standard input.
    pub(super) stdin: Option<String>,
    /// Removed with this value.
    pub(super) folder: Option<Private>,
}

/// What a step finds from before it; nothing for a program by itself.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Given<'a> {
    /// The private folder of all steps.
    pub(super) workspace: Option<&'a Path>,
    /// What the steps before it gave, by their names.
    pub(super) steps: Option<&'a BTreeMap<String, StepOutput>>,
}

/// What a step gave. Its `Debug` leaves the texts out, which may hold a secret.
pub(super) struct StepOutput {
    /// Standard output; absent when more was written than is kept.
    pub(super) stdout: Option<String>,
    /// Standard error, the same.
    pub(super) stderr: Option<String>,
    /// Exit code.
    pub(super) code: i32,
}

impl std::fmt::Debug for StepOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepOutput")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// A text for the model with every name in it filled in: no secret, which may not stand there.
pub(super) fn fill_in(text: &Rendered, host: &Host, given: &Given<'_>) -> Result<String, String> {
    let fill = Fill {
        host,
        workspace: given.workspace,
        steps: given.steps,
    };
    fill.open(text)
}

impl Prepared {
    /// Fills everything in; the error is for the model.
    pub(super) fn new(
        start: &Start,
        sandbox: &Sandbox,
        host: &Host,
        given: &Given<'_>,
    ) -> Result<Self, String> {
        let named = mentions_workspace(start, sandbox);
        let scratch = if given.workspace.is_some() {
            None
        } else if named {
            Some(host.scratch())
        } else if start.cwd.is_none() {
            Some(host.light_scratch())
        } else {
            None
        };
        let folder = scratch
            .map(Private::create)
            .transpose()
            .map_err(|error| format!("its private folder cannot be made: {error}"))?;
        let fill = Fill {
            host,
            workspace: given.workspace.or(folder.as_ref().map(Private::path)),
            steps: given.steps,
        };
        let words = start
            .words
            .iter()
            .map(|word| fill.open(word))
            .collect::<Result<Vec<_>, _>>()?;
        let env = start
            .env
            .iter()
            .map(|(name, value)| Ok((name.clone(), fill.secret(value)?)))
            .collect::<Result<Vec<_>, String>>()?;
        let stdin = start
            .stdin
            .as_ref()
            .map(|text| fill.secret(text))
            .transpose()?;
        let cwd = fill.cwd(start)?;
        for (within, path) in &start.within {
            let folder = fill.folder(within)?;
            stays_beneath(&folder, path)
                .map_err(|why| format!("`{path}` may not be used: {why}"))?;
        }
        let mut lists = fill.lists(start, sandbox)?;
        if let (Some(folder), false) = (&folder, named) {
            // Nothing but a place to run in, which is the program's own.
            let own = [&mut lists.read, &mut lists.write];
            for list in own.into_iter().flatten() {
                list.push(folder.path().to_owned());
            }
        }
        Ok(Self {
            lists,
            enforcement: sandbox.enforcement(),
            program: program(words.first().map_or("", String::as_str), host)?,
            words,
            env,
            cwd,
            stdin,
            folder,
        })
    }

    /// The program as the call names it.
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// What a supervisor is told to run. Its standard input goes along.
    pub(super) fn plan(&mut self, limits: Limits) -> Plan {
        Plan {
            program: self.program.clone(),
            words: std::mem::take(&mut self.words),
            env: std::mem::take(&mut self.env),
            cwd: self.cwd.clone(),
            stdin: self.stdin.take(),
            private: self.folder.as_ref().map(|folder| folder.path().to_owned()),
            lists: std::mem::take(&mut self.lists),
            whole: self.enforcement == Enforcement::Full,
            limits,
        }
    }

    /// What is started directly.
    pub(super) fn exec(&self) -> Exec<'_> {
        Exec {
            program: &self.program,
            words: &self.words,
            env: &self.env,
            cwd: &self.cwd,
            stdin: self.stdin.is_some(),
        }
    }
}

fn program(name: &str, host: &Host) -> Result<PathBuf, String> {
    if let Some(path) = host.program(name) {
        return Ok(path.to_owned());
    }
    if name.starts_with('/') {
        return Ok(PathBuf::from(name));
    }
    Err(format!(
        "`{name}` is not on the engine's PATH, so this tool cannot be used on this host"
    ))
}

fn mentions_workspace(start: &Start, sandbox: &Sandbox) -> bool {
    if (sandbox.paths()).any(|path| path.parts.contains(&Part::Workspace)) {
        return true;
    }
    let env = start.env.iter().map(|(_, value)| value);
    let within = start.within.iter().map(|(folder, _)| folder);
    (start.words.iter().chain(env).chain(within))
        .chain(&start.stdin)
        .chain(&start.cwd)
        .any(|text| text.pieces.contains(&Piece::Workspace))
}

/// A part of a path, which holds nothing but these.
fn piece(part: &Part) -> Option<Piece> {
    match part {
        Part::Literal(text) => Some(Piece::Text(text.clone())),
        Part::Env(name) => Some(Piece::Env(name.clone())),
        Part::Workspace => Some(Piece::Workspace),
        _ => None,
    }
}

/// What names stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill<'a> {
    host: &'a Host,
    workspace: Option<&'a Path>,
    steps: Option<&'a BTreeMap<String, StepOutput>>,
}

impl<'a> Fill<'a> {
    /// For a request, which has no private folder.
    pub(super) fn of_host(host: &'a Host) -> Self {
        Self {
            host,
            workspace: None,
            steps: None,
        }
    }

    /// The text for where others can read it: a secret may not stand there.
    pub(super) fn open(&self, text: &Rendered) -> Result<String, String> {
        text.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Secret(name) => Err(format!(
                    "secret `{name}` may only stand in `env` and `stdin` of a command, and in `headers` \
                     and `body` of a request"
                )),
                other => self.piece(other),
            })
            .collect()
    }

    /// The text with its secrets.
    pub(super) fn secret(&self, text: &Rendered) -> Result<String, String> {
        text.pieces.iter().map(|piece| self.piece(piece)).collect()
    }

    fn piece(&self, piece: &Piece) -> Result<String, String> {
        match piece {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Env(name) => self.host.env(name).map(str::to_owned).ok_or_else(|| {
                format!("environment name `{name}` is not set on this host and has no default")
            }),
            Piece::Workspace => self
                .workspace
                .and_then(Path::to_str)
                .map(str::to_owned)
                .ok_or_else(|| "the path of its private folder is not text".to_owned()),
            Piece::Secret(name) => self
                .host
                .secret(name)
                .map(|value| value.expose_secret().to_owned())
                .map_err(|error| format!("secret `{name}` is not available: {error}")),
            Piece::Step { id, stream } => self.step(id, *stream),
        }
    }

    /// The path of a folder that must be there. It is named as its file names it, with the default
    /// that stands in the settings, but never with a value of this host.
    fn folder(&self, text: &Rendered) -> Result<String, String> {
        let path = self.open(text)?;
        let folder = Path::new(&path);
        if folder.is_absolute() && folder.is_dir() {
            return Ok(path);
        }
        if !folder.is_absolute() {
            return Err(format!(
                "the path of the folder `{}` is not absolute on this host; whoever runs the server \
                 makes it begin with `/`",
                text.visible()
            ));
        }
        let missing = format!("there is no folder `{}` on this host", text.visible());
        let name = text.pieces.iter().find_map(|piece| match piece {
            Piece::Env(name) => Some(name),
            _ => None,
        });
        Err(match name {
            None => missing,
            Some(name) if self.host.is_default(name) => format!(
                "{missing}: `{name}` is not set, so its default `{}` is used; whoever runs the \
                 server sets {name}, or makes the folder",
                self.host.env(name).unwrap_or_default()
            ),
            Some(name) => format!(
                "{missing}: `{name}` is set, and whoever runs the server sets it to another path, \
                 or makes the folder"
            ),
        })
    }

    fn step(&self, id: &str, stream: StepStream) -> Result<String, String> {
        let given = self.steps.and_then(|steps| steps.get(id));
        let step = given.ok_or_else(|| format!("step `{id}` did not run before it"))?;
        let kept = match stream {
            StepStream::Code => return Ok(step.code.to_string()),
            StepStream::Stdout => &step.stdout,
            StepStream::Stderr => &step.stderr,
        };
        kept.clone().ok_or_else(|| {
            format!("step `{id}` wrote more than `output.keep_bytes`, so it is not whole")
        })
    }

    /// What may be touched. Where paths of the input must stay in a folder and nothing is said of what
    /// may be read, that folder is all that may be.
    fn lists(&self, start: &Start, sandbox: &Sandbox) -> Result<Lists, String> {
        let mut read = self.list(Kind::Read, sandbox.read.as_deref())?;
        if !start.within.is_empty() {
            let read = read.get_or_insert_with(|| widen(Kind::Read).collect());
            for (folder, _) in &start.within {
                read.extend(self.absolute(folder)?);
            }
        }
        Ok(Lists {
            read,
            write: self.list(Kind::Write, sandbox.write.as_deref())?,
            exec: self.list(Kind::Exec, sandbox.exec.as_deref())?,
            connect: sandbox.connect.clone(),
        })
    }

    fn list(&self, kind: Kind, list: Option<&[Template]>) -> Result<Option<Vec<PathBuf>>, String> {
        let Some(list) = list else { return Ok(None) };
        let mut paths = Vec::new();
        for path in list {
            if path.text == SYSTEM {
                paths.extend(widen(kind));
            } else {
                let pieces = path.parts.iter().filter_map(piece).collect();
                paths.extend(self.absolute(&Rendered { pieces })?);
            }
        }
        Ok(Some(paths))
    }

    /// A path of a sandbox; none where a name of the environment is empty. A relative one would be
    /// looked up from the root, and the root itself is everything: neither may come of a value.
    fn absolute(&self, text: &Rendered) -> Result<Option<PathBuf>, String> {
        let path = self.open(text)?;
        let is_value = !matches!(text.pieces.as_slice(), [Piece::Text(_)]);
        let is_root = path.chars().all(|character| matches!(character, '/' | '.'));
        if path.is_empty() {
            return Ok(None);
        }
        if !path.starts_with('/') || (is_value && is_root) {
            return Err(format!(
                "the path `{}` of its sandbox does not lead to one place on this host; whoever runs \
                 the server makes it begin with `/`, and name a file or a folder",
                text.visible()
            ));
        }
        Ok(Some(PathBuf::from(path)))
    }

    fn cwd(&self, start: &Start) -> Result<PathBuf, String> {
        match (&start.cwd, self.workspace) {
            (Some(cwd), _) => self.folder(cwd).map(PathBuf::from),
            (None, Some(folder)) => Ok(folder.to_owned()),
            (None, None) => Err("it has no working folder".to_owned()),
        }
    }
}
