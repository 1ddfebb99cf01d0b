//! Settings that a process reads once.

use crate::config::settings::{Model, Settings};

/// The settings that differ from those that the process was started with, and that hold from its
/// next start on: what is open (a port, a database, a file) stays as it is.
pub(super) fn waiting(started: &Settings, now: &Settings) -> Vec<&'static str> {
    let provider = |settings: &Settings| matches!(settings.model, Model::Script { .. });
    let script = |settings: &Settings| match &settings.model {
        Model::Script { script, .. } => Some(script.clone()),
        Model::Claude(_) => None,
    };
    let is_other = [
        ("model.provider", provider(started) != provider(now)),
        (
            "model.script",
            script(started)
                .zip(script(now))
                .is_some_and(|(a, b)| a != b),
        ),
        ("server.listen", started.server.listen != now.server.listen),
        (
            "server.state_dir",
            started.server.state_dir != now.server.state_dir,
        ),
        ("store", started.store != now.store),
        ("audit.file", started.audit.file != now.audit.file),
        ("audit.stdout", started.audit.stdout != now.audit.stdout),
        (
            "telemetry.otlp",
            started.telemetry.otlp != now.telemetry.otlp,
        ),
        ("telemetry.log", started.telemetry.log != now.telemetry.log),
    ];
    let waiting = is_other.into_iter().filter(|(_, is_other)| *is_other);
    waiting.map(|(name, _)| name).collect()
}
