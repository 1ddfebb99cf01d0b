//! What becomes of what a program writes.

use super::*;

#[tokio::test]
async fn standard_error_of_a_success_is_shown_too() {
    let finished = run(&sh("echo 'No resources found' >&2")).await;
    assert!(!finished.is_error);
    assert_eq!(finished.shown, "[stderr]\nNo resources found");
}

#[tokio::test]
async fn a_long_output_is_drained_to_its_end_and_costs_its_cap() {
    let finished = run(&sh("yes | head -c 300000000; echo end")).await;
    assert_eq!(finished.outcome, exited(0));
    assert_eq!(finished.bytes, 300_000_004);
    assert!(finished.truncated);
    assert!(finished.stored.len() <= OutputLimits::default().keep_bytes + 100);
    assert!(finished.stored.starts_with("y\ny\n") && finished.stored.ends_with("y\nend\n"));
    assert!(finished.shown.starts_with("y\ny\n") && finished.shown.ends_with("y\nend"));
    assert!(
        finished
            .shown
            .contains("where 298951428 bytes were not kept at all; read_output")
    );
}

#[tokio::test]
async fn both_outputs_are_drained_at_once() {
    let finished = run(&sh(
        "head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; echo end",
    ))
    .await;
    assert_eq!(finished.bytes, 2_000_004);
    assert_eq!(finished.shown, "end");
}

#[tokio::test]
async fn a_flood_is_ended() {
    let mut setting = Setting::default();
    setting.bounds.flood = 10_000_000;
    setting.output = OutputLimits {
        limit: 4,
        keep: Keep::Head,
        keep_bytes: 100,
    };
    let finished = setting.run(&sh("yes")).await;
    assert_eq!(finished.outcome, exited(128 + 15));
    assert!(finished.is_error);
    let (first, rest) = finished.shown.split_once('\n').unwrap();
    assert_eq!(
        first,
        "[ended because it wrote more than 10000000 bytes; the output:]"
    );
    assert!(rest.starts_with("y\ny\n[… "));
}

#[tokio::test]
async fn what_a_terminal_would_obey_does_not_reach_the_model() {
    let finished = run(&start(&[
        "printf",
        r"\033[31mred\033[0m \377\r\n\033]0;t\007x\n",
    ]))
    .await;
    assert_eq!(finished.shown, "red \u{fffd}\nx");
}

#[tokio::test]
async fn the_beginning_of_a_secret_is_not_shown_where_its_program_was_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cr3t-t0ken-of-some-length\n").unwrap();
    let secrets = BTreeMap::from([(SecretName::new("TOKEN"), SecretSource::File(file))]);
    let programs = ["sh", "echo"].map(|name| (name.to_owned(), find_program(name).unwrap()));
    let mut setting = Setting {
        host: Host::new(BTreeMap::new(), secrets, BTreeMap::from(programs)),
        ..Setting::default()
    };
    let begun = "printf 'It is s3cr3t-t0k'";
    // By itself it wrote what it wanted to write, which is not the secret.
    let itself = setting.run(&sh(begun)).await;
    assert_eq!(itself.shown, "It is s3cr3t-t0k");
    let cut = "It is \n[… 10 bytes were not kept …]";
    let killed = setting.run(&sh(&format!("{begun}; kill -KILL $$"))).await;
    assert_eq!(killed.stored, format!("{cut}\n"));
    assert_eq!(
        killed.shown,
        format!("[ended by SIGKILL, exit code 137]\n{cut}")
    );
    setting.bounds.flood = 10;
    let flooded = setting.run(&sh(&format!("{begun}; exec sleep 1000"))).await;
    assert_eq!(flooded.stored, format!("{cut}\n"));
}
