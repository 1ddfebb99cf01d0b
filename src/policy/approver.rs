//! Who may decide about a call that waits for an approval.

use crate::call::Caller;
use crate::config::name::RoleName;
use crate::config::settings::Settings;

/// Whether callers of a role may: those of every role with `approve: true`, and where rules name
/// `approvers`, only of these. Whose session it is neither grants nor forbids it.
pub fn may_approve(settings: &Settings, role: &RoleName, approvers: Option<&[RoleName]>) -> bool {
    let granted = settings.roles.by_name.get(role);
    granted.is_some_and(|role| role.approve)
        && approvers.is_none_or(|approvers| approvers.contains(role))
}

/// Whether there is anybody who may: whoever asks for the call, or another caller of the settings.
pub fn anybody_may_approve(
    settings: &Settings,
    asker: &Caller,
    approvers: Option<&[RoleName]>,
) -> bool {
    let others = settings.callers.iter().map(|caller| &caller.role);
    let mut roles = others.chain([&asker.role]);
    roles.any(|role| may_approve(settings, role, approvers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::name::CallerName;
    use crate::config::policy::Channel;
    use crate::config::settings;
    use crate::diagnostic::Place;

    fn settings(callers: &[&str]) -> Settings {
        let mut settings = Settings::default();
        let viewer = settings::Role {
            tools: vec!["*".to_owned()],
            effects: None,
            approve: false,
            place: None,
        };
        let roles = &mut settings.roles.by_name;
        roles.insert(RoleName::new("viewer"), viewer);
        let callers = callers.iter().map(|role| settings::Caller {
            name: CallerName::new(format!("a-{role}")),
            role: RoleName::new(*role),
            token_sha256: Vec::new(),
            telegram_user_ids: Vec::new(),
            place: Place::file("tolkien.yaml"),
        });
        settings.callers = callers.collect();
        settings
    }

    #[test]
    fn a_role_needs_the_grant_and_to_be_named_where_roles_are() {
        let settings = settings(&[]);
        let admins = [RoleName::new("admin"), RoleName::new("viewer")];
        let may = |role: &str, approvers| may_approve(&settings, &RoleName::new(role), approvers);
        for (role, anyhow, where_named) in [
            ("operator", true, false),
            ("admin", true, true),
            ("viewer", false, false),
            ("nobody", false, false),
        ] {
            assert_eq!(may(role, None), anyhow, "{role}");
            assert_eq!(may(role, Some(&admins)), where_named, "{role}");
        }
    }

    #[test]
    fn somebody_is_whoever_asks_or_another_caller() {
        let admins = [RoleName::new("admin")];
        for (callers, asker, approvers, expected) in [
            (&[][..], "operator", None, true),
            (&[], "viewer", None, false),
            (&["operator"], "viewer", None, true),
            (&["operator"], "operator", Some(&admins[..]), false),
            (&["viewer", "admin"], "operator", Some(&admins), true),
        ] {
            let asker = Caller {
                name: CallerName::new("joao"),
                role: RoleName::new(asker),
                channel: Channel::Api,
            };
            let found = anybody_may_approve(&settings(callers), &asker, approvers);
            assert_eq!(found, expected, "{callers:?} {asker:?} {approvers:?}");
        }
    }
}
