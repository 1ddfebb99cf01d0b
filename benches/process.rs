//! A server as a process of its own: started on a free port, looked at from outside, and ended.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `tolkien serve`; it is killed when dropped.
pub(crate) struct Server {
    child: Child,
    state: PathBuf,
    /// Where it listens, with scheme and port.
    pub(crate) address: String,
}

impl Server {
    /// Starts it, and waits until it listens. Without a store it keeps a SQLite file in `state`.
    pub(crate) fn start(config: &Path, state: &Path, base_url: &str, store: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tolkien"));
        command
            .arg("--config")
            .arg(config)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("TOLKIEN_SERVER__STATE_DIR", state)
            .env("TOLKIEN_MODEL__BASE_URL", base_url)
            .env("TOLKIEN_LIMITS__SESSIONS_PER_CALLER", "1000000")
            .env("ANTHROPIC_API_KEY", "bench")
            .env_remove("TOLKIEN_STORE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(store) = store {
            command.env("TOLKIEN_STORE", store);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the server ended: {said}"
            );
            let mut words = line.split_whitespace();
            if let Some(address) = words.find(|word| word.starts_with("http://127.0.0.1:")) {
                break address.to_owned();
            }
            said.push_str(&line);
        };
        // Its log has a line for each request: whoever does not read it stops the server.
        let drain = move || io::copy(&mut lines, &mut io::sink());
        drop(tolkien::tasks::Tasks::new().spawn_blocking(drain));
        Self {
            child,
            state: state.to_owned(),
            address,
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The local caller's token.
    pub(crate) fn token(&self) -> String {
        let token = fs::read_to_string(self.state.join("token")).unwrap();
        token.trim().to_owned()
    }

    /// A figure of `/proc/PID/status`, in MB: `VmRSS` is what is resident, `VmHWM` the most that was.
    pub(crate) fn memory(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
