//! A program that runs, under a supervisor or directly.

use std::io;
use std::process::ExitStatus;
use std::task::{Context, Poll};

use rustix::process::Signal;
use tokio::process::Child;

use super::prepared::Prepared;
use super::process::Process;
use super::sandbox::{Confined, Limits};
use crate::config::host::{Host, Level};
use crate::config::tool::Enforcement;

/// A running program; dropping it ends it at once, and what descends from it.
#[derive(Debug)]
pub(super) enum Running {
    /// Its process group is all that holds it.
    Direct(Process),
    /// The kernel holds it, and its supervisor ends all that descends from it.
    Confined(Confined),
}

impl Running {
    /// Starts it as its sandbox requires, or not at all; the error is for the model.
    pub(super) async fn start(
        prepared: &mut Prepared,
        host: &Host,
        limits: Limits,
    ) -> Result<Self, String> {
        let confinement = host.confinement();
        let name = prepared.name().to_owned();
        let failed = |error: io::Error| format!("`{name}` cannot be started: {error}");
        match (prepared.enforcement, &confinement.level) {
            (Enforcement::Full, level) if *level != Level::Full => Err(format!(
                "its sandbox must be enforced wholly, and {}",
                level.lacks().join("; ")
            )),
            (Enforcement::Off, _) | (_, Level::Off { .. }) => Process::start(prepared.exec())
                .map(Self::Direct)
                .map_err(failed),
            _ => Confined::start(&confinement.supervisor, prepared.plan(limits))
                .await
                .map(Self::Confined)
                .map_err(failed),
        }
    }

    /// The process with its pipes, for taking them.
    pub(super) fn child(&mut self) -> &mut Child {
        match self {
            Self::Direct(process) => process.child(),
            Self::Confined(confined) => confined.child(),
        }
    }

    /// Ready when the program has ended.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Direct(process) => process.poll_ended(cx),
            Self::Confined(confined) => confined.poll_ended(cx),
        }
    }

    /// Signals the program and what descends from it, as far as it can be reached.
    pub(super) fn signal(&self, signal: Signal) {
        match self {
            Self::Direct(process) => process.signal(signal),
            Self::Confined(confined) => confined.signal(signal),
        }
    }

    /// How the program ended: its status, or why it was not started, or nothing when the kernel did
    /// not let it go.
    pub(super) fn reap(&mut self) -> Option<Result<ExitStatus, String>> {
        match self {
            Self::Direct(process) => process.reap().map(Ok),
            Self::Confined(confined) => confined.ended(),
        }
    }

    /// Waits for the last of what descends from it, after KILL.
    pub(super) async fn gone(&mut self) {
        match self {
            Self::Direct(process) => process.reap_adopted().await,
            Self::Confined(confined) => confined.gone().await,
        }
    }
}
