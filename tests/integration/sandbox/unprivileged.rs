//! The suite again, as a user without any rights.

use std::os::unix::process::CommandExt;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test starts itself again as another user"
)]
fn all_of_it_holds_for_a_user_without_rights() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let output = std::process::Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .args(["--inh-caps=-all", "--bounding-set=-all", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["sandbox::", "--test-threads", "4"])
        .current_dir("/")
        .process_group(0)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("sandbox::ending::forks_without_end"),
        "{said}"
    );
}
