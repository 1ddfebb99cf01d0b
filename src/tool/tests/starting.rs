//! What a program gets: words, environment, input, folder.

use super::*;

#[tokio::test]
async fn the_words_reach_the_program_exactly_and_no_shell_sees_them() {
    let words = [
        "$HOME", "*", "a b", "", "'\"\\", "`id`", "a\nb", "日本", "-n",
    ];
    let all: Vec<&str> = ["printf", "<%s>"].into_iter().chain(words).collect();
    let finished = run(&start(&all)).await;
    assert_eq!(
        finished.shown,
        "<$HOME><*><a b><><'\"\\><`id`><a\nb><日本><-n>"
    );
    assert_eq!(finished.stored, finished.shown);
    assert_eq!(finished.bytes, finished.shown.len() as u64);
    assert_eq!(finished.outcome, exited(0));
    assert!(!finished.is_error && !finished.truncated);
}

#[tokio::test]
async fn the_program_sees_its_name_as_written() {
    let finished = run(&sh("echo $0")).await;
    assert_eq!(finished.shown, "sh");
}

#[tokio::test]
async fn the_environment_holds_exactly_what_the_tool_names() {
    assert_eq!(
        run(&start(&["env"])).await.shown,
        "(no output, exit code 0)"
    );

    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let setting = Setting {
        host: Host::new(
            BTreeMap::from([(EnvName::new("DOCS_DIR"), "/srv/docs".to_owned())]),
            BTreeMap::from([(SecretName::new("TOKEN"), SecretSource::File(secret))]),
            BTreeMap::from([("env".to_owned(), find_program("env").unwrap())]),
        ),
        ..Setting::default()
    };
    let mut env = start(&["env"]);
    let bearer = Rendered {
        pieces: vec![
            Piece::Text("Bearer ".to_owned()),
            Piece::Secret(SecretName::new("TOKEN")),
        ],
    };
    let docs = Rendered {
        pieces: vec![Piece::Env(EnvName::new("DOCS_DIR"))],
    };
    env.env = vec![
        ("DOCS".to_owned(), docs),
        ("AUTH".to_owned(), bearer.clone()),
    ];
    let finished = setting.run(&env).await;
    let mut lines: Vec<&str> = finished.shown.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["AUTH=Bearer [redacted TOKEN]", "DOCS=/srv/docs"]);

    env.words.push(bearer);
    assert_eq!(
        not_started(&setting.run(&env).await),
        "secret `TOKEN` may only stand in `env` and `stdin` of a command, and in `headers` and `body` \
         of a request"
    );
}

#[tokio::test]
async fn standard_input_is_closed_unless_it_is_given() {
    let finished = run(&start(&["cat"])).await;
    assert_eq!(finished.shown, "(no output, exit code 0)");

    let mut cat = start(&["cat"]);
    cat.stdin = Some(text("question\n"));
    assert_eq!(run(&cat).await.shown, "question");
}

