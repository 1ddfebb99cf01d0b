//! Asking once how far programs can be confined on this machine: by doing it.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::plan::{self, Order, Reply};
use super::{WORD, plan::write};
use crate::config::host::{Confinement, Level};

/// Itself, also when its file was replaced since it started.
const ITSELF: &str = "/proc/self/exe";

/// How long a supervisor may take to answer; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts a supervisor (absent: this program) that enters a domain and says what holds there.
pub fn probe(supervisor: Option<&Path>) -> Confinement {
    let supervisor = supervisor.unwrap_or(Path::new(ITSELF)).to_owned();
    let level = match ask(&supervisor) {
        Ok(lacks) if lacks.is_empty() => Level::Full,
        Ok(lacks) => Level::BestEffort { lacks },
        Err(error) => Level::Off {
            because: format!("a supervisor cannot be started here: {error}"),
        },
    };
    Confinement { supervisor, level }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it starts this program itself, to look what the kernel can do"
)]
fn ask(supervisor: &Path) -> io::Result<Vec<String>> {
    let (mut own, theirs) = UnixStream::pair()?;
    own.set_read_timeout(Some(PATIENCE))?;
    let mut child = Command::new(supervisor)
        .arg(WORD)
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let asked = write(&mut own, &Order::Probe).and_then(|()| plan::read(own.by_ref()));
    let _ = child.kill();
    child.wait()?;
    match asked? {
        Reply::Lacks(lacks) => Ok(lacks),
        Reply::NotStarted { .. } | Reply::Ended { .. } => Err(io::ErrorKind::InvalidData.into()),
    }
}
