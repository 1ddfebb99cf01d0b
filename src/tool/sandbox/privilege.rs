//! What root may keep in the domain: to work with anybody's files, and to be anybody, but nothing that
//! concerns the kernel. Some kernels let a privileged process read the environment of any other
//! (`CAP_PERFMON` since Linux 6.13), whatever its domain.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// What is kept of what there is.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// Gives up the rest for the calling thread. Since no new privileges can be gained, what it starts
/// does not get them back, though it is root.
pub(super) fn give_up() -> io::Result<()> {
    let CapabilitySets {
        effective,
        permitted,
        inheritable,
    } = capabilities(None)?;
    if KEPT.contains(permitted | inheritable) {
        return Ok(());
    }
    let kept = CapabilitySets {
        effective: effective & KEPT,
        permitted: permitted & KEPT,
        inheritable: inheritable & KEPT,
    };
    Ok(set_capabilities(None, kept)?)
}
