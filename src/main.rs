//! The `tolkien` binary: hands its arguments to the command line and returns its exit code.

fn main() -> tolkien::cli::Exit {
    tolkien::cli::run(std::env::args_os())
}
