//! What is covered, whole and in parts.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use super::*;
use crate::config::name::SecretName;
use crate::config::settings::SecretSource;
use crate::config::{Config, Overrides};
use crate::policy;

const TOOL: &str = "description: Says.\neffect: read\ninput: {type: object}\nrun: {command: [echo]}\n\
                    tests: [{allow: {}}, {deny: {other: 1}}]\n";

/// Shapes of well-known secrets.
const SHAPES: &str = include_str!("../../../tests/fixtures/shapes.yaml");

const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nq83vEjRWeJCrze8S\n-----END RSA PRIVATE KEY-----";

/// A configuration with a tool and one policy.
fn config(policy: &str) -> Arc<Config> {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("tools.d/say.yaml", TOOL),
        ("policies/redact.yaml", policy),
        ("prompts/system.md", "You are.\n"),
    ] {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let loaded = policy::load(root.path(), Overrides::None).unwrap();
    loaded.config.expect("a valid configuration")
}

fn rules(rules: &[(&str, &str)]) -> String {
    let rules = rules.iter().map(|(expression, replace)| {
        serde_json::json!({"match": expression, "replace": replace}).to_string()
    });
    format!("redact: [{}]\n", rules.collect::<Vec<_>>().join(", "))
}

/// A host whose secrets stand in files.
struct Secrets {
    folder: tempfile::TempDir,
    host: Host,
}

impl Secrets {
    fn new(values: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = values.iter().map(|(name, value)| {
            let path = folder.path().join(name);
            fs::write(&path, value).unwrap();
            (SecretName::new(*name), SecretSource::File(path))
        });
        let host = Host::new(BTreeMap::new(), sources.collect(), BTreeMap::new());
        Self { folder, host }
    }
}

/// A text without what a policy and the values of secrets find in it.
fn check(policy: &str, values: &[(&str, &str)], text: &str) -> String {
    let redactions = policy::redactions(&config(policy), "say", None);
    let secrets = Secrets::new(values);
    Redactor::new(&redactions, &secrets.host).text(text)
}

/// The part after a margin.
fn part(policy: &str, values: &[(&str, &str)], text: &str, from: usize, goes_on: bool) -> Part {
    let redactions = policy::redactions(&config(policy), "say", None);
    let secrets = Secrets::new(values);
    let redactor = Redactor::new(&redactions, &secrets.host);
    redactor.matcher().part(text, from, goes_on)
}

fn left(text: &str, left_out: usize) -> Part {
    Part {
        text: text.to_owned(),
        left_out,
    }
}

