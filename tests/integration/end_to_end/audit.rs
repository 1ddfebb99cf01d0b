//! `tolkien audit` on trails of real turns, and on ones that somebody meddled with.

use std::fmt::Write as _;

use sqlx::{Connection as _, SqliteConnection};

use super::*;

const LOOK: &str = r#"
description: Looks at nothing.
effect: read
input: {type: object}
run: {command: ["true"]}
tests: [{allow: {}}, {deny: {other: 1}}]
"#;

/// A folder in which two turns made three calls: `say` allowed, `say` denied, `look` allowed.
async fn two_turns() -> Home {
    let say = SAY.replace(
        "tests: [",
        "arguments: {text: {deny: [forbidden]}}\ntests: [{deny: {text: forbidden}}, ",
    );
    let home = Home::new(&[
        ("tools.d/say.yaml", &say),
        ("tools.d/look.yaml", LOOK),
        (
            "tolkien.yaml",
            "sandbox: {require: off}\naudit: {file: trail.jsonl}\n",
        ),
    ]);
    for calls in [
        vec![
            ("say", json!({"text": "hello"})),
            ("say", json!({"text": "forbidden"})),
        ],
        vec![("look", json!({}))],
    ] {
        let fake = Fake::start().await;
        fake.push(Answer::tools(calls));
        fake.push(Answer::text("Done."));
        let output = home.tolkien(Some(&fake)).args(["ask", "Go."]).output();
        succeeded(&output.await.unwrap());
    }
    home
}

impl Home {
    /// Exit code, standard output, standard error; without what differs from run to run.
    async fn audit(&self, words: &[&str]) -> String {
        let output = self
            .tolkien(None)
            .arg("audit")
            .args(words)
            .output()
            .await
            .unwrap();
        let code = output.status.code().unwrap();
        let folder = self.folder.path().display().to_string();
        let text = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
        let text = text.replace(&folder, "FOLDER");
        let lines: Vec<String> = text.lines().map(steady).collect();
        format!("{}\nexit code {code}", lines.join("\n"))
    }

