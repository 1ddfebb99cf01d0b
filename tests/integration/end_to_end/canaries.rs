//! Secrets that tools bring to light, and every place where they must not turn up.

use super::*;

/// Shapes of well-known secrets.
const SHAPES: &str = include_str!("../../fixtures/shapes.yaml");

/// Declared secrets and the engine's own, each a canary.
const DECLARED: &str = "canary-declared-0123456789";
const FROM_ENVIRONMENT: &str = "canary-environment-0123456789";
const API_KEY: &str = "sk-ant-canary-0123456789";

/// What only a shape tells: every body holds the word, and nothing else does.
const SHAPED: &str = "\
jwt eyJhbGciOiJIUzI1.canaryJzdWIiOiIx.SflKxwRJSMeKKF2Q
Authorization: Bearer canary.bearer-0001
Authorization: Basic canaryQmFzaWM6MDAwMQ==
aws AKIACANARYCANARY0001
aws_secret_access_key = canary0secret0access0key0000000000000001
ghp_canary0github0token000000000000000001
hvs.canary0vault0token000000000001
token: 00ca0a4900ca0a4900ca0a4900ca0a4900ca0a49
password: canary horse battery staple
";

/// No canary, in no form.
const TRACES: [&str; 8] = [
    "canary", "CANARY",
    "Y2FuYXJ5", // its Base64, at each of the three places in which it can begin
    "NhbmFye", "jYW5hcn", "ca0a49", "canar", "anary-",
];

fn key() -> String {
    let body = "canaryMIIEowIBAAKCAQEAcanaryq83vEjRWeJCrze8Scanarycanarycanary01\n".repeat(20);
    format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n")
}

/// A tool that runs a script with the two declared secrets in its environment.
fn tool(script: &str, more: &str) -> String {
    let script = serde_json::Value::from(script);
    format!(
        "description: Tells more than it should.\neffect: read\ninput: {{type: object}}\n\
         run:\n  command: [sh, -c, {script}]\n  env: {{FOLDER: \"{{{{ env.FOLDER }}}}\", \
         A: \"{{{{ secret.A }}}}\", B: \"{{{{ secret.B }}}}\", PATH: /usr/bin:/bin}}\n{more}\n\
         tests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n"
    )
}

/// Each tool with what the model must still see of its output.
fn leaks() -> Vec<(&'static str, String, &'static str)> {
    let small = "output: {keep_bytes: 4096}";
    // The key lies over the end of the kept head, and another over the beginning of the kept tail.
    let cut = "yes filler | head -c 1500; cat $FOLDER/key; yes filler | head -c 200000; \
               cat $FOLDER/key; yes filler | head -c 1500; echo last";
    vec![
        (
            "whole",
            tool("echo first; cat $FOLDER/all; echo last", ""),
            "last",
        ),
        (
            "bytes",
            tool("dd bs=1 status=none if=$FOLDER/all; echo last", ""),
            "last",
        ),
        (
            "errors",
            tool(
                "dd bs=7 status=none if=$FOLDER/all >&2; echo last >&2; exit 3",
                "",
            ),
            "last",
        ),
        (
            "forms",
            tool(
                "echo x$A-$B; printf 'me:%s' $A | base64 -w0; printf %s $B | base64 -w0; echo; \
                 echo last",
                "",
            ),
            "last",
        ),
        ("cut", tool(cut, small), "last"),
        (
            "hang",
            tool(
                "echo first; head -c 500 $FOLDER/key; exec sleep 1000",
                "timeout: 1s",
            ),
            "first",
        ),
        (
            "begun",
            tool(
                "echo first; printf 'A is %.20s' $A; exec sleep 1000",
                "timeout: 1s",
            ),
            "first\nA is",
        ),
    ]
}

#[tokio::test]
async fn no_secret_leaves_the_engine() {
    let leaks = leaks();
    let names: Vec<&str> = leaks.iter().map(|(name, ..)| *name).collect();
    let fake = Fake::start().await;
    let asked = names.clone();
    fake.respond_with(move |seen| match seen.rounds() {
        0 => Answer::tools(
            asked
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
    });
    let home = Home::new(&[("policies/shapes.yaml", SHAPES)]);
    for (name, tool, _) in &leaks {
        home.write(&format!("tools.d/{name}.yaml"), tool);
    }
    let folder = home.folder.path().display().to_string();
    let settings = format!(
        "environment: {{FOLDER: {folder}}}\nsandbox: {{require: off}}\n\
         secrets: {{A: {{file: {folder}/a}}, B: {{env: CANARY}}}}\n"
    );
    home.write("tolkien.yaml", &settings);
    let everything = format!(
        "{SHAPED}{}{DECLARED}\n{FROM_ENVIRONMENT}\n{API_KEY}\n",
        key()
    );
    for (name, text) in [("a", DECLARED), ("key", &key()), ("all", &everything)] {
        fs::write(home.folder.path().join(name), text).unwrap();
    }
    let output = home
        .tolkien(Some(&fake))
        .env("CANARY", FROM_ENVIRONMENT)
        .env("ANTHROPIC_API_KEY", API_KEY)
        .args(["-vv", "ask", "--json", "Read them all."])
        .output()
        .await
        .unwrap();
    succeeded(&output);
    assert_eq!(fake.refusals(), [""; 0]);

    let requests = fake.requests();
    let shown = requests.get(1).unwrap().results();
    for ((name, _, hint), (_, text, _)) in leaks.iter().zip(&shown) {
        assert!(text.contains(hint), "{name}: {text}");
    }
    // It is redacted, not gone.
    let whole = &shown.first().unwrap().1;
    let lines: Vec<&str> = whole.lines().skip(1).take(15).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    first
    jwt [redacted JWT]
    Authorization: Bearer [redacted]
    Authorization: Basic [redacted]
    aws [redacted AWS key id]
    aws_secret_access_key = [redacted]
    [redacted GitHub token]
    [redacted Vault token]
    token: [redacted]
    password: [redacted]
    [redacted private key]
    [redacted A]
    [redacted B]
    [redacted ANTHROPIC_API_KEY]
    last
    ");
    let mut places: Vec<(String, String)> = requests
        .iter()
        .enumerate()
        .map(|(number, seen)| (format!("request {number}"), seen.raw.clone()))
        .collect();
    places.push(("the turn".to_owned(), stdout(&output)));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    places.push(("the log".to_owned(), log));
    for entry in fs::read_dir(home.state()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        places.push((path.display().to_string(), text));
    }
    assert!(
        places
            .iter()
            .any(|(name, text)| name.ends_with("tolkien.db") && text.contains("last"))
    );
    for (name, text) in places {
        for trace in TRACES {
            let found = text.find(trace);
            let around = found.and_then(|at| text.get(at.saturating_sub(60)..at + 40));
            assert_eq!(found, None, "{trace} in {name}: {around:?}");
        }
    }
}
