//! One look at the root: whether it changed, and what becomes of the change.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::{InForce, Rejection, Reload, restart};
use crate::analysis::check::{self, Thoroughness};
use crate::config::host::Host;
use crate::config::name::ToolName;
use crate::config::settings;
use crate::config::{Config, Loaded, Origin, RootError, Snapshot};
use crate::diagnostic::listed;
use crate::model::Model;

/// Looks in a row that find the files changing under them before that is told. With the pause after
/// each it is a few seconds, and nobody writes a configuration for so long.
const MOST_LOOKS: u32 = 10;

/// What became of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// What is there was judged.
    Over,
    /// It changed while it was read: look again.
    Unsettled,
}

/// What was judged last.
#[derive(Debug, Default)]
pub(super) struct Judged {
    last: Last,
    /// Looks in a row that found the files changing.
    unsettled: u32,
}

#[derive(Debug, Default)]
enum Last {
    /// Nothing but what was in force from the start.
    #[default]
    Start,
    Snapshot(Snapshot),
    /// Something that nobody saw whole.
    Unknown,
}

impl Reload {
    /// Looks at the root, and takes over or rejects what changed.
    pub(super) fn attempt(&self) -> Attempt {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = Origin::from(&self.parts.root);
        let before = Snapshot::of(&origin);
        let is_known = match &judged.last {
            Last::Start => {
                let in_force = self.parts.in_force.load();
                before.revision() == Some(in_force.config.revision())
            }
            Last::Snapshot(last) => *last == before,
            Last::Unknown => false,
        };
        if is_known {
            judged.last = Last::Snapshot(before);
            return Attempt::Over;
        }
        let started = Instant::now();
        let loaded = check::load(
            &origin,
            self.parts.overrides,
            Thoroughness::Valid,
            &self.parts.cache,
        );
        let is_whole = loaded.as_ref().is_ok_and(|loaded| {
            let config = loaded.config.as_ref();
            config.is_none_or(|config| before.revision() == Some(config.revision()))
        });
        if !(is_whole || loaded.is_err()) || Snapshot::of(&origin) != before {
            return self.unsettled(&mut judged);
        }
        self.parts.cache.forget_unused();
        let revision = before.revision().cloned();
        *judged = Judged {
            last: Last::Snapshot(before),
            unsettled: 0,
        };
        let taken_over = match loaded.map(Loaded::enforced) {
            Ok(Ok(config)) => self.take_over(config, started),
            Ok(Err(refused)) => Err(Rejection::of(refused)),
            Err(error) => Err(Rejection::new(unreadable(&error))),
        };
        if let Err(rejection) = taken_over {
            self.reject(rejection.of_revision(revision));
        }
        Attempt::Over
    }

    /// Never half of one content and half of another: nothing is judged that was not seen whole.
    fn unsettled(&self, judged: &mut Judged) -> Attempt {
        judged.last = Last::Unknown;
        judged.unsettled = judged.unsettled.saturating_add(1);
        if judged.unsettled < MOST_LOOKS {
            return Attempt::Unsettled;
        }
        judged.unsettled = 0;
        self.reject(Rejection::new(
            "its files changed each time while they were read",
        ));
        Attempt::Over
    }

    /// Puts a configuration in force.
    fn take_over(&self, config: Arc<Config>, started: Instant) -> Result<(), Rejection> {
        let now = self.parts.in_force.load_full();
        let model = self.model(&now, &config).map_err(Rejection::new)?;
        // What the kernel can do was asked once, and stays.
        let confinement = now.host.confinement().clone();
        let host = Host::probe(&config).confined(&config, confinement);
        let at_restart = restart::waiting(&self.started, config.settings());
        let tools = config.tools().keys();
        let disabled = tools.filter(|tool| !host.lacks(tool).is_empty());
        let load_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            revision = %config.revision(),
            load_ms,
            disabled = listed(disabled.map(ToolName::as_str), "and"),
            at_restart = listed(at_restart.iter().copied(), "and"),
            "a changed configuration is in force",
        );
        // In this order, so that whoever sees the new revision sees no rejection from before it.
        self.parts.reloads.tell_taken_over(at_restart);
        self.parts.in_force.store(Arc::new(InForce {
            config,
            host: Arc::new(host),
            model,
        }));
        Ok(())
    }

    /// The model of a configuration; the same while its settings are. A script and Claude do not
    /// take each other's place in a conversation.
    fn model(&self, now: &InForce, next: &Config) -> Result<Model, String> {
        let settings = &next.settings().model;
        match (&now.model, settings) {
            (Model::Claude(_), settings::Model::Claude(_))
                if *settings != now.config.settings().model =>
            {
                (self.parts.make_model)(next)
            }
            _ => Ok(now.model.clone()),
        }
    }

    /// Keeps what is in force, and says so.
    pub(super) fn reject(&self, rejection: Rejection) {
        let in_force = self.parts.in_force.load();
        tracing::warn!(
            revision = rejection.revision.as_ref().map(tracing::field::display),
            why = rejection.detail,
            first = rejection.first(),
            in_force = %in_force.config.revision(),
            "a changed configuration was rejected, and the last good one stays in force",
        );
        self.parts.reloads.tell_rejected(rejection);
    }
}

/// Why there is nothing to judge, without a path: whoever asks may be no operator of this machine.
fn unreadable(error: &RootError) -> String {
    match error {
        RootError::Io { source, .. } => format!("its folder cannot be read: {source}"),
        _ => "its folder is not there".to_owned(),
    }
}