    /// The records as they are kept, one a line.
    async fn records(&self) -> Vec<Value> {
        let output = self
            .tolkien(None)
            .args(["audit", "--json"])
            .output()
            .await
            .unwrap();
        succeeded(&output);
        let records = stdout(&output);
        records
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Changes the store behind the server's back.
    async fn meddle(&self, sql: &'static str) {
        let path = self.state().join("tolkien.db");
        let mut db = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }
}

/// A line with signs for its time, its ids, its hashes and how long a call took.
fn steady(line: &str) -> String {
    let words = line.split(' ').map(|word| match word {
        word if word.ends_with('Z') && word.contains('T') => "TIME",
        word if word.starts_with("c_") => "CALL",
        word if word.trim_matches(['`', ':']).len() == 64 => "HASH",
        word if word.len() < 6 && word.parse::<u64>().is_ok() && line.contains(" ms") => "N",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_trail_is_printed_whole_or_in_part() {
    let home = two_turns().await;
    insta::assert_snapshot!(home.audit(&[]).await, @"
    TIME local api CALL say allow by say.effect: echo 'said hello'
    TIME local api CALL say deny by say.text.deny[0]: no command line
    TIME local api CALL say denied
    TIME local api CALL say exited with exit code N after N ms, N bytes, sandbox off
    TIME local api CALL look allow by look.effect: true
    TIME local api CALL look exited with exit code N after N ms, N bytes, sandbox off
    exit code 0
    ");
    insta::assert_snapshot!(home.audit(&["--tool", "look"]).await, @"
    TIME local api CALL look allow by look.effect: true
    TIME local api CALL look exited with exit code N after N ms, N bytes, sandbox off
    exit code 0
    ");
    insta::assert_snapshot!(home.audit(&["--verdict", "deny"]).await, @"
    TIME local api CALL say deny by say.text.deny[0]: no command line
    exit code 0
    ");
    insta::assert_snapshot!(home.audit(&["--verdict", "deny", "--tool", "look"]).await, @"
    no record is as asked for
    exit code 0
    ");
    insta::assert_snapshot!(home.audit(&["--caller", "gollum"]).await, @"
    no record is as asked for
    exit code 0
    ");
    let records = home.records().await;
    let session = records[5]["session"].as_str().unwrap();
    assert_ne!(records[0]["session"], session);
    let one = home.audit(&["--session", session]).await;
    assert_eq!(one, home.audit(&["--tool", "look"]).await);
    // The copy says the same.
    let copy = home.state().join("trail.jsonl");
    let copy = copy.to_str().unwrap();
    for filter in [
        &[][..],
        &["--tool", "look"],
        &["--verdict", "deny"],
        &["--session", session],
    ] {
        let of_copy = [filter, &["--file", copy]].concat();
        assert_eq!(home.audit(&of_copy).await, home.audit(filter).await);
    }
    insta::assert_snapshot!(home.audit(&["--verdict", "maybe"]).await, @"
    error: invalid value 'maybe' for '--verdict <VERDICT>': write `allow`, `ask` or `deny`

    For more information, try '--help'.
    exit code 2
    ");
}

#[tokio::test]
async fn a_whole_trail_verifies_and_tells_its_head() {
    let home = two_turns().await;
    insta::assert_snapshot!(home.audit(&["--verify"]).await, @"
    main 6 HASH
    the trail is whole: 6 records; its heads stand above
    exit code 0
    ");
    let records = home.records().await;
    let head = records[5]["hash"].as_str().unwrap();
    let earlier = records[2]["hash"].as_str().unwrap();
    for head in [head, earlier] {
        let verified = home.audit(&["--verify", "--head", head]).await;
        assert_eq!(verified, home.audit(&["--verify"]).await);
    }
    let other = "0".repeat(64);
    insta::assert_snapshot!(home.audit(&["--verify", "--head", &other]).await, @"
    main 6 HASH
    warning: no record has the hash HASH the end is missing
    error: the trail of 6 records is not whole
    exit code 1
    ");
    home.meddle("DELETE FROM audit WHERE number > 4").await;
    // What is left is a whole trail, but for who knows a hash of what is gone.
    assert!(home.audit(&["--verify"]).await.ends_with("exit code 0"));
    insta::assert_snapshot!(home.audit(&["--verify", "--head", head]).await, @"
    main 4 HASH
    warning: no record has the hash HASH the end is missing
    error: the trail of 4 records is not whole
    exit code 1
    ");
}

#[tokio::test]
async fn whatever_somebody_did_to_the_trail_is_told() {
    let mut told = String::new();
    for (what, sql) in [
        (
            "changed",
            "UPDATE audit SET json = replace(json, 'hello', 'hallo') WHERE number = 1",
        ),
        ("removed", "DELETE FROM audit WHERE number = 3"),
        (
            "removed at the beginning",
            "DELETE FROM audit WHERE number < 3",
        ),
        (
            "reordered",
            "UPDATE audit SET number = -number WHERE number IN (2, 3); \
             UPDATE audit SET number = 5 + number WHERE number < 0",
        ),
        (
            "not a record",
            "UPDATE audit SET json = '{}' WHERE number = 2",
        ),
        // What the filters look at is held as well.
        (
            "hidden from a filter",
            "UPDATE audit SET tool = 'look' WHERE number = 2",
        ),
        (
            "hidden from another",
            "UPDATE audit SET verdict = NULL WHERE verdict = 'deny'",
        ),
    ] {
        let home = two_turns().await;
        home.meddle(sql).await;
        writeln!(told, "{what}: {}", home.audit(&["--verify"]).await).unwrap();
    }
    insta::assert_snapshot!(told, @"
    changed: main 6 HASH
    warning: record 1 of `main` was changed
    error: the trail of 6 records is not whole
    exit code 1
    removed: main 6 HASH
    warning: record 4 of `main` follows record 2: what stood between is missing
    error: the trail of 5 records is not whole
    exit code 1
    removed at the beginning: main 6 HASH
    warning: record 3 of `main` follows record 0: what stood between is missing
    error: the trail of 4 records is not whole
    exit code 1
    reordered: main 6 HASH
    warning: record 3 of `main` was changed
    warning: record 3 of `main` follows record 1: what stood between is missing
    warning: record 2 of `main` was changed
    warning: record 2 of `main` follows record 3: it was moved or repeated
    warning: record 4 of `main` follows record 2: what stood between is missing
    error: the trail of 6 records is not whole
    exit code 1
    not a record: main 6 HASH
    warning: line 2 is not a record
    warning: record 3 of `main` follows record 1: what stood between is missing
    error: the trail of 6 records is not whole
    exit code 1
    hidden from a filter: main 6 HASH
    warning: record 2 of `main` was changed
    error: the trail of 6 records is not whole
    exit code 1
    hidden from another: main 6 HASH
    warning: record 2 of `main` was changed
    error: the trail of 6 records is not whole
    exit code 1
    ");
}

#[tokio::test]
async fn a_copy_that_somebody_meddled_with_is_told() {
    let home = two_turns().await;
    let path = home.state().join("trail.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let mut told = String::new();
    let mut check = async |what: &str, text: String| {
        fs::write(&path, text).unwrap();
        let answer = home
            .audit(&["--verify", "--file", path.to_str().unwrap()])
            .await;
        writeln!(told, "{what}: {answer}").unwrap();
    };
    check("whole", whole.clone()).await;
    check("changed", whole.replacen("hello", "hallo", 1)).await;
    check("removed", [&lines[..2], &lines[3..]].concat().join("\n")).await;
    check("torn", whole.get(..whole.len() - 20).unwrap().to_owned()).await;
    check("nothing", String::new()).await;
    insta::assert_snapshot!(told, @"
    whole: main 6 HASH
    the trail is whole: 6 records; its heads stand above
    exit code 0
    changed: main 6 HASH
    warning: record 1 of `main` was changed
    error: the trail of 6 records is not whole
    exit code 1
    removed: main 6 HASH
    warning: record 4 of `main` follows record 2: what stood between is missing
    error: the trail of 5 records is not whole
    exit code 1
    torn: main 5 HASH
    warning: line 6 is not a record
    error: the trail of 6 records is not whole
    exit code 1
    nothing: the trail is whole: it has no records
    exit code 0
    ");
}

#[tokio::test]
async fn a_line_break_in_a_command_line_makes_no_line_of_the_trail() {
    let lines = format!("{SAY}arguments: {{text: {{multiline: true}}}}\n");
    let home = Home::new(&[
        ("tools.d/say.yaml", &lines),
        ("tolkien.yaml", "sandbox: {require: off}\n"),
    ]);
    let fake = Fake::start().await;
    fake.push(Answer::tools([(
        "say",
        json!({"text": "hello\nTIME forged"}),
    )]));
    fake.push(Answer::text("Done."));
    let output = home.tolkien(Some(&fake)).args(["ask", "Go."]).output();
    succeeded(&output.await.unwrap());
    insta::assert_snapshot!(home.audit(&[]).await, @r"
    TIME local api CALL say allow by say.effect: echo 'said hello\nTIME forged'
    TIME local api CALL say exited with exit code N after N ms, N bytes, sandbox off
    exit code 0
    ");
}

#[tokio::test]
async fn a_trail_that_cannot_be_read_is_said() {
    let home = Home::new(&[("tools.d/look.yaml", LOOK)]);
    insta::assert_snapshot!(home.audit(&[]).await, @"
    error: there is no store `FOLDER/state/tolkien.db`, so nothing was recorded in it
    help: the first session makes it; `--store` names another
    exit code 4
    ");
    let garbage = home.folder.path().join("garbage.db");
    std::fs::write(&garbage, "This is no database.\n").unwrap();
    let garbage = format!("sqlite:{}", garbage.display());
    insta::assert_snapshot!(home.audit(&["--store", &garbage]).await, @"
    error: the store `FOLDER/garbage.db` is damaged, or no store at all: file is not a database
    help: put a copy of it in its place, or move it aside, with the files beside it, to begin with an empty one; nothing in it was changed
    exit code 4
    ");
    home.write("tolkien.yaml", "store: 'sqlite::memory:'\n");
    insta::assert_snapshot!(home.audit(&["--verify"]).await, @"
    error: the store is in memory, so its trail ended with its server
    help: read the copy that `audit.file` of the settings names: `--file`
    exit code 4
    ");
    insta::assert_snapshot!(home.audit(&["--file", "/nowhere/trail.jsonl"]).await, @"
    error: cannot read `/nowhere/trail.jsonl`: No such file or directory (os error 2)
    exit code 4
    ");
}

#[tokio::test]
async fn the_trail_is_read_where_the_configuration_is_invalid() {
    let home = two_turns().await;
    let whole = home.audit(&["--tool", "look"]).await;
    home.write("tools.d/say.yaml", "efect: read\n");
    home.write(
        "tolkien.yaml",
        "sandbox: {require: off}\naudit: {file: trail.jsonl}\nfacts: 5\n",
    );
    let read = home.audit(&["--tool", "look"]).await;
    insta::assert_snapshot!(read, @"
    TIME local api CALL look allow by look.effect: true
    TIME local api CALL look exited with exit code N after N ms, N bytes, sandbox off
    warning: the configuration is invalid; by what could be read of it the store is `FOLDER/state/tolkien.db`
    help: `tolkien validate` says what is wrong, and `--store` names another store
    exit code 0
    ");
    assert!(
        read.starts_with(whole.trim_end_matches("exit code 0")),
        "{whole}"
    );
    let path = home.state().join("tolkien.db");
    let store = format!("sqlite:{}", path.display());
    let named = home.audit(&["--tool", "look", "--store", &store]).await;
    assert_eq!(named, whole);
    home.write("tolkien.yaml", "store: [5]\n");
    let lost = home.audit(&[]).await;
    assert!(lost.contains("tolkien.yaml:1:8"), "{lost}");
    assert!(lost.ends_with("exit code 2"), "{lost}");
}
