//! Secrets that tools bring to light, and every place where they must not turn up.

use super::*;

/// The shipped shapes of secrets.
const SHAPES: &str = include_str!("../../../policies/redact.yaml");

/// Declared secrets and the engine's own, each a canary.
const DECLARED: &str = "canary-declared-0123456789";
const FROM_ENVIRONMENT: &str = "canary-environment-0123456789";
const API_KEY: &str = "xk:canary:0123456789";

/// What only a shape tells: every body holds the word, and nothing else does.
const SHAPED: &str = r#"jwt eyJhbGciOiJIUzI1.eyJcanaryJzdWIiOiIx.SflKxwRJcanary
Authorization: Bearer canary.bearer-0001
Authorization: Basic canaryQmFzaWM6MDAwMQ==
aws AKIACANARYCANARY0001
aws_secret_access_key = canary0secret0access0key0000000000000001
ghp_canary0github0token000000000000000001
glpat-canary0gitlab0token0001
hvs.canary0vault0token000000000001
sk-ant-canary0claude0key0000001
123456789:AAcanary0telegram0token00000000000000001
AGE-SECRET-KEY-1CANARYCANARYCANARY0001
gitea_token: 00ca0a4900ca0a4900ca0a4900ca0a4900ca0a49
password: "canary horse canary staple"
{"client_secret":"canary1","api_key":"canary2"}
X-Vault-Token: canary3
https://joao:canary4@gitea.example.org/x?access_token=canary555
psql --password canary6
"#;

/// No canary, in no form.
const TRACES: [&str; 7] = [
    "anary", "CANARY", "ca0a49",
    "Y2FuYXJ5", // its Base64, at each of the three places in which it can begin
    "NhbmFye", "jYW5hcn", "canar",
];

fn key() -> String {
    let body = "canaryMIIEowIBAAKCAQEAcanaryq83vEjRWeJCrze8Scanarycanarycanary01\n".repeat(20);
    format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n")
}

/// A program that runs a script with the two declared secrets in its environment.
fn program(script: &str) -> String {
    let script = serde_json::Value::from(script);
    format!(
        "command: [sh, -c, {script}], env: {{FOLDER: \"{{{{ env.FOLDER }}}}\", \
         A: \"{{{{ secret.A }}}}\", B: \"{{{{ secret.B }}}}\", PATH: /usr/bin:/bin}}"
    )
}

fn tool(run: &str, more: &str) -> String {
    format!(
        "description: Tells more than it should.\neffect: read\ninput: {{type: object}}\n\
         run: {run}\n{more}\ntests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n"
    )
}

/// A tool that runs one script.
fn script(text: &str, more: &str) -> String {
    tool(&format!("{{{}}}", program(text)), more)
}

