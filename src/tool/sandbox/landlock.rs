//! Landlock: the lists of a sandbox as a domain that the calling thread enters.

use std::path::Path;

use landlock::{
    ABI, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope,
};

use super::Lists;

/// The newest version that this build knows to ask for (Linux 6.15); what of it the kernel lacks is
/// told.
const KNOWN: ABI = ABI::V7;

/// What each version of Landlock brought that a sandbox uses, with the kernel that has it.
const BROUGHT: [(ABI, &str); 5] = [
    (
        ABI::V2,
        "cannot tell moving a file from removing it (Linux 5.19)",
    ),
    (ABI::V3, "cannot hold truncating a file (Linux 6.2)"),
    (ABI::V4, "cannot hold TCP ports (Linux 6.7)"),
    (ABI::V5, "cannot hold requests to devices (Linux 6.10)"),
    (ABI::V6, "cannot keep signals within a sandbox (Linux 6.12)"),
];

/// What the kernel does of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// What it does not, in words.
    pub(super) lacks: Vec<String>,
    /// Whether signals end at the domain's border.
    pub(super) signals: bool,
}

/// Puts the calling thread, and what it starts from here on, into a domain for good. The program
/// itself may always be read and executed, and nothing of a missing path is allowed.
pub(super) fn enter(lists: &Lists, program: &Path) -> Result<Held, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_write(KNOWN);
    let mut ruleset = Ruleset::default().scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    let mut handled = BitFlags::EMPTY;
    for (list, access) in [
        (&lists.read, read),
        (&lists.write, write),
        (&lists.exec, AccessFs::Execute.into()),
    ] {
        if list.is_some() {
            handled |= access;
        }
    }
    // Where files are held at all, moving one to another folder is forbidden until it is allowed.
    let moves = !handled.is_empty() && lists.write.is_none();
    if moves {
        handled |= AccessFs::Refer;
    }
    if !handled.is_empty() {
        ruleset = ruleset.handle_access(handled)?;
    }
    if lists.connect.is_some() {
        ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    let mut created = ruleset.create()?;
    for (list, access) in [
        (&lists.read, read),
        (&lists.write, write),
        // The kernel reads what it executes.
        (
            &lists.exec,
            (AccessFs::Execute | AccessFs::ReadFile) & handled,
        ),
    ] {
        for path in list.iter().flatten() {
            created = allow(created, path, access)?;
        }
    }
    created = allow(
        created,
        program,
        (AccessFs::ReadFile | AccessFs::Execute) & handled,
    )?;
    if moves {
        created = allow(created, Path::new("/"), AccessFs::Refer.into())?;
    }
    for port in lists.connect.iter().flatten() {
        created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(held(&created.restrict_self()?))
}

/// Allows what of an access makes sense for a path: a file has no entries.
fn allow(
    created: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(created);
    };
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(KNOWN)
    };
    if access.is_empty() {
        return Ok(created);
    }
    created.add_rule(PathBeneath::new(opened, access))
}

fn held(status: &RestrictionStatus) -> Held {
    let version = match status.landlock {
        LandlockStatus::Available { effective_abi, .. }
            if status.ruleset != RulesetStatus::NotEnforced =>
        {
            effective_abi
        }
        _ => ABI::Unsupported,
    };
    let lacks = if version == ABI::Unsupported {
        vec!["this kernel runs without Landlock".to_owned()]
    } else {
        BROUGHT
            .iter()
            .filter(|(since, _)| version < *since)
            .map(|(_, what)| format!("the Landlock of this kernel {what}"))
            .collect()
    };
    Held {
        lacks,
        signals: version >= ABI::V6,
    }
}
