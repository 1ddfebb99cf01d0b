//! The supervisor: this program, started again to run one other.
//!
//! Its main thread reaps: the program, and every descendant that lost its parent. A second thread is
//! in the domain, starts the program, and then does what the engine says; when the engine's end of
//! the socket closes, that says KILL. The supervisor ends when it has no children left.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, WaitOptions, getpid, getppid, nice, set_child_subreaper, setsid, wait};
use rustix::stdio::{dup2_stderr, dup2_stdout, stdin};
use rustix::thread::set_no_new_privs;

use super::domain::Domain;
use super::plan::{self, Order, Plan, Reply};

/// Between two rounds of KILL, for those who were started while the first went round.
const AGAIN: Duration = Duration::from_millis(2);

/// How far a program stands back (`nice`), so that a thousand of its processes that never rest cannot
/// keep its supervisor, or the engine, from running: with all alike, each waits for its turn among a
/// thousand. Of a machine that is idle a program still gets everything.
const STANDS_BACK: i32 = 10;

/// Supervises what the engine asks for. Nobody else is obeyed: without a socket of the parent process
/// as standard input nothing is done, and the answer is false.
pub fn supervise() -> bool {
    let Some(mut socket) = engine() else {
        return false;
    };
    match plan::read(&mut socket) {
        Ok(Order::Run(plan)) => run(*plan, &mut socket),
        Ok(Order::Probe) => {
            let lacks = thread::scope(|scope| scope.spawn(Domain::tried).join());
            let lacks = lacks.unwrap_or_else(|_| vec!["looking failed".to_owned()]);
            answer(&mut socket, &Reply::Lacks(lacks));
        }
        // The engine went before it had said what it wants.
        Err(_) => {}
    }
    true
}

/// The socket, when it is the parent's.
fn engine() -> Option<UnixStream> {
    let socket = stdin().try_clone_to_owned().ok()?;
    let peer = socket_peercred(&socket).ok()?;
    (Some(peer.pid) == getppid()).then(|| UnixStream::from(socket))
}

fn answer(socket: &mut UnixStream, reply: &Reply) {
    // Without an engine nobody wants to know.
    let _ = plan::write(socket, reply);
}

fn run(plan: Plan, socket: &mut UnixStream) {
    let private = plan.private.clone();
    let abandoned = Arc::new(AtomicBool::new(false));
    let because = match begin(plan, socket, &abandoned) {
        Ok(leader) => {
            reap(leader, socket);
            None
        }
        Err(because) => Some(because),
    };
    if let Some(because) = because {
        answer(socket, &Reply::NotStarted { because });
    }
    if abandoned.load(Ordering::Acquire)
        && let Some(folder) = private
    {
        // The engine does this itself unless it was killed.
        let _ = fs::remove_dir_all(folder);
    }
}

fn refused(what: &str, error: &dyn Display) -> String {
    format!("{what}: {error}")
}

/// Starts the program and the thread that ends it.
fn begin(plan: Plan, socket: &UnixStream, abandoned: &Arc<AtomicBool>) -> Result<Pid, String> {
    let set_up = |error: io::Error| refused("its supervisor cannot be set up", &error);
    let input = input(plan.stdin.as_deref()).map_err(set_up)?;
    let control = socket.try_clone().map_err(set_up)?;
    isolate(&plan).map_err(set_up)?;
    let (sender, started) = channel();
    let abandoned = Arc::clone(abandoned);
    thread::Builder::new()
        .name("domain".to_owned())
        .spawn(move || inside(&plan, input, control, &sender, &abandoned))
        .map_err(set_up)?;
    let started = started.recv();
    // From here on the outputs are the program's alone, so that their end is its end.
    let null = File::open("/dev/null").map_err(set_up)?;
    for silenced in [dup2_stdout(&null), dup2_stderr(&null)] {
        silenced.map_err(|error| set_up(error.into()))?;
    }
    started.map_err(|error| refused("its supervisor failed", &error))?
}

/// What holds for the supervisor and for all that it starts.
fn isolate(plan: &Plan) -> io::Result<()> {
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    plan.limits.enforce()?;
    set_no_new_privs(true)?;
    super::conceal();
    Ok(())
}

/// Standard input: a file in memory, which needs nobody to write it while the program reads.
fn input(text: Option<&str>) -> io::Result<File> {
    let Some(text) = text else {
        return File::open("/dev/null");
    };
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// The life of the thread in the domain.
fn inside(
    plan: &Plan,
    input: File,
    mut control: UnixStream,
    started: &Sender<Result<Pid, String>>,
    abandoned: &AtomicBool,
) {
    let domain = Domain::enter(&plan.lists, &plan.program);
    let start = if plan.whole && !domain.lacks.is_empty() {
        let lacks = domain.lacks.join("; ");
        Err(format!("its sandbox must be enforced wholly, and {lacks}"))
    } else {
        // Who starts it stands back for good, which this thread must not.
        thread::scope(|scope| {
            thread::Builder::new()
                .spawn_scoped(scope, || start(plan, input))
                .map_err(|error| refused("its supervisor cannot be set up", &error))?
                .join()
                .unwrap_or_else(|_| Err("its supervisor failed".to_owned()))
        })
    };
    let failed = start.is_err();
    let _ = started.send(start);
    if failed {
        return;
    }
    let mut word = [0];
    loop {
        match control.read(&mut word) {
            Ok(1) if word == [plan::TERM] => {
                if !domain.ask_to_end() {
                    break;
                }
            }
            Ok(1) => break,
            _ => {
                abandoned.store(true, Ordering::Release);
                break;
            }
        }
    }
    loop {
        domain.end();
        thread::sleep(AGAIN);
    }
}

/// Starts the program from within the domain, as the leader of a group of its own. The calling
/// thread stands back with it.
#[expect(
    clippy::disallowed_methods,
    reason = "the process of a permitted call, started by its supervisor"
)]
fn start(plan: &Plan, input: File) -> Result<Pid, String> {
    let mut command = std::process::Command::new(&plan.program);
    if let Some((name, arguments)) = plan.words.split_first() {
        command.arg0(name).args(arguments);
    }
    command
        .env_clear()
        .envs(plan.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&plan.cwd)
        .stdin(input)
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .process_group(0);
    // Best effort: it is what others have of it.
    let _ = nice(STANDS_BACK);
    let name = plan.words.first().map_or("", String::as_str);
    let failed = |error: &dyn std::fmt::Display| format!("`{name}` cannot be started: {error}");
    let child = command.spawn().map_err(|error| failed(&error))?;
    Pid::from_raw(child.id().cast_signed()).ok_or_else(|| failed(&"it has no number"))
}

/// Reaps until nobody is left, and tells of the program when it is its turn.
fn reap(leader: Pid, socket: &mut UnixStream) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((process, status))) if process == leader => {
                let status = status.as_raw();
                answer(socket, &Reply::Ended { status });
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
