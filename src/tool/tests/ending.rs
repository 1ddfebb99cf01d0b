//! How a call ends, and that nothing outlives it.

use super::*;

#[tokio::test]
async fn an_exit_code_is_a_result_or_an_error_as_the_tool_says() {
    let mut grep = sh("exit 1");
    grep.ok = vec![0, 1];
    let finished = run(&grep).await;
    assert_eq!(finished.outcome, exited(1));
    assert_eq!(
        (finished.shown.as_str(), finished.is_error),
        ("(no output, exit code 1)", false)
    );

    let mut found = sh("echo x; exit 1");
    found.ok = vec![1];
    assert_eq!(run(&found).await.shown, "[exit code 1]\nx");

    let finished = run(&sh("echo half; echo 'no such file' >&2; exit 2")).await;
    assert_eq!(finished.outcome, exited(2));
    assert!(finished.is_error);
    assert_eq!(
        finished.shown,
        "[failed with exit code 2]\nhalf\n[stderr]\nno such file"
    );
    assert_eq!(finished.stored, "half\n[stderr]\nno such file\n");

    let finished = run(&sh("exit 3")).await;
    assert_eq!(finished.shown, "[failed with exit code 3, no output]");
}

#[tokio::test]
async fn an_end_by_a_signal_is_an_error_with_the_signals_name_whatever_is_ok() {
    let mut killed = sh("echo x; kill -SEGV $$");
    killed.ok = vec![0, 139];
    let finished = run(&killed).await;
    assert_eq!(finished.outcome, exited(139));
    assert!(finished.is_error);
    assert_eq!(finished.shown, "[ended by SIGSEGV, exit code 139]\nx");
}

#[tokio::test]
async fn a_deadline_ends_the_whole_group_and_leaves_no_zombie() {
    let mut witness = Witness::new();
    let setting = Setting::default();
    let tree = witness.sh("echo $$; sleep 1000 & echo ready >&3; sleep 1000");
    let deadline = async {
        witness.line().await;
        tokio::time::pause();
        tokio::time::advance(NEVER).await;
        tokio::time::resume();
    };
    let (finished, ()) = tokio::join!(setting.run(&tree), deadline);
    assert_eq!(finished.outcome, Outcome::TimedOut);
    assert!(finished.is_error);
    let leader = finished.stored.trim();
    assert_eq!(
        finished.shown,
        format!(
            "[ended because it had not finished after 3600s; what it wrote until then:]\n{leader}"
        )
    );
    assert!(leader.parse::<u32>().is_ok());
    assert!(!Path::new("/proc").join(leader).exists());
    witness.gone().await;
}

#[tokio::test]
async fn the_earlier_of_two_deadlines_holds() {
    let mut sleeper = start(&["sleep", "1000"]);
    sleeper.timeout = Some(Duration::from_millis(1));
    let finished = run(&sleeper).await;
    assert_eq!(
        finished.shown,
        "[ended because it had not finished after 1ms; it had written nothing]"
    );
}

#[tokio::test]
async fn a_group_that_ignores_term_is_killed_after_the_grace() {
    let mut witness = Witness::new();
    let setting = Setting::grace(Duration::from_millis(20));
    let stubborn = witness.sh("trap '' TERM; sleep 1000 & echo ready >&3; sleep 1000; sleep 1000");
    let cancel = async {
        assert_eq!(witness.line().await, "ready");
        setting.cancel.cancel();
    };
    let (finished, ()) = tokio::join!(setting.run(&stubborn), cancel);
    assert_eq!(finished.outcome, Outcome::Cancelled);
    assert_eq!(
        finished.shown,
        "[cancelled while it ran; it had written nothing]"
    );
    witness.gone().await;
}

#[tokio::test]
async fn a_cancelled_program_may_say_its_last_words_within_the_grace() {
    let mut witness = Witness::new();
    let setting = Setting::default();
    let polite = witness.sh("trap 'echo undone; exit 0' TERM; echo ready >&3; sleep 1000 & wait");
    let cancel = async {
        witness.line().await;
        setting.cancel.cancel();
    };
    let (finished, ()) = tokio::join!(setting.run(&polite), cancel);
    assert_eq!(finished.outcome, Outcome::Cancelled);
    assert_eq!(
        finished.shown,
        "[cancelled while it ran; what it wrote until then:]\nundone"
    );
    witness.gone().await;
}

#[tokio::test]
async fn a_stopped_program_is_woken_to_end() {
    let mut witness = Witness::new();
    let setting = Setting::default();
    let stopped = witness.sh("trap 'echo woken; exit 0' TERM; echo ready >&3; kill -STOP $$");
    let cancel = async {
        witness.line().await;
        setting.cancel.cancel();
    };
    let (finished, ()) = tokio::join!(setting.run(&stopped), cancel);
    assert_eq!(finished.stored, "woken\n");
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_starts_starts_nothing() {
    let setting = Setting::default();
    setting.cancel.cancel();
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let finished = setting
        .run(&sh(&format!("echo x >{}", mark.display())))
        .await;
    assert_eq!(finished.outcome, Outcome::Cancelled);
    assert!(finished.is_error && !mark.exists());
}

#[tokio::test]
async fn a_dropped_call_leaves_neither_a_process_nor_a_folder() {
    let mut witness = Witness::new();
    let setting = Setting::default();
    let script = "trap '' TERM; sleep 1000 & pwd >&3; sleep 1000; sleep 1000";
    let start = witness.sh(script);
    let folder = tokio::select! {
        finished = setting.run(&start) => panic!("it ended: {finished:?}"),
        folder = witness.line() => folder,
    };
    witness.gone().await;
    assert!(folder.starts_with("/tmp/tolkien-"));
    assert!(!Path::new(&folder).exists());
}

#[tokio::test]
async fn what_a_program_leaves_behind_in_its_group_is_ended() {
    let mut witness = Witness::new();
    let left = witness.sh("sleep 1000 & sleep 1000 >/dev/null 2>&1 & echo done");
    let finished = run(&left).await;
    assert_eq!(
        (finished.outcome, finished.shown.as_str()),
        (exited(0), "done")
    );
    witness.gone().await;

    let deaf = witness.sh("trap '' TERM; sleep 1000 >/dev/null 2>&1 & echo done");
    assert_eq!(run(&deaf).await.shown, "done");
    witness.gone().await;
}

#[tokio::test]
async fn a_descendant_outside_the_group_that_holds_an_output_delays_no_longer_than_the_grace() {
    let setting = Setting::grace(Duration::from_millis(20));
    let escape = "setsid sh -c 'echo $$ >&2; echo up; exec sleep 1000'";
    let script = format!("({escape} &) | read up; exit 5");
    let finished = setting.run(&sh(&script)).await;
    assert_eq!(finished.outcome, exited(5));
    let escaped: i32 = finished.stored.lines().last().unwrap().parse().unwrap();
    let escaped = Pid::from_raw(escaped).unwrap();
    kill_process(escaped, Signal::KILL).expect("it was out of the group's reach");
}