/// Each tool with what the model must still see of its output.
fn leaks() -> Vec<(&'static str, String, &'static str)> {
    let small = "output: {keep_bytes: 4096}";
    let filler = |bytes: u32| format!("yes filler | head -c {bytes}");
    // Over the end of the kept head, and over the beginning of the kept tail.
    let around = |what: &str, head: u32, tail: u32| {
        let (head, gap, tail) = (filler(head), filler(200_000), filler(tail));
        format!("{head}; {what}; {gap}; {what}; {tail}; echo; echo last")
    };
    let first = program("cat $FOLDER/all; printf '%s' $A | sed 's/y-/y\\x1b[1m-/' >&2");
    let second = program("cat > $FOLDER/passed");
    let passes = format!(
        "\n  workspace: true\n  steps:\n    - {{id: first, {first}}}\n    \
         - {{id: second, {second}, stdin: \"{{{{ steps.first.stdout }}}}{{{{ steps.first.stderr }}}}\"}}\n  \
         result: \"{{{{ steps.first.stdout }}}}{{{{ steps.first.stderr }}}} last\""
    );
    let judged = program(
        "echo last; tail -n 5 $FOLDER/key; head -n 5 $FOLDER/key; echo; cat $FOLDER/key; echo $A",
    );
    let judged = format!(
        "\n  workspace: true\n  steps:\n    - {{id: first, {judged}, require: {{each_line: last}}}}"
    );
    let killed = "kill -KILL $$";
    vec![
        (
            "whole",
            script("echo first; cat $FOLDER/all; echo last", ""),
            "last",
        ),
        (
            "bytes",
            script("dd bs=1 status=none if=$FOLDER/all; echo last", ""),
            "last",
        ),
        (
            "errors",
            script(
                "dd bs=7 status=none if=$FOLDER/all >&2; echo last >&2; exit 3",
                "",
            ),
            "last",
        ),
        (
            "around",
            script("env; tr '\\0' '\\n' < /proc/$PPID/environ; echo last", ""),
            "last",
        ),
        (
            "forms",
            script(
                "echo x$A-$B; printf 'me:%s' $A | base64 -w0; printf %s $B | base64 -w0; echo; \
                 printf '%s' $A | sed 's/./&\\x1b[0m/g'; echo; echo last",
                "",
            ),
            "last",
        ),
        (
            "cut",
            script(&around("cat $FOLDER/key", 1500, 1500), small),
            "last",
        ),
        (
            "edge",
            script(&around("printf %s $A", 2036, 2030), small),
            "last",
        ),
        (
            "shape",
            script(
                &around(
                    "printf 'ghp_canary0github0token000000000000000001'",
                    2030,
                    2020,
                ),
                small,
            ),
            "last",
        ),
        (
            "killed",
            script(
                &format!("echo first; head -c 500 $FOLDER/key; {killed}"),
                "",
            ),
            "first",
        ),
        (
            "begun",
            script(&format!("echo first; printf 'A is %.20s' $A; {killed}"), ""),
            "first\nA is",
        ),
        ("passes", tool(&passes, ""), "last"),
        ("judged", tool(&judged, ""), "not shown"),
    ]
}

/// Asks for every tool at once, then for the whole output of every call.
fn answers(names: Vec<&'static str>) -> impl Fn(&Seen) -> Answer {
    move |seen| match seen.rounds() {
        0 => Answer::tools(
            names
                .iter()
                .map(|name| (*name, json!({})))
                .collect::<Vec<_>>(),
        ),
        1 => {
            let calls = seen.results().into_iter().map(|(_, text, _)| {
                let (_, after) = text.split_once("call c_").unwrap();
                let call = format!("c_{}", after.get(..32).unwrap());
                ("read_output", json!({"call_id": call}))
            });
            Answer::tools(calls.collect::<Vec<_>>())
        }
        _ => Answer::text("All was read."),
    }
}

fn home(leaks: &[(&'static str, String, &'static str)]) -> Home {
    let home = Home::new(&[("policies/redact.yaml", SHAPES)]);
    for (name, tool, _) in leaks {
        home.write(&format!("tools.d/{name}.yaml"), tool);
    }
    let folder = home.folder.path().display().to_string();
    let settings = format!(
        "environment: {{FOLDER: {folder}}}\nsandbox: {{require: best-effort}}\n\
         secrets: {{A: {{file: {folder}/a}}, B: {{env: BRAVO}}}}\naudit: {{file: trail.jsonl}}\n"
    );
    home.write("tolkien.yaml", &settings);
    let everything = format!(
        "{SHAPED}{}{DECLARED}\n{FROM_ENVIRONMENT}\n{API_KEY}\n",
        key()
    );
    for (name, text) in [("a", DECLARED), ("key", &key()), ("all", &everything)] {
        fs::write(home.folder.path().join(name), text).unwrap();
    }
    home
}

impl Home {
    fn with_canaries(&self, fake: Option<&Fake>) -> Command {
        let mut command = self.tolkien(fake);
        command
            .env("BRAVO", FROM_ENVIRONMENT)
            .env("ANTHROPIC_API_KEY", API_KEY)
            .arg("-vv");
        command
    }

    /// Everything that the program wrote with these words.
    async fn said(&self, words: &[&str]) -> String {
        let output = self.with_canaries(None).args(words).output().await.unwrap();
        stdout(&output) + &String::from_utf8_lossy(&output.stderr)
    }
}

