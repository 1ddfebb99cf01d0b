//! What is in force, as one value that is swapped at once, and putting the next revision in its
//! place while the process serves.
//!
//! A decision is made by what is in force at that moment, and what it permits runs on the same
//! terms, whatever was swapped in meanwhile. A root that changed is read and checked as a whole,
//! exactly as at the start; with any error the last good one stays, and [`Reloads`] says why.

mod attempt;

mod record;

mod restart;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::analysis::cache::Cache;
use crate::config::host::Host;
use crate::config::settings::Settings;
use crate::config::{Config, Overrides, Pace, Watch};
use crate::model::Model;
use crate::tasks;
use attempt::{Attempt, Judged};

pub use record::{Rejection, Reloads};

/// A configuration, what this machine has for it, and the model that it names.
#[derive(Debug, Clone)]
pub struct InForce {
    /// What the operator wrote.
    pub config: Arc<Config>,
    /// What this machine has of what it names.
    pub host: Arc<Host>,
    /// The model that answers the turns that begin under it.
    pub model: Model,
}

/// Makes the model that a configuration names, or says why it cannot be asked.
pub type MakeModel = fn(&Config) -> Result<Model, String>;

/// What a reload is made from.
#[derive(Debug)]
pub struct Parts {
    /// The root's folder.
    pub root: PathBuf,
    /// Whether the environment may set settings, as it could at the start.
    pub overrides: Overrides,
    /// What was proved at the start.
    pub cache: Cache,
    /// How soon a change is looked at.
    pub pace: Pace,
    /// What is replaced.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// Where it is told what became of a change.
    pub reloads: Reloads,
    /// Makes the next model where its settings changed.
    pub make_model: MakeModel,
}

/// Keeps what is in force as the root says.
#[derive(Debug)]
pub struct Reload {
    parts: Parts,
    /// What the process was started with.
    started: Settings,
    judged: Mutex<Judged>,
}

impl Reload {
    /// Begins with what is in force now.
    pub fn new(parts: Parts) -> Self {
        let started = parts.in_force.load().config.settings().clone();
        Self {
            parts,
            started,
            judged: Mutex::default(),
        }
    }

    /// Follows the root until the process ends.
    pub async fn run(self, stopping: CancellationToken) {
        let this = Arc::new(self);
        let follow = async {
            let mut watch = Watch::new(&this.parts.root, this.parts.pace).await;
            loop {
                while this.look().await == Attempt::Unsettled {
                    tokio::time::sleep(this.parts.pace.quiet).await;
                }
                watch.next().await;
            }
        };
        stopping.run_until_cancelled(follow).await;
    }

    /// Looks at the root, beside the async threads.
    async fn look(self: &Arc<Self>) -> Attempt {
        let this = Arc::clone(self);
        let looked = tasks::blocking(move || this.attempt()).await;
        looked.unwrap_or_else(|_panic| {
            self.reject(Rejection::new("the engine failed while it checked this"));
            Attempt::Over
        })
    }
}
