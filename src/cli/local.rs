//! Who the commands of this machine act as.

use crate::call::Caller;
use crate::config::name::{CallerName, RoleName};
use crate::config::policy::Channel;
use crate::config::settings::Settings;
use crate::server::local_role;

/// The operator at the keyboard: whoever can start the binary can read its configuration anyway.
const NAME: &str = "local";

/// The local caller through a door, with its own role unless another is named.
pub(crate) fn caller(settings: &Settings, role: Option<&str>, channel: Channel) -> Caller {
    Caller {
        name: CallerName::new(NAME),
        role: role.map_or_else(|| local_role(settings), RoleName::new),
        channel,
    }
}
