//! What is shown and stored of outputs of every length.

use super::*;
use crate::config::host::Host;
use crate::policy::Redactions;

fn put_together(stdout: Capture, stderr: Capture, limits: OutputLimits) -> Output {
    let (redactions, host) = (Redactions::default(), Host::default());
    let redactor = Redactor::new(&redactions, &host);
    Output::new((stdout, stderr), true, limits, &redactor)
}

fn check(limits: OutputLimits, stdout: &str, stderr: &str) -> String {
    let capture = |text: &str| {
        let mut capture = Capture::new(limits.keep_bytes, limits.keep);
        capture.push(text.as_bytes());
        capture
    };
    let output = put_together(capture(stdout), capture(stderr), limits);
    assert!(output.stored.len() <= limits.keep_bytes + 100);
    assert_eq!(output.bytes, (stdout.len() + stderr.len()) as u64);
    let shown = output.shown("c_1", limits);
    assert_eq!(shown.truncated, shown.text.contains('…'));
    format!("{}\n-- stored --\n{}", shown.text, output.stored)
}

fn limits(limit: usize, keep: Keep, keep_bytes: usize) -> OutputLimits {
    OutputLimits {
        limit,
        keep,
        keep_bytes,
    }
}

const LINES: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";

#[test]
fn what_fits_is_shown_whole_with_standard_error_under_its_name() {
    let whole = limits(100, Keep::HeadTail, 100);
    assert_eq!(check(whole, "", ""), "\n-- stored --\n");
    insta::assert_snapshot!(check(whole, "a\nb\n", ""), @r"
    a
    b
    -- stored --
    a
    b
    ");
    insta::assert_snapshot!(check(whole, "a", "warning\n"), @r"
    a
    [stderr]
    warning
    -- stored --
    a
    [stderr]
    warning
    ");
    insta::assert_snapshot!(check(whole, "", "warning\n"), @r"
    [stderr]
    warning
    -- stored --
    [stderr]
    warning
    ");
}

#[test]
fn the_head_is_kept() {
    insta::assert_snapshot!(check(limits(10, Keep::Head, 100), LINES, ""), @r#"
    one
    two
    th
    [… 18 characters left out, lines 3 to 6 of the output; read_output shows them: {"call_id": "c_1", "offset": 3} …]
    -- stored --
    one
    two
    three
    four
    five
    six
    "#);
}

#[test]
fn the_tail_is_kept() {
    insta::assert_snapshot!(check(limits(10, Keep::Tail, 100), LINES, ""), @r#"
    [… 18 characters left out, lines 1 to 4 of the output; read_output shows them: {"call_id": "c_1", "offset": 1} …]

    five
    six
    -- stored --
    one
    two
    three
    four
    five
    six
    "#);
}

#[test]
fn both_ends_are_kept() {
    insta::assert_snapshot!(check(limits(8, Keep::HeadTail, 100), LINES, ""), @r#"
    one
    [… 20 characters left out, lines 2 to 5 of the output; read_output shows them: {"call_id": "c_1", "offset": 2} …]
    six
    -- stored --
    one
    two
    three
    four
    five
    six
    "#);
}

#[test]
fn characters_of_several_bytes_are_counted_and_never_torn() {
    insta::assert_snapshot!(check(limits(5, Keep::HeadTail, 100), "äöü日本語🧙🧙", ""), @r#"
    äöü
    [… 3 characters left out, lines 1 to 1 of the output; read_output shows them: {"call_id": "c_1", "offset": 1} …]
    🧙🧙
    -- stored --
    äöü日本語🧙🧙
    "#);
}

#[test]
fn what_was_not_kept_at_all_is_counted_in_both_texts() {
    insta::assert_snapshot!(check(limits(8, Keep::HeadTail, 16), LINES, ""), @r#"
    one
    [… 37 characters left out, lines 2 to 4 of the output, where 12 bytes were not kept at all; read_output shows them: {"call_id": "c_1", "offset": 2} …]
    six
    -- stored --
    one
    two
    [… 12 bytes were not kept …]
    ive
    six
    "#);
    // Shown whole as far as it was kept: the gap is in the text itself.
    insta::assert_snapshot!(check(limits(100, Keep::Tail, 8), LINES, ""), @r"
    [… 20 bytes were not kept …]
    ive
    six
    -- stored --
    [… 20 bytes were not kept …]
    ive
    six
    ");
}

#[test]
fn standard_error_has_its_share_beside_a_long_standard_output() {
    insta::assert_snapshot!(check(limits(16, Keep::Head, 100), &LINES.repeat(2), "why it failed\n"), @r#"
    one
    two
    thre
    [… 44 characters left out, lines 3 to 12 of the output; read_output shows them: {"call_id": "c_1", "offset": 3} …]
    [stderr]
    why 
    [… 10 characters left out, lines 14 to 14 of the output; read_output shows them: {"call_id": "c_1", "offset": 14} …]
    -- stored --
    one
    two
    three
    four
    five
    six
    one
    two
    three
    four
    five
    six
    [stderr]
    why it failed
    "#);
}

#[test]
fn replacement_characters_do_not_break_the_stored_bound() {
    for keep in [Keep::Head, Keep::Tail, Keep::HeadTail] {
        let mut capture = Capture::new(90, keep);
        capture.push(&[0xff; 90]);
        let none = Capture::new(90, keep);
        let output = put_together(capture, none, limits(1000, keep, 90));
        assert_eq!(output.stored.matches('\u{fffd}').count(), 30, "{keep:?}");
        assert!(output.stored.contains("[… 180 bytes were not kept …]\n"));
    }
}

#[test]
fn the_offset_of_a_cut_is_where_read_output_goes_on() {
    let stdout: String = (1..=500).fold(String::new(), |text, line| text + &format!("{line}\n"));
    let cut = limits(100, Keep::HeadTail, 10_000);
    let shown = check(cut, &stdout, "");
    let offset = shown.split("\"offset\": ").nth(1).unwrap();
    let offset: usize = offset.split('}').next().unwrap().parse().unwrap();
    let request = read_output::Request {
        call_id: "c_1".to_owned(),
        offset: Some(offset),
        lines: Some(2),
        grep: None,
    };
    let page = read_output::read(&stdout, &request).unwrap();
    let line_shown_last = shown
        .lines()
        .take_while(|line| !line.contains('…'))
        .last()
        .unwrap();
    assert_eq!(
        page.lines().nth(1).unwrap(),
        (line_shown_last.parse::<usize>().unwrap() + 1).to_string()
    );
}
