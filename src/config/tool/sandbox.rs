//! What the kernel is asked to enforce for a tool or a step, over the default of the settings.

use crate::config::template::Template;
use crate::diagnostic::Place;

/// The word in a list of paths for what a dynamically linked program needs to start.
pub const SYSTEM: &str = "@system";

/// What the kernel is asked to enforce; absent lists restrict nothing of their kind.
#[derive(Debug, Clone, Default)]
pub struct Sandbox {
    /// Paths that may be read.
    pub read: Option<Vec<Template>>,
    /// Paths that may be written.
    pub write: Option<Vec<Template>>,
    /// Programs that may be executed, and read for that, beside the tool's own.
    pub exec: Option<Vec<Template>>,
    /// TCP ports that may be connected to.
    pub connect: Option<Vec<u16>>,
    /// How much of it the host must be able to enforce; absent means [`Enforcement::BestEffort`].
    pub require: Option<Enforcement>,
    /// Where it is written; absent when nothing is.
    pub place: Option<Place>,
}

impl Sandbox {
    /// What a narrower sandbox (a tool's, a step's) says over this one, key by key: a list that it
    /// has stands in place of this one's.
    #[must_use]
    pub fn under(&self, narrower: Option<&Self>) -> Self {
        let own = narrower.cloned().unwrap_or_default();
        Self {
            read: own.read.or_else(|| self.read.clone()),
            write: own.write.or_else(|| self.write.clone()),
            exec: own.exec.or_else(|| self.exec.clone()),
            connect: own.connect.or_else(|| self.connect.clone()),
            require: own.require.or(self.require),
            place: own.place.or_else(|| self.place.clone()),
        }
    }

    /// How much of it the host must be able to enforce. Where nobody says, a program gets what the
    /// kernel can do: the limits, no new privileges, the filter of system calls and the scope of
    /// signals cost an honest program nothing, and the lists restrict nothing until they are written.
    pub fn enforcement(&self) -> Enforcement {
        self.require.unwrap_or(Enforcement::BestEffort)
    }

    /// Every path of its lists.
    pub fn paths(&self) -> impl Iterator<Item = &Template> {
        let lists = [&self.read, &self.write, &self.exec];
        lists.into_iter().flatten().flatten()
    }
}

/// How much of a sandbox the host must be able to enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// All of it, or the tool is disabled.
    Full,
    /// What the kernel can.
    BestEffort,
    /// Nothing.
    Off,
}
