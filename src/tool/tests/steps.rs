//! Several programs in one folder, one after the other.

use super::super::steps::{All, run_all};
use super::*;
use crate::config::template::StepStream;
use crate::config::tool::Requirement;
use crate::pattern::{Expression, Names};

fn step(id: &str, script: &str) -> Start {
    Start {
        id: Some(id.to_owned()),
        ..sh(script)
    }
}

fn of(id: &str, stream: StepStream) -> Piece {
    let id = id.to_owned();
    Piece::Step { id, stream }
}

fn expression(text: &str) -> Expression {
    Expression::whole(text, &Names::default()).unwrap().0
}

fn requirement() -> Requirement {
    Requirement {
        expression: None,
        each_line: None,
        not_empty: false,
        because: None,
    }
}

impl Setting {
    async fn run_steps(&self, starts: &[Start], result: Option<&Rendered>) -> Finished {
        let redactions = Redactions::default();
        let redactor = Redactor::new(&redactions, &self.host);
        let sandbox = Sandbox::default();
        let all = All {
            workspace: true,
            starts,
            result,
        };
        run_all(all, &self.terms(&sandbox, &redactor)).await
    }
}

async fn run_steps(starts: &[Start]) -> Finished {
    Setting::default().run_steps(starts, None).await
}

/// A host whose private folders are made in a folder of the test.
fn within(folder: &Path) -> Setting {
    Setting {
        host: host().with_scratch(folder),
        ..Setting::default()
    }
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

#[tokio::test]
async fn steps_share_a_folder_that_is_gone_afterwards() {
    let scratch = tempfile::tempdir().unwrap();
    let steps = [
        step("write", "echo one > file; pwd"),
        step("read", "cat file; pwd"),
    ];
    let finished = within(scratch.path()).run_steps(&steps, None).await;
    let (first, folder) = finished.shown.split_once('\n').unwrap();
    assert_eq!((first, finished.is_error), ("one", false));
    assert_eq!(Path::new(folder).parent(), Some(scratch.path()));
    assert!(is_empty(scratch.path()));
}

#[tokio::test]
async fn a_failed_step_ends_the_call_and_says_which_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let setting = within(scratch.path());
    let steps = [
        step("clone", "echo fine; touch x"),
        step("push", "echo rejected >&2; exit 3"),
        step("pr", "echo never"),
    ];
    let finished = setting.run_steps(&steps, None).await;
    assert_eq!((finished.outcome, finished.is_error), (exited(3), true));
    assert_eq!(
        finished.shown,
        "[step `push` (2 of 3) ended the call; nothing after it ran]\n\
         [failed with exit code 3]\n[stderr]\nrejected"
    );
    assert_eq!(finished.bytes, 14);
    assert!(is_empty(scratch.path()));

    let unnamed = run_steps(&[sh("exit 4")]).await;
    assert_eq!(
        unnamed.shown,
        "[step 1 of 1 (`sh`) ended the call]\n[failed with exit code 4, no output]"
    );
}

#[tokio::test]
async fn what_a_step_gave_is_the_input_of_a_later_one_and_the_result() {
    let mut count = step("count", "cat; exit 5");
    count.ok = vec![5];
    count.stdin = Some(Rendered {
        pieces: vec![
            of("list", StepStream::Stdout),
            of("list", StepStream::Stderr),
        ],
    });
    let steps = [step("list", "printf 'a\\nb'; printf c >&2"), count];
    let result = Rendered {
        pieces: vec![
            Piece::Text("got: ".to_owned()),
            of("count", StepStream::Stdout),
            Piece::Text(" with ".to_owned()),
            of("count", StepStream::Code),
        ],
    };
    let finished = Setting::default().run_steps(&steps, Some(&result)).await;
    assert_eq!(finished.shown, "got: a\nbc with 5");
    assert_eq!(finished.stored, "got: a\nbc with 5");
    assert_eq!((finished.outcome, finished.is_error), (exited(0), false));
}

#[tokio::test]
async fn a_step_whose_output_may_not_be_ends_the_call() {
    let inside = Requirement {
        each_line: Some(expression("apps/.*|manifests/.*")),
        not_empty: true,
        because: Some("only apps and manifests may change".to_owned()),
        ..requirement()
    };
    let with = |script: &str, require: &Requirement| {
        let mut scope = step("scope", script);
        scope.require = Some(require.clone());
        [scope, step("push", "echo pushed")]
    };
    let fine = run_steps(&with("echo apps/a; echo manifests/b; echo", &inside)).await;
    assert_eq!((fine.shown.as_str(), fine.is_error), ("pushed", false));

    let outside = run_steps(&with("echo apps/a; printf 'x\\033[2Jy\\n'", &inside)).await;
    assert_eq!((outside.outcome, outside.is_error), (exited(0), true));
    assert_eq!(
        outside.shown,
        "[step `scope` (1 of 2) ended the call: only apps and manifests may change \
         (it wrote the line `xy`); nothing after it ran]\napps/a\nxy"
    );

    // An empty line within is a line.
    let gap = run_steps(&with("printf 'apps/a\\n\\napps/b'", &inside)).await;
    assert!(gap.is_error, "{}", gap.shown);

    let nothing = run_steps(&with("echo", &inside)).await;
    assert_eq!(
        nothing.shown.lines().next(),
        Some(
            "[step `scope` (1 of 2) ended the call: only apps and manifests may change \
             (it wrote nothing); nothing after it ran]"
        )
    );

    let clean = Requirement {
        expression: Some(expression("")),
        ..requirement()
    };
    assert!(!run_steps(&with("true", &clean)).await.is_error);
    let dirty = run_steps(&with("printf 'M a\\nM b\\n'", &clean)).await;
    assert_eq!(
        dirty.shown.lines().next(),
        Some("[step `scope` (1 of 2) ended the call: it wrote `M a M b`; nothing after it ran]")
    );
}