#[test]
fn well_known_shapes_are_replaced_and_what_stands_around_them_stays() {
    let text = format!(
        "key: |\n{KEY}\njwt eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2Q.\n\
         Authorization: Bearer abc.def-123\nAuthorization: basic Zm9vOmJhcg==\n\
         AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n\
         ghp_0123456789abcdefghijABCDEFGHIJ012345\nhvs.CAESIJ0123456789abcdef\n\
         token: 0123456789abcdef0123456789abcdef01234567\n  password: correct horse\nuser: sam\n"
    );
    insta::assert_snapshot!(check(SHAPES, &[], &text), @"
    key: |
    [redacted private key]
    jwt [redacted JWT].
    Authorization: Bearer [redacted]
    Authorization: basic [redacted]
    [redacted AWS key id]
    aws_secret_access_key = [redacted]
    [redacted GitHub token]
    [redacted Vault token]
    token: [redacted]
      password: [redacted]
    user: sam
    ");
}

#[test]
fn no_rule_hides_from_another_what_that_would_have_found() {
    // The first matches in the middle of what the second covers.
    let policy = rules(&[("b+", "<b>"), ("a[a-z]*c", "<abc>")]);
    assert_eq!(check(&policy, &[], "x abbc b"), "x <abc> <b>");
    let policy = rules(&[("a[a-z]*c", "<abc>"), ("b+", "<b>")]);
    assert_eq!(check(&policy, &[], "x abbc b"), "x <abc> <b>");
    // They overlap: everything that one of them covers is covered.
    let policy = rules(&[("abc", "<1>"), ("bcdef", "<2>")]);
    assert_eq!(check(&policy, &[], "abcdef"), "<2>");
    // What one keeps as a group, another covers.
    let policy = rules(&[("(user=[a-z]+) pass=[a-z]+", "$1 <pass>"), ("sam", "<sam>")]);
    let text = "user=sam pass=friend sam";
    assert_eq!(check(&policy, &[], text), "user=<sam> <pass> <sam>");
}

#[test]
fn a_replacement_is_read_as_the_documentation_says() {
    let text = "key=abc;";
    for (replace, expected) in [
        ("$1=x", "key=x;"),
        ("${1}0", "key0;"),
        ("$$1", "$1;"),
        ("$name: $value", "key: abc;"),
        ("<${nobody}$9>", "<>;"),
        ("$0", "key=abc;"),
        ("5$ $", "5$ $;"),
        // In another order nothing of it can stay where it was.
        ("$2 $1", "abc ;"),
    ] {
        let policy = rules(&[("(?P<name>[a-z]+)=(?P<value>[a-z]+)", replace)]);
        assert_eq!(check(&policy, &[], text), expected, "{replace}");
    }
}

#[test]
fn the_value_of_a_secret_is_found_in_every_form_in_which_it_is_written() {
    let value = "s3cr3t \"täken\"/+?\\";
    let base64 = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let forms = [
        value.to_owned(),
        serde_json::json!({ "value": value }).to_string(),
        "https://x/?t=s3cr3t%20%22t%C3%A4ken%22%2F%2B%3F%5C&a=b".to_owned(),
        "https://x/?t=s3cr3t%20%22t%c3%a4ken%22/%2b%3f%5c".to_owned(),
        "t=s3cr3t+%22t%C3%A4ken%22%2F%2B%3F%5C".to_owned(),
        base64(value),
        base64(&format!("u:{value}")),
        base64(&format!("me:{value}")),
        base64(&format!("sam:{value}:x")),
        base64(value).replace('+', "-").replace('/', "_"),
    ];
    for form in forms {
        let redacted = check(
            "redact: [{match: zzz, replace: z}]\n",
            &[("T", value)],
            &form,
        );
        assert!(redacted.contains("[redacted T]"), "{form}: {redacted}");
        for hint in ["s3cr3t", "czNjcjN0", "ken%22"] {
            assert!(!redacted.contains(hint), "{form}: {redacted}");
        }
    }
}

/// What other programs made of one value, as they wrote it.
const VALUE: &str = "s3cr3t \"tä<k>en'&/+?\\=@😀";
const WRITTEN: &str = r#"
go %q: "s3cr3t \"tä<k>en'&/+?\\=@😀"
go %+q: "s3cr3t \"t\u00e4<k>en'&/+?\\=@\U0001f600"
go %x: 733363723374202274c3a43c6b3e656e27262f2b3f5c3d40f09f9880
go %X: 733363723374202274C3A43C6B3E656E27262F2B3F5C3D40F09F9880
go json: "s3cr3t \"tä\u003ck\u003een'\u0026/+?\\=@😀"
go html: s3cr3t &#34;tä&lt;k&gt;en&#39;&amp;/+?\=@😀
go js: s3cr3t \"tä\u003Ck\u003Een\'\u0026/+?\\\u003D@😀
go userinfo: u:s3cr3t%20%22t%C3%A4%3Ck%3Een%27&%2F+%3F%5C=%40%F0%9F%98%80
go path: /s3cr3t%20%22t%C3%A4%3Ck%3Een%27&/+%3F%5C=@%F0%9F%98%80
go segment: s3cr3t%20%22t%C3%A4%3Ck%3Een%27&%2F+%3F%5C=@%F0%9F%98%80
go query: s3cr3t+%22t%C3%A4%3Ck%3Een%27%26%2F%2B%3F%5C%3D%40%F0%9F%98%80
node component: s3cr3t%20%22t%C3%A4%3Ck%3Een'%26%2F%2B%3F%5C%3D%40%F0%9F%98%80
node uri: s3cr3t%20%22t%C3%A4%3Ck%3Een'&/+?%5C=@%F0%9F%98%80
node userinfo: :s3cr3t%20%22t%C3%A4%3Ck%3Een'&%2F+%3F%5C%3D%40%F0%9F%98%80@h
node hash: s3cr3t%20%22t%C3%A4%3Ck%3Een'&/+?\=@%F0%9F%98%80
python json: "s3cr3t \"t\u00e4<k>en'&/+?\\=@\ud83d\ude00"
python repr: 's3cr3t "tä<k>en\'&/+?\\=@😀'
python bytes: b's3cr3t "t\xc3\xa4<k>en\'&/+?\\=@\xf0\x9f\x98\x80'
python html: s3cr3t &quot;tä&lt;k&gt;en&#x27;&amp;/+?\=@😀
python quote: s3cr3t%20%22t%C3%A4%3Ck%3Een%27%26/%2B%3F%5C%3D%40%F0%9F%98%80
python plus: s3cr3t+%22t%C3%A4%3Ck%3Een%27%26%2F%2B%3F%5C%3D%40%F0%9F%98%80
python shlex: 's3cr3t "tä<k>en'"'"'&/+?\=@😀'
python base32: OMZWG4RTOQQCE5GDUQ6GWPTFNYTSMLZLH5OD2QHQT6MIA6I=
python base32: PBZTGY3SGN2CAITUYOSDY2Z6MVXCOJRPFM7VYPKA6CPZRADZ
python base32: PB4HGM3DOIZXIIBCOTB2IPDLHZSW4JZGF4VT6XB5IDYJ7GEAPE======
python base32: PB4HQ4ZTMNZDG5BAEJ2MHJB4NM7GK3RHEYXSWP24HVAPBH4YQB4Q====
python base32: PB4HQ6DTGNRXEM3UEARHJQ5EHRVT4ZLOE4TC6KZ7LQ6UB4E7TCAHS===
bash %q: s3cr3t\ \"tä\<k\>en\'\&/+\?\\=@😀
bash -x: : 's3cr3t "tä<k>en'\''&/+?\=@😀'
perl: "s3cr3t \"t\303\244<k>en'&/+?\\=\@\360\237\230\200"
git: "s3cr3t \"t\303\244<k>en'&/+?\\=@\360\237\230\200"
php: "s3cr3t \"t\u00e4<k>en'&\/+?\\=@\ud83d\ude00"
numbers: s3cr3t&#32;&#34;t&#228;&#60;k&#62;en&#39;&#38;&#47;&#43;&#63;&#92;&#61;&#64;&#128512;
numbers: s3cr3t &#x22;tä&#x3C;k&#x3E;en&#x27;&#x26;/+?\=@😀
percent: %73%33%63%72%33%74%20%22%74%c3%a4%3c%6b%3e%65%6e%27%26%2f%2b%3f%5c%3d%40%f0%9f%98%80
"#;

/// Nothing but the value is taken out.
const NO_RULE: &str = "redact: [{match: zzz, replace: z}]\n";

#[test]
fn a_value_is_found_as_other_programs_write_it() {
    let redacted = check(NO_RULE, &[("T", VALUE)], WRITTEN);
    insta::assert_snapshot!(redacted, @r#"

    go %q: "[redacted T]"
    go %+q: "[redacted T]"
    go %x: [redacted T]
    go %X: [redacted T]
    go json: "[redacted T]"
    go html: [redacted T]
    go js: [redacted T]
    go userinfo: u:[redacted T]
    go path: /[redacted T]
    go segment: [redacted T]
    go query: [redacted T]
    node component: [redacted T]
    node uri: [redacted T]
    node userinfo: :[redacted T]@h
    node hash: [redacted T]
    python json: "[redacted T]"
    python repr: '[redacted T]'
    python bytes: b'[redacted T]'
    python html: [redacted T]
    python quote: [redacted T]
    python plus: [redacted T]
    python shlex: '[redacted T]'
    python base32: [redacted T]A6I=
    python base32: PB[redacted T]DZ
    python base32: PB4H[redacted T]PE======
    python base32: PB4HQ[redacted T]B4Q====
    python base32: PB4HQ6D[redacted T]HS===
    bash %q: [redacted T]
    bash -x: : '[redacted T]'
    perl: "[redacted T]"
    git: "[redacted T]"
    php: "[redacted T]"
    numbers: [redacted T]
    numbers: [redacted T]
    percent: [redacted T]
    "#);
}

/// A text broken into lines of so many characters.
fn wrapped(text: &str, width: usize, end: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let lines = characters.chunks(width).map(|line| line.iter().collect());
    lines.collect::<Vec<String>>().join(end)
}

#[test]
fn a_value_is_found_however_its_encoding_was_broken_into_lines() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let hints: Vec<String> = (0..3)
        .map(|before| STANDARD.encode(format!("{}{VALUE}", "x".repeat(before))))
        .collect();
    let secrets = Secrets::new(&[("T", VALUE)]);
    let redactions = Redactions::default();
    let redactor = Redactor::new(&redactions, &secrets.host);
    let matcher = redactor.matcher();
    for end in ["\n", "\r\n", "\n    ", "\\n", "\\\n"] {
        for before in 0..80 {
            let text = format!("{}{VALUE}{}", "x".repeat(before), "y".repeat(90));
            for width in [64, 76] {
                let written = wrapped(&STANDARD.encode(&text), width, end);
                let text = format!("data: {written}\nend {end}");
                let redacted = matcher.whole(&text);
                let rest = redacted.replace(end, "").replace(['\n', ' '], "");
                assert!(redacted.contains("[redacted T]"), "{before} {width} {text}");
                for hint in &hints {
                    // What is left of it are bits that it shares with what stands around it.
                    assert!(
                        !rest.contains(hint.get(2..8).unwrap()),
                        "{before} {width}: {redacted}"
                    );
                    assert!(
                        !rest.contains(hint.get(20..26).unwrap()),
                        "{before} {width}: {redacted}"
                    );
                }
            }
        }
    }
    // As it is, and in digits.
    let redacted = check(
        NO_RULE,
        &[("T", "hunter2-hunter2")],
        "x hunter2-\n hunter2 y 68756e746572\n322d68756e74657232 z",
    );
    assert_eq!(redacted, "x [redacted T] y [redacted T] z");
}

#[test]
fn a_broken_value_may_begin_at_the_end_of_a_part() {
    let text = "log aHVudGVy\n  Mi1odW50";
    let found = part(NO_RULE, &[("T", "hunter2-hunter2")], text, 0, true);
    assert_eq!(found, left("log ", text.len() - 4));
}

#[test]
fn a_long_value_has_few_forms() {
    let long = "<é>".repeat(value::written::FULL_BYTES);
    let longest = "<é>".repeat(value::written::FULL_BYTES / 4);
    let size = |value: &str| {
        value::written::written(value)
            .iter()
            .map(String::len)
            .sum::<usize>()
            / value.len()
    };
    insta::assert_debug_snapshot!((size(&longest), size(&long)), @"
    (
        268,
        27,
    )
    ");
}

#[test]
fn the_lines_of_a_secret_are_secret() {
    let indented = KEY.replace('\n', "\r\n    ");
    let none = "redact: [{match: zzz, replace: z}]\n";
    let redacted = check(none, &[("K", KEY)], &indented);
    assert!(
        !redacted.contains("MIIE") && !redacted.contains("q83v"),
        "{redacted}"
    );
}

#[test]
fn a_short_secret_is_covered_only_as_a_word() {
    let none = "redact: [{match: zzz, replace: z}]\n";
    let values = [("PIN", "1234\n"), ("NO", "no"), ("EMPTY", "")];
    assert_eq!(
        check(
            none,
            &values,
            "pin=1234, 12345, no, nothing, _1234_ MTIzNA=="
        ),
        "pin=[redacted PIN], 12345, [redacted NO], nothing, _[redacted PIN]_ MTIzNA=="
    );
}

#[test]
fn a_secret_that_is_replaced_while_a_call_runs_is_known_in_both_values() {
    let redactions = Redactions::default();
    let secrets = Secrets::new(&[("T", "old-value-of-it")]);
    let redactor = Redactor::new(&redactions, &secrets.host);
    fs::write(secrets.folder.path().join("T"), "new-value-of-it").unwrap();
    let text = redactor.text("old-value-of-it new-value-of-it");
    assert_eq!(text, "[redacted T] [redacted T]");
    fs::remove_file(secrets.folder.path().join("T")).unwrap();
    assert_eq!(redactor.text("old-value-of-it"), "[redacted T]");
}

#[test]
fn what_may_be_the_beginning_of_a_secret_goes_where_the_text_goes_on() {
    let cut = |text: &str| part(SHAPES, &[("T", "hunter2-hunter2")], text, 0, true);
    let open = "log\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n";
    assert_eq!(cut(open), left("log\n", open.len() - 4));
    assert_eq!(cut("log eyJhbGciOi"), left("log ", 10));
    assert_eq!(
        cut("log\nAuthorization: Bea"),
        left("log\nAuthorization: ", 3)
    );
    assert_eq!(cut("log\nthe hunter2-hun"), left("log\nthe ", 11));
    assert_eq!(cut("log\nthe key\n"), left("log\nthe key\n", 0));
    // A key that is complete ends nothing.
    let closed = format!("{KEY}\nmore\n");
    assert_eq!(cut(&closed), left("[redacted private key]\nmore\n", 0));
    // At the real end a beginning is no secret.
    let whole = part(SHAPES, &[], "log eyJhbGciOi", 0, false);
    assert_eq!(whole, left("log eyJhbGciOi", 0));
}

#[test]
fn a_beginning_is_found_however_far_back_it_is() {
    let text = format!(
        "log\n-----BEGIN PRIVATE KEY-----\n{}",
        "QUJD\n".repeat(100_000)
    );
    let policy = rules(&[("(?s)-----BEGIN PRIVATE KEY-----.*?-----END", "<key>")]);
    assert_eq!(
        part(&policy, &[], &text, 0, true),
        left("log\n", text.len() - 4)
    );
}

#[test]
fn an_expression_that_takes_too_long_to_follow_counts_as_begun() {
    let text = format!("log {}", "a".repeat(50_000));
    let policy = rules(&[("[a-z]+b", "<ab>")]);
    let found = part(&policy, &[], &format!("{text}; end"), 0, true);
    // Places that were followed to their end stay; there are few.
    assert!(found.text.len() < 100, "{}", found.text.len());
    assert_eq!(found.left_out + found.text.len(), text.len() + 5);
}

#[test]
fn a_secret_over_the_beginning_of_a_part_is_found_by_its_margin() {
    let text = format!("log\n{KEY}\nend\n");
    let after = |hint: &str| part(SHAPES, &[], &text, text.find(hint).unwrap(), false);
    let found = after("q83v");
    assert_eq!(found.text, "[redacted private key]\nend\n");
    assert_eq!(after("end").text, "end\n");
    let text = format!("password: {}", "é".repeat(10));
    assert_eq!(part(SHAPES, &[], &text, 13, false).text, "[redacted]");
}

#[test]
fn a_token_that_fills_the_margin_goes_to_its_end() {
    let text = format!("{} log", "a".repeat(300));
    assert_eq!(part(SHAPES, &[], &text, 100, false), left(" log", 300));
    let text = format!("{{\"a\":{}}} log", "a".repeat(300));
    let found = part(SHAPES, &[], &text, 100, false);
    assert_eq!(found.left_out, 100);
}