fn text_of(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

fn has_no_trace(name: &str, text: &str) {
    for trace in TRACES {
        let found = text.find(trace);
        let around = found.and_then(|at| text.get(at.saturating_sub(60)..at + 40));
        assert_eq!(found, None, "{trace} in {name}: {around:?}");
    }
}

#[tokio::test]
async fn no_secret_leaves_the_engine() {
    let leaks = leaks();
    let names: Vec<&'static str> = leaks.iter().map(|(name, ..)| *name).collect();
    let fake = Fake::start().await;
    fake.respond_with(answers(names.clone()));
    let home = home(&leaks);
    let server = home.serve_as(&mut home.with_canaries(Some(&fake))).await;
    let session = format!("/sessions/{}", server.session().await);
    let content = json!({"content": "Read them all."});
    let path = format!("{session}/messages");
    let answer = server.post(&path, &content).send().await.unwrap();
    let turn: Value = answer.json().await.unwrap();
    assert_eq!(turn["status"], "completed", "{turn}");
    assert_eq!(fake.refusals(), [""; 0]);

    let requests = fake.requests();
    let shown = requests.get(1).unwrap().results();
    for ((name, _, hint), (_, text, _)) in leaks.iter().zip(&shown) {
        assert!(text.contains(hint), "{name}: {text}");
    }
    // It is redacted, not gone.
    let whole = &shown.first().unwrap().1;
    let lines: Vec<&str> = whole.lines().skip(1).take(23).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    first
    jwt [redacted JWT]
    authorization: [redacted]
    authorization: [redacted]
    aws [redacted access key]
    aws_secret_access_key = [redacted]
    [redacted access token]
    [redacted access token]
    [redacted Vault token]
    [redacted API key]
    [redacted Telegram token]
    [redacted private key]
    gitea_token: [redacted]
    password: [redacted]
    {"client_secret":[redacted],"api_key":[redacted]}
    X-Vault-Token: [redacted]
    https://[redacted]@gitea.example.org/x?access_token=[redacted]
    psql --password [redacted]
    [redacted private key]
    [redacted A]
    [redacted B]
    [redacted ANTHROPIC_API_KEY]
    last
    "#);

    let mut places: Vec<(String, String)> = requests
        .iter()
        .enumerate()
        .map(|(number, seen)| (format!("request {number}"), seen.raw.clone()))
        .collect();
    let id = turn["turn_id"].as_str().unwrap();
    let events = format!("{session}/turns/{id}/events?after=0");
    for path in ["/config", "/sessions", &session, &events] {
        places.push((path.to_owned(), server.get(path).await));
    }
    places.push(("the turn".to_owned(), turn.to_string()));
    places.push(("the log".to_owned(), server.log.lock().unwrap().clone()));
    places.push(("standard output".to_owned(), text_of(&home.copies())));
    places.push((
        "what a step got".to_owned(),
        text_of(&home.folder.path().join("passed")),
    ));
    for path in crate::decision::files_below(&home.state()) {
        places.push((path.display().to_string(), text_of(&path)));
    }
    for words in [&["audit"][..], &["audit", "--json"]] {
        places.push((words.join(" "), home.said(words).await));
    }
    for name in names {
        let called = home.said(&["call", name, "{}"]).await;
        places.push((format!("call {name}"), called));
    }
    // The places are the right ones.
    for (place, holds) in [
        ("tolkien.db-wal", "[redacted private key]"),
        ("the log", "the head of the audit trail"),
        ("trail.jsonl", "\"tool\":\"passes\""),
        ("standard output", "\"tool\":\"passes\""),
        ("audit", " allow by passes.effect: "),
        ("call whole", "[redacted private key]"),
        ("what a step got", "[redacted A]"),
        (&events, "passes"),
    ] {
        let of = |(name, text): &(String, String)| name.ends_with(place) && text.contains(holds);
        assert!(places.iter().any(of), "{place}");
    }
    for (name, text) in places {
        has_no_trace(&name, &text);
    }
}