#[tokio::test]
async fn an_output_that_was_not_kept_whole_is_not_taken_for_what_it_must_be() {
    let mut setting = Setting::default();
    setting.output.keep_bytes = 10;
    let mut scope = step("scope", "printf 'apps/a\\nsecret\\napps/b\\n'");
    scope.require = Some(Requirement {
        each_line: Some(expression("apps/.*")),
        ..requirement()
    });
    let finished = setting.run_steps(&[scope], None).await;
    assert!(finished.is_error);
    assert!(
        finished.shown.starts_with(
            "[step `scope` (1 of 1) ended the call: it wrote more than `output.keep_bytes`, so it \
             cannot be checked]"
        ),
        "{}",
        finished.shown
    );

    let mut later = step("later", "cat");
    later.stdin = Some(Rendered {
        pieces: vec![of("long", StepStream::Stdout)],
    });
    let steps = [step("long", "printf 'much too long'"), later];
    let finished = setting.run_steps(&steps, None).await;
    assert_eq!(finished.outcome, exited(126));
    assert_eq!(
        finished.shown,
        "[not started: step `later` (2 of 2): step `long` wrote more than `output.keep_bytes`, so it \
         is not whole; the steps before it ran]"
    );
}

#[tokio::test]
async fn a_step_that_cannot_be_started_says_whether_anything_was() {
    let first = run_steps(&[start(&["no-such-program"]), sh("true")]).await;
    assert_eq!(
        not_started(&first),
        "step 1 of 2 (`no-such-program`): `no-such-program` is not on the engine's PATH, so this tool \
         cannot be used on this host"
    );
    let second = run_steps(&[sh("true"), start(&["no-such-program"])]).await;
    assert_eq!(second.outcome, exited(126));
    assert!(second.is_error);
}

