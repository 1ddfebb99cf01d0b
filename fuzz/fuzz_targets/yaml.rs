//! A root in memory, through the loader and the cases: it never panics, never hangs, and every
//! place that a finding names lies within its file.
//!
//! The input is a list of files with U+001E between them. The first byte of each says what it is:
//! `t`ool, `p`olicy, `s`ettings, pro`m`pt, script (`d`), `a`cknowledgements, or `f`or a name in the
//! first line. They lie over a small root that is in order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tolkien::config::{File, Origin, Overrides};
use tolkien::policy;

const SYSTEM: &str = "You are the agent of {{ facts.cluster | default('a cluster') }}.\n";

const SAY: &str = r"description: Says it.
effect: read
input: {type: object, required: [args], properties: {args: {type: array, items: {type: string}}}}
run: {command: [echo, '{{ args }}']}
arguments: {args: {allow: ['hello [ <word> ]...'], deny: ['** secret **']}}
tests: [{allow: hello}, {deny: bye}]
";

fuzz_target!(|data: &[u8]| {
    let mut files = vec![
        File::new("prompts/system.md", SYSTEM),
        File::new("tools.d/say.yaml", SAY),
    ];
    for (at, part) in data.split(|byte| *byte == 0x1e).take(8).enumerate() {
        let Some((kind, content)) = part.split_first() else {
            continue;
        };
        let (path, content) = match kind {
            b'p' => (format!("policies/p{at}.yaml"), content),
            b's' => ("tolkien.yaml".to_owned(), content),
            b'm' => ("prompts/system.md".to_owned(), content),
            b'M' => (format!("prompts/p{at}.md"), content),
            b'd' => ("demo.yaml".to_owned(), content),
            b'a' => ("permissions.ack.yaml".to_owned(), content),
            b'f' => named(content),
            _ => (format!("tools.d/t{at}.yaml"), content),
        };
        files.push(File::new(path, content));
    }
    let loaded = policy::load(Origin::Files(files.clone()), Overrides::None).unwrap();
    tolkien_fuzz::check(&loaded);
    // The same files say the same, whatever came before.
    if data.len() % 16 == 0 {
        let again = policy::load(Origin::Files(files), Overrides::None).unwrap();
        assert_eq!(again.diagnostics, loaded.diagnostics);
    }
});

fn named(content: &[u8]) -> (String, &[u8]) {
    let end = content.iter().position(|byte| *byte == b'\n');
    let (name, rest) = content.split_at(end.unwrap_or(content.len()));
    (String::from_utf8_lossy(name).into_owned(), rest)
}