#[tokio::test]
async fn a_long_input_neither_blocks_nor_fails_whether_it_is_read_or_not() {
    let long = "x".repeat(1_000_000);
    let mut echoing = start(&["cat"]);
    echoing.stdin = Some(text(&long));
    let finished = run(&echoing).await;
    assert_eq!(finished.bytes, 1_000_000);
    assert_eq!(finished.stored, long);

    let mut deaf = sh("exec <&-; echo done");
    deaf.stdin = Some(text(&long));
    let finished = run(&deaf).await;
    assert_eq!(
        (finished.shown.as_str(), finished.is_error),
        ("done", false)
    );

    let mut still = sh("echo done");
    still.stdin = Some(text(&long));
    assert_eq!(run(&still).await.shown, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_run_at_the_same_time() {
    // Each waits until the other has opened the pipe.
    let witness = Witness::new();
    let path = witness.path.display();
    drop(witness.reader);
    let (writer, reader) = (sh(&format!("echo x >{path}")), sh(&format!("cat {path}")));
    let (wrote, read) = tokio::join!(run(&writer), run(&reader));
    assert_eq!((wrote.outcome, read.shown.as_str()), (exited(0), "x"));

    let starts: Vec<Start> = (0..12).map(|n| start(&["echo", &n.to_string()])).collect();
    let all = futures_util::future::join_all(starts.iter().map(run)).await;
    let shown: Vec<String> = all.into_iter().map(|finished| finished.shown).collect();
    let expected: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn the_working_folder_is_private_and_gone_afterwards() {
    let finished = run(&sh(
        "pwd; stat -c %a .; ls -A; mkdir -p a/b; echo x >a/b/c; ln -s / root",
    ))
    .await;
    let lines: Vec<&str> = finished.shown.lines().collect();
    let [folder, mode] = lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(mode, "700");
    assert!(folder.starts_with("/tmp/tolkien-"));
    assert!(!Path::new(folder).exists());

    let other = run(&start(&["pwd"])).await.shown;
    assert_ne!(other, folder);
}

#[tokio::test]
async fn the_working_folder_can_be_given_and_the_workspace_is_another_then() {
    let given = tempfile::tempdir().unwrap();
    std::fs::write(given.path().join("kept"), "").unwrap();
    let mut list = sh("pwd; ls; echo \"$1\" >\"$0/file\"; echo \"$0\"; cat \"$0/file\"");
    list.cwd = Some(text(given.path().to_str().unwrap()));
    let workspace = Rendered {
        pieces: vec![Piece::Workspace],
    };
    list.words.extend([workspace, text("text")]);
    let finished = run(&list).await;
    let lines: Vec<&str> = finished.shown.lines().collect();
    assert_eq!(lines[..2], [given.path().to_str().unwrap(), "kept"]);
    assert_eq!(lines[3], "text");
    assert!(!Path::new(lines[2]).exists());
    assert!(given.path().join("kept").exists());
}

#[tokio::test]
async fn what_cannot_start_says_what_is_missing_in_the_operators_names() {
    assert_eq!(
        not_started(&run(&start(&["kubectl-not-here", "get"])).await),
        "`kubectl-not-here` is not on the engine's PATH, so this tool cannot be used on this host"
    );
    assert_eq!(
        not_started(&run(&start(&["/nonexistent/program"])).await),
        "`/nonexistent/program` cannot be started: No such file or directory (os error 2)"
    );
    assert_eq!(
        not_started(&run(&start(&["echo", &"x".repeat(3_000_000)])).await),
        "`echo` cannot be started: Argument list too long (os error 7)"
    );
    let mut lost = start(&["pwd"]);
    let docs = |name: &str| Rendered {
        pieces: vec![
            Piece::Env(EnvName::new(name)),
            Piece::Text("/none".to_owned()),
        ],
    };
    lost.cwd = Some(docs("DOCS_DIR"));
    assert_eq!(
        not_started(&run(&lost).await),
        "there is no folder `$DOCS_DIR/none` on this host: `DOCS_DIR` is set, and whoever runs the \
         server sets it to another path, or makes the folder"
    );
    lost.cwd = Some(docs("UNSET"));
    assert_eq!(
        not_started(&run(&lost).await),
        "environment name `UNSET` is not set on this host and has no default"
    );
}

#[tokio::test]
async fn a_path_that_leaves_its_folder_through_a_link_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let docs = root.path().join("docs");
    std::fs::create_dir(&docs).unwrap();
    std::fs::write(docs.join("page.md"), "a page").unwrap();
    std::fs::write(root.path().join("secret"), "a secret").unwrap();
    symlink("../secret", docs.join("link.md")).unwrap();
    let read = |path: &str| {
        let mut read = start(&["cat", path]);
        let folder = text(docs.to_str().unwrap());
        read.cwd = Some(folder.clone());
        read.within = vec![(folder, path.to_owned())];
        read
    };
    assert_eq!(run(&read("page.md")).await.shown, "a page");
    assert_eq!(
        not_started(&run(&read("link.md")).await),
        "`link.md` may not be used: it leads out of its folder, through a symbolic link or `..`"
    );
    let missing = run(&read("missing.md")).await;
    assert_eq!(
        missing.shown,
        "[failed with exit code 1]\n[stderr]\ncat: missing.md: No such file or directory"
    );
}
