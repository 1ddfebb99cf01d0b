//! The local token's file and the door that must not stay open.

use super::*;
use crate::config::name::{CallerName, RoleName};
use crate::config::settings::Caller;
use crate::diagnostic::Place;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_start_makes_a_token_and_the_next_ones_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state").join("tolkien");
    let first = local(&state).unwrap();
    let second = local(&state).unwrap();
    assert_eq!(first.expose_secret(), second.expose_secret());
    assert_eq!(first.expose_secret().len(), 72);
    assert_eq!((mode(&state), mode(&state.join("token"))), (0o700, 0o600));
    let names: Vec<_> = fs::read_dir(&state)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["token"]);
}

#[test]
fn servers_that_start_together_agree_on_one_token() {
    let dir = tempfile::tempdir().unwrap();
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| local(dir.path()).unwrap().expose_secret().to_owned()))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

#[test]
fn a_token_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    local(dir.path()).unwrap();
    let path = dir.path().join("token");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = local(dir.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` can be read by others than its owner: \
             remove it, and the next start makes a new one",
            path.display()
        )
    );
}

#[test]
fn an_empty_token_file_is_not_an_empty_token() {
    let dir = tempfile::tempdir().unwrap();
    local(dir.path()).unwrap();
    fs::write(dir.path().join("token"), "").unwrap();
    assert!(matches!(local(dir.path()), Err(Error::Damaged(_))));
}

#[test]
fn off_loopback_a_server_without_tokens_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let start = |listen: &str, settings: &Settings| {
        at_start(settings, listen.parse().unwrap(), dir.path()).map(|token| token.is_some())
    };
    let open = Settings::default();
    for listen in ["0.0.0.0:7331", "[::]:7331", "192.168.1.4:7331"] {
        assert_eq!(
            start(listen, &open).unwrap_err().to_string(),
            format!(
                "the server would listen on `{listen}`, which others can reach, and no caller \
                 has a token: make one with `tolkien token NAME` and add its digest to \
                 `callers`, or listen on a loopback address"
            )
        );
    }
    assert!(!dir.path().join("token").exists());
    assert!(start("127.0.0.1:7331", &open).unwrap());
    assert!(start("[::1]:7331", &open).unwrap());
}

#[test]
fn with_a_token_in_the_settings_no_local_one_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        callers: vec![Caller {
            name: CallerName::new("frodo"),
            role: RoleName::new("operator"),
            token_sha256: vec![digest("x")],
            telegram_user_ids: Vec::new(),
            place: Place::file("tolkien.yaml"),
        }],
        ..Settings::default()
    };
    let found = at_start(&settings, "0.0.0.0:7331".parse().unwrap(), dir.path()).unwrap();
    assert!(found.is_none());
    assert!(!dir.path().join("token").exists());
}
