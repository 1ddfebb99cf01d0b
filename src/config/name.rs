//! The names that a configuration gives to things, one type for each, so that two of them cannot be
//! mixed up.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name that was checked, or that was stored after having been checked.
            pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// A tool: the stem of its file, `[a-z][a-z0-9_]{0,63}`.
    ToolName;
    /// A policy: the stem of its file, `[a-z][a-z0-9-]{0,63}`.
    PolicyName;
    /// A rule, implicit ones included: `kubectl.args.deny[0]`, `kubectl.effect`,
    /// `cluster-read-only.no-secrets`.
    RuleId;
    /// A role of the settings: `operator`.
    RoleName;
    /// Somebody who may talk to the server, as named in the settings.
    CallerName;
    /// A name that templates may read as `env.NAME`.
    EnvName;
    /// A name that templates may read as `secret.NAME`.
    SecretName;
    /// The content of a root: SHA-256 in lower-case hexadecimal.
    Revision;
    /// A change of what is permitted, as `tolkien diff` names it: SHA-256 in lower-case hexadecimal.
    Fingerprint;
}
