//! What this kernel can enforce of a sandbox, as far as it says so in files.

use std::fs;
use std::path::Path;

use crate::config::Config;
use crate::config::tool::{Enforcement, Run, Sandbox};
use crate::diagnostic::Diagnostic;

/// The security modules in force, one line (kernel documentation, `admin-guide/LSM`).
const MODULES: &str = "/sys/kernel/security/lsm";

/// There on kernels with seccomp filters (`prctl/seccomp_filter` of the kernel's documentation).
const FILTERS: &str = "/proc/sys/kernel/seccomp/actions_avail";

/// A finding for each sandbox that must be enforced wholly and cannot be.
pub(super) fn findings(config: &Config) -> Vec<Diagnostic> {
    let modules = fs::read_to_string(MODULES).ok();
    let Some(lacks) = lacks(modules.as_deref(), Path::new(FILTERS).exists()) else {
        return Vec::new();
    };
    let of_tools = config.tools().values().flat_map(|tool| {
        let steps = match &tool.run {
            Run::Steps(steps) => steps.list.as_slice(),
            _ => &[],
        };
        let of_steps = steps.iter().filter_map(|step| step.sandbox.as_ref());
        tool.sandbox.iter().chain(of_steps)
    });
    std::iter::once(&config.settings().sandbox)
        .chain(of_tools)
        .filter_map(|sandbox| finding(sandbox, lacks))
        .collect()
}

fn finding(sandbox: &Sandbox, lacks: &str) -> Option<Diagnostic> {
    if sandbox.require != Some(Enforcement::Full) {
        return None;
    }
    let message = format!("this sandbox must be enforced wholly, and {lacks}");
    let help = "run it on a kernel with Landlock and seccomp, or write `require: best-effort`";
    Some(Diagnostic::warning("host-sandbox", sandbox.place.clone()?, message).help(help))
}

/// What keeps this kernel from enforcing all of a sandbox.
fn lacks(modules: Option<&str>, has_filters: bool) -> Option<&'static str> {
    let landlock = modules.map(|modules| modules.trim().split(',').any(|name| name == "landlock"));
    match (landlock, has_filters) {
        (Some(true), true) => None,
        (Some(false), _) => Some("this kernel runs without Landlock"),
        (Some(true), false) => Some("this kernel has no seccomp filters"),
        (None, _) => Some("this kernel does not say whether it has Landlock"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    #[test]
    fn a_kernel_that_enforces_everything_lacks_nothing() {
        assert_eq!(lacks(Some("lockdown,yama,landlock,bpf\n"), true), None);
        assert_eq!(
            lacks(Some("lockdown,yama,landlocked\n"), true),
            Some("this kernel runs without Landlock")
        );
        assert_eq!(
            lacks(Some("landlock"), false),
            Some("this kernel has no seccomp filters")
        );
        assert_eq!(
            lacks(None, true),
            Some("this kernel does not say whether it has Landlock")
        );
    }

    #[test]
    fn only_a_sandbox_that_must_be_enforced_wholly_is_told() {
        let source = Source::new("tolkien.yaml", "sandbox: {require: full}\n");
        let mut sandbox = Sandbox {
            require: Some(Enforcement::Full),
            place: Some(source.place(9..24)),
            ..Sandbox::default()
        };
        let told = finding(&sandbox, "it cannot").unwrap();
        assert_eq!(told.place.to_string(), "tolkien.yaml:1:10");
        assert_eq!(
            told.message,
            "this sandbox must be enforced wholly, and it cannot"
        );
        sandbox.require = Some(Enforcement::BestEffort);
        assert_eq!(finding(&sandbox, "it cannot"), None);
    }
}
