//! The names that the engine gives to sessions, turns, calls and approvals.
//!
//! They are random (UUID version 4), so that nobody can guess another one's or read an order out
//! of them, and each begins with a letter that says what it names.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// One that nobody has yet.
            pub fn fresh() -> Self {
                Self(format!(concat!($prefix, "_{}"), uuid::Uuid::new_v4().simple()).into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            /// Takes what a client sent; whether it names anything is for the store to say.
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A conversation: `s_…`.
    SessionId, "s";
    /// A question and everything up to its answer: `t_…`.
    TurnId, "t";
    /// One call of a tool: `c_…`. The model learns it where an output was cut, for `read_output`.
    CallId, "c";
    /// A question to whoever may approve a call: `a_…`.
    ApprovalId, "a";
}
