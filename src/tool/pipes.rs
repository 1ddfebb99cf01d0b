//! The three pipes of a process: its input is written and its outputs are drained, always and all
//! at once, so that neither side ever waits for the other.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::capture::Capture;
use crate::config::tool::OutputLimits;

/// What one read takes at most: the capacity of a pipe on Linux.
const CHUNK: usize = 64 * 1024;

/// The engine's ends of the pipes. It has no `Debug`, since what is written may be a secret.
pub(super) struct Pipes {
    stdin: Option<(ChildStdin, Vec<u8>)>,
    written: usize,
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    chunk: Vec<u8>,
}

#[derive(Debug)]
struct Stream<R> {
    pipe: Option<R>,
    capture: Capture,
}

impl Pipes {
    /// Takes a process's pipes.
    pub(super) fn of(child: &mut Child, stdin: Option<String>, limits: OutputLimits) -> Self {
        let capture = || Capture::new(limits.keep_bytes, limits.keep);
        Self {
            stdin: child.stdin.take().zip(stdin.map(String::into_bytes)),
            written: 0,
            stdout: Stream {
                pipe: child.stdout.take(),
                capture: capture(),
            },
            stderr: Stream {
                pipe: child.stderr.take(),
                capture: capture(),
            },
            chunk: Vec::with_capacity(CHUNK),
        }
    }

    /// Moves what can be moved now.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        self.write(cx);
        self.stdout.drain(cx, &mut self.chunk);
        self.stderr.drain(cx, &mut self.chunk);
    }

    /// Whether nobody can write to an output any more.
    pub(super) fn at_end(&self) -> bool {
        self.stdout.pipe.is_none() && self.stderr.pipe.is_none()
    }

    /// Nothing is written any more.
    pub(super) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// What came through both outputs.
    pub(super) fn total(&self) -> u64 {
        let (stdout, stderr) = (self.stdout.capture.total(), self.stderr.capture.total());
        stdout.saturating_add(stderr)
    }

    /// Standard output and standard error as far as they were kept.
    pub(super) fn finish(self) -> (Capture, Capture) {
        (self.stdout.capture, self.stderr.capture)
    }

    /// A program that closes its input before it has read all of it has what it wants.
    fn write(&mut self, cx: &mut Context<'_>) {
        while let Some((pipe, text)) = &mut self.stdin {
            let rest = text.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.stdin = None;
                return;
            }
            match Pin::new(pipe).poll_write(cx, rest) {
                Poll::Pending => return,
                Poll::Ready(Ok(count)) if count > 0 => self.written += count,
                Poll::Ready(_) => self.stdin = None,
            }
        }
    }
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn drain(&mut self, cx: &mut Context<'_>, chunk: &mut Vec<u8>) {
        while let Some(pipe) = &mut self.pipe {
            let mut buffer = ReadBuf::uninit(chunk.spare_capacity_mut());
            match Pin::new(pipe).poll_read(cx, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.capture.push(buffer.filled());
                }
                Poll::Ready(_) => self.pipe = None,
            }
        }
    }
}
