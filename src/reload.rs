//! What is in force: a configuration with all that belongs to it, as one value that is swapped at
//! once.
//!
//! A decision is made by what is in force at that moment, and what it permits runs on the same
//! terms, whatever was swapped in meanwhile.

use std::sync::Arc;

use crate::config::Config;
use crate::config::host::Host;
use crate::model::Model;

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
