//! How far programs are confined on this machine, and which tools that is not enough for.
//!
//! The level is asked of the kernel by whoever starts programs; here it is only compared with what
//! the configuration requires.

use std::path::PathBuf;

use super::{Host, Lack};
use crate::config::Config;
use crate::config::tool::{Enforcement, Tool};
use crate::diagnostic;

/// How programs are confined on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// The program that confines others: this one, started again.
    pub supervisor: PathBuf,
    /// How far it can.
    pub level: Level,
}

/// How far programs can be confined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Level {
    /// Everything that this build knows to ask for is enforced.
    Full,
    /// Some of it is not.
    BestEffort {
        /// What is lacking, in words.
        lacks: Vec<String>,
    },
    /// Nothing is: programs are started directly.
    Off {
        /// Why, in words.
        because: String,
    },
}

impl Default for Confinement {
    fn default() -> Self {
        Self {
            supervisor: PathBuf::new(),
            level: Level::Off {
                because: "nobody has looked how far programs can be confined here".to_owned(),
            },
        }
    }
}

impl Level {
    /// The word in settings and answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::BestEffort { .. } => "best-effort",
            Self::Off { .. } => "off",
        }
    }

    /// What keeps it from being [`Self::Full`].
    pub fn lacks(&self) -> &[String] {
        match self {
            Self::Full => &[],
            Self::BestEffort { lacks } => lacks,
            Self::Off { because } => std::slice::from_ref(because),
        }
    }
}

impl Host {
    /// The same machine once it is known how far programs can be confined on it: a tool that requires
    /// more is disabled, and reported where that is written.
    #[must_use]
    pub fn confined(mut self, config: &Config, confinement: Confinement) -> Self {
        let level = confinement.level.clone();
        for tool in config.tools().values() {
            self.require(tool, config, &level);
        }
        diagnostic::sort(&mut self.findings);
        self.confinement = confinement;
        self
    }

    fn require(&mut self, tool: &Tool, config: &Config, level: &Level) {
        if *level == Level::Full {
            return;
        }
        let sandboxes = tool.sandboxes_under(&config.settings().sandbox);
        let mut unmet = sandboxes
            .iter()
            .filter(|sandbox| sandbox.enforcement() == Enforcement::Full);
        let Some(sandbox) = unmet.next() else { return };
        let text = format!(
            "its sandbox must be enforced wholly (`require: full`), and {}",
            level.lacks().join("; ")
        );
        let help = "run it on a kernel with all of Landlock (Linux 6.12) and seccomp filters, or \
                    write `require: best-effort`";
        let place = sandbox.place.as_ref().unwrap_or(&tool.places.file);
        let lack = Lack::new("host-sandbox", place, text, help);
        self.findings.push(lack.finding(&tool.name));
        self.disabled
            .entry(tool.name.clone())
            .or_default()
            .push(lack.text);
    }

    /// How programs are confined here.
    pub fn confinement(&self) -> &Confinement {
        &self.confinement
    }
}