#[tokio::test]
async fn a_step_that_says_a_word_now_and_then_is_not_silent() {
    let mut witness = Witness::new();
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    rustix::fs::mknodat(CWD, &go, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut word = File::options().read(true).write(true).open(&go).unwrap();
    let mut step = witness.sh(&format!(
        "exec 4<{}; for n in 1 2 3; do echo $n; echo ready >&3; read x <&4; done",
        go.display()
    ));
    step.idle_timeout = Some(Duration::from_mins(5));
    let steps = [step];
    let setting = Setting::default();
    let words = async {
        for _ in 0..3 {
            witness.line().await;
            tokio::time::pause();
            tokio::time::advance(Duration::from_mins(4)).await;
            tokio::time::resume();
            word.write_all(b"go\n").unwrap();
        }
    };
    let (finished, ()) = tokio::join!(setting.run_steps(&steps, None), words);
    assert_eq!(
        (finished.outcome, finished.shown.as_str()),
        (exited(0), "1\n2\n3")
    );
}

#[tokio::test]
async fn silence_ends_a_step() {
    let scratch = tempfile::tempdir().unwrap();
    let mut witness = Witness::new();
    let mut setting = within(scratch.path());
    setting.timeout = NEVER * 10_000;
    let quiet = Duration::from_mins(5);
    let mut step = witness.sh("echo begun; echo ready >&3; sleep 1000");
    step.id = Some("code".to_owned());
    step.idle_timeout = Some(quiet);
    // The word may be read only after the clock went on, and begins the silence anew.
    let silence = async {
        witness.line().await;
        loop {
            tokio::time::pause();
            tokio::time::advance(quiet).await;
            tokio::time::resume();
            tokio::task::yield_now().await;
        }
    };
    let steps = [step];
    let finished = tokio::select! {
        finished = setting.run_steps(&steps, None) => finished,
        () = silence => unreachable!("it never ends"),
    };
    assert_eq!(finished.outcome, Outcome::TimedOut);
    assert_eq!(
        finished.shown,
        "[step `code` (1 of 1) ended the call]\n\
         [ended because it had written nothing for 300s; what it wrote until then:]\nbegun"
    );
    assert!(is_empty(scratch.path()));
}

#[tokio::test]
async fn a_cancel_ends_the_step_that_runs_and_starts_no_other() {
    let scratch = tempfile::tempdir().unwrap();
    let mut witness = Witness::new();
    let setting = within(scratch.path());
    let steps = [
        witness.sh("echo ready >&3; exec sleep 1000"),
        sh("echo never"),
    ];
    let cancel = async {
        witness.line().await;
        setting.cancel.cancel();
    };
    let (finished, ()) = tokio::join!(setting.run_steps(&steps, None), cancel);
    assert_eq!(finished.outcome, Outcome::Cancelled);
    assert_eq!(
        finished.shown,
        "[step 1 of 2 (`sh`) ended the call; nothing after it ran]\n\
         [cancelled while it ran; it had written nothing]"
    );
    assert!(is_empty(scratch.path()));
}

#[tokio::test]
async fn the_calls_deadline_is_told_as_the_calls_and_a_steps_as_its_own() {
    let mut witness = Witness::new();
    let setting = Setting::default();
    let sleeper = || {
        let mut step = witness_step(&witness);
        step.id = Some("slow".to_owned());
        step
    };
    let of_call = [sleeper()];
    let mut own = sleeper();
    own.timeout = Some(Duration::from_mins(1));
    let of_step = [own];
    for (steps, advance, told) in [
        (&of_call, NEVER, "3600s"),
        (&of_step, Duration::from_mins(1), "60s"),
    ] {
        let deadline = async {
            witness.line().await;
            tokio::time::pause();
            tokio::time::advance(advance).await;
            tokio::time::resume();
        };
        let (finished, ()) = tokio::join!(setting.run_steps(steps, None), deadline);
        assert_eq!(finished.outcome, Outcome::TimedOut);
        assert_eq!(
            finished.shown,
            format!(
                "[step `slow` (1 of 1) ended the call]\n\
                 [ended because it had not finished after {told}; it had written nothing]"
            )
        );
    }
}

fn witness_step(witness: &Witness) -> Start {
    witness.sh("echo ready >&3; exec sleep 1000")
}

#[tokio::test]
async fn the_folder_goes_when_the_call_is_dropped() {
    let scratch = tempfile::tempdir().unwrap();
    let mut witness = Witness::new();
    let setting = within(scratch.path());
    let steps = [witness.sh("touch left; echo ready >&3; exec sleep 1000")];
    {
        let running = setting.run_steps(&steps, None);
        tokio::pin!(running);
        tokio::select! {
            _ = &mut running => panic!("it ended"),
            _ = witness.line() => {}
        }
        assert!(!is_empty(scratch.path()));
    }
    assert!(is_empty(scratch.path()));
}

/// A host with one secret, and the file that holds it.
fn with_secret(folder: &Path) -> (Setting, String) {
    let file = folder.join("token");
    std::fs::write(&file, "s3cr3t-t0ken\n").unwrap();
    let secrets = BTreeMap::from([(SecretName::new("TOKEN"), SecretSource::File(file.clone()))]);
    let programs = [("sh".to_owned(), find_program("sh").unwrap())];
    let host = Host::new(BTreeMap::new(), secrets, BTreeMap::from(programs));
    let setting = Setting {
        host,
        ..Setting::default()
    };
    (setting, file.display().to_string())
}

#[tokio::test]
async fn no_later_step_and_no_result_gets_a_secret_that_a_step_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let (setting, file) = with_secret(folder.path());
    // An escape sequence within it hides it from a search, and not from a reader.
    let read = step(
        "read",
        &format!("cat {file}; printf 's3cr3t\\033[1m-t0ken' >&2"),
    );
    let mut upper = step("upper", "tr a-z A-Z");
    upper.stdin = Some(Rendered {
        pieces: vec![
            of("read", StepStream::Stdout),
            of("read", StepStream::Stderr),
        ],
    });
    let result = Rendered {
        pieces: vec![
            of("read", StepStream::Stdout),
            of("upper", StepStream::Stdout),
        ],
    };
    let finished = setting.run_steps(&[read, upper], Some(&result)).await;
    let expected = "[redacted TOKEN]\n[REDACTED TOKEN]\n[REDACTED TOKEN]";
    assert_eq!(
        (finished.shown.as_str(), finished.is_error),
        (expected, false)
    );
    assert_eq!(finished.stored, expected);
}

#[tokio::test]
async fn what_a_step_gave_is_judged_as_it_was_and_told_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (setting, file) = with_secret(folder.path());
    let with = |line: &str| {
        let mut read = step("read", &format!("echo public; cat {file}"));
        read.require = Some(Requirement {
            each_line: Some(expression(line)),
            ..requirement()
        });
        [read]
    };
    let passed = setting.run_steps(&with("public|s3cr3t-.*"), None).await;
    assert_eq!(
        (passed.shown.as_str(), passed.is_error),
        ("public\n[redacted TOKEN]", false)
    );

    // Neither the secret nor any other line: a part of a secret need not look like one.
    for line in ["public", "s3cr3t-.*"] {
        let ended = setting.run_steps(&with(line), None).await;
        let why = "step `read` (1 of 1) ended the call: it wrote the line (not shown: there is a \
                   secret in its output)";
        assert_eq!(ended.shown, format!("[{why}]\npublic\n[redacted TOKEN]"));
        assert_eq!(ended.ended_by.as_deref(), Some(why));
    }
}
