//! Running the binary in a folder of its own, with an environment of its own.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What starts a server on a free port.
pub(crate) const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder that a test works in: it is also the home, so that no state is anybody else's.
pub(crate) struct Folder {
    root: tempfile::TempDir,
}

impl Folder {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    /// One with the configuration that `init` writes.
    pub(crate) fn with_configuration() -> Self {
        let folder = Self::new();
        let ran = folder.run(&["init"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The commands, as the help lists them.
    pub(crate) fn commands(&self) -> Vec<String> {
        let help = self.run(&["-h"]).out;
        let list = help.split("Commands:\n").nth(1).unwrap();
        list.lines()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_whitespace().next())
            .filter(|command| *command != "help")
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[], "")
    }

    pub(crate) fn run_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        stdin: &str,
    ) -> Ran {
        let mut running = self.start(arguments, environment);
        running.say(stdin);
        running.ended()
    }

    /// Runs a command on a terminal of its own, where one line after the other is typed at its
    /// prompt.
    pub(super) fn type_into(&self, command: &str, lines: &[&str]) -> Ran {
        let program = env!("CARGO_BIN_EXE_tolkien");
        let line = format!("'{program}' {command}");
        let arguments = ["--quiet", "--return", "--command", &line, "/dev/null"];
        let mut child = self.spawn_program("script", &arguments, &[("TERM", "xterm")]);
        let mut keyboard = child.stdin.take().unwrap();
        let mut screen = BufReader::new(child.stdout.take().unwrap());
        let (mut lines, mut shown) = (lines.iter(), Vec::new());
        // What begins each prompt; what is typed before it is thrown away.
        while screen.read_until(b'h', &mut shown).unwrap() > 0 {
            if shown.ends_with(b"\x1b[?2004h")
                && let Some(line) = lines.next()
            {
                keyboard.write_all(format!("{line}\r").as_bytes()).unwrap();
            }
        }
        Ran {
            code: child.wait().unwrap().code().unwrap(),
            out: String::from_utf8(shown).unwrap(),
            err: String::new(),
        }
    }

    /// Starts a program that is not waited for yet.
    pub(crate) fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        Running(self.spawn(arguments, environment))
    }

    /// The same by a program that starts others.
    pub(crate) fn start_in(
        &self,
        by: &[&str],
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Running {
        let program = env!("CARGO_BIN_EXE_tolkien");
        let words = [by, &[program], arguments].concat();
        Running(self.spawn_program(words[0], &words[1..], environment))
    }

    fn spawn(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
        self.spawn_program(env!("CARGO_BIN_EXE_tolkien"), arguments, environment)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "what is tested here is the program itself"
    )]
    fn spawn_program(
        &self,
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Child {
        Command::new(program)
            .args(arguments)
            .current_dir(self.root.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.root.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Starts a server on a free port.
    pub(crate) fn serve(&self, environment: &[(&str, &str)]) -> Server {
        self.serve_in(&[], environment)
    }

    /// The same by a program that starts others.
    pub(crate) fn serve_in(&self, by: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut server = self.serve_unread(by, environment);
        // A pipe that nobody reads fills.
        let mut out = server.out.take().unwrap();
        thread::spawn(move || io::copy(&mut out, &mut io::sink()));
        server
    }

    /// The same, with a standard output that nobody reads.
    pub(crate) fn serve_unread(&self, by: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut child = self.start_in(by, SERVE, environment).0;
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended: {said}");
            said += &line;
            if let Some(url) = line.trim_end().strip_prefix("listening on ") {
                break url.to_owned();
            }
        };
        let out = child.stdout.take();
        let log = thread::spawn(move || {
            let mut said = String::new();
            log.read_to_string(&mut said).unwrap();
            said
        });
        Server {
            child,
            log: Some(log),
            out,
            said,
            url,
        }
    }
}

/// A running program.
pub(crate) struct Running(Child);

impl Running {
    /// Writes all of its standard input.
    pub(crate) fn say(&mut self, text: &str) {
        // A program that does not read its input closes it early.
        drop(self.0.stdin.take().unwrap().write_all(text.as_bytes()));
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.0, signal);
    }

    /// What it gave in the end.
    pub(crate) fn ended(self) -> Ran {
        let output = self.0.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn send(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).unwrap();
    kill(Pid::from_raw(id), signal).unwrap();
}

/// A running server; killed where a test forgets to end it.
pub(crate) struct Server {
    child: Child,
    log: Option<thread::JoinHandle<String>>,
    /// Its standard output, where nobody reads it.
    pub(crate) out: Option<ChildStdout>,
    /// What it said before it listened.
    pub(crate) said: String,
    pub(crate) url: String,
}

impl Server {
    /// Its process.
    pub(crate) fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Asks it to end.
    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Its exit code, and what it said after it listened.
    pub(crate) fn ended(mut self) -> (i32, String) {
        let said = self.log.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().code().unwrap(), said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
