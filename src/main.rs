//! The `tolkien` binary: hands its arguments to the command line and returns its exit code. Started
//! by itself to supervise a program, it does that instead, before anything else is set up.

use std::env::args_os;

use tolkien::cli::{self, Exit};
use tolkien::tool::sandbox;

fn main() -> Exit {
    // Whatever this was started with beside its three streams is for nobody that it starts: a sandbox
    // holds the opening of files, not what is open already. Every descriptor of its own is so made.
    close_fds::set_fds_cloexec(3, &[]);
    if !sandbox::is_supervisor(args_os().nth(1).as_deref()) {
        return cli::run(args_os());
    }
    if sandbox::supervise() {
        Exit::Done
    } else {
        Exit::Usage
    }
}
