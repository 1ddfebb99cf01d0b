//! A chain that somebody meddled with.

use super::*;
use crate::agent::CallId;
use crate::agent::audit::What;
use crate::agent::event::Outcome;
use crate::config::name::{CallerName, Revision, RoleName, RuleId};
use crate::config::policy::Channel;
use crate::policy::Decision;

fn record(call: &str, what: What) -> Record {
    Record {
        caller: CallerName::new("joao"),
        role: RoleName::new("operator"),
        channel: Channel::Api,
        call: CallId::from(call),
        tool: "kubectl".to_owned(),
        what,
    }
}

fn decision(call: &str) -> Record {
    record(
        call,
        What::Decision {
            command_line: Some("kubectl get 'a \"b\"'".to_owned()),
            verdict: Decision::Allow,
            rule: RuleId::new("kubectl.effect"),
            revision: Revision::new("r1"),
        },
    )
}

fn outcome(call: &str) -> Record {
    record(
        call,
        What::Outcome {
            outcome: Outcome::Exited,
            exit_code: Some(0),
            duration_ms: Some(7),
            bytes: Some(11),
            sandbox: Some("full".to_owned()),
        },
    )
}

/// A chain of six records as lines of a copy.
fn chain() -> Vec<String> {
    let mut previous = NOTHING.to_owned();
    let calls = ["c_1", "c_2", "c_3"];
    let records = calls
        .iter()
        .flat_map(|call| [decision(call), outcome(call)]);
    let lines = (1..).zip(records).map(|(number, record)| {
        let line = Line::of(&Content {
            at: Timestamp::from_second(1_800_000_000).unwrap(),
            session: SessionId::from("s_1"),
            turn: TurnId::from("t_1"),
            record,
            writer: "main".to_owned(),
            number,
            previous: previous.clone(),
        })
        .unwrap();
        previous = line.hash.clone();
        line.whole()
    });
    lines.collect()
}

fn check(lines: &[String], head: Option<&str>) -> Vec<String> {
    let mut check = Check::new(head.map(str::to_owned));
    for line in lines {
        check.take(Line::parse(line).as_ref());
    }
    check.problems()
}

fn head(lines: &[String]) -> String {
    Line::parse(lines.last().unwrap()).unwrap().hash
}

#[test]
fn a_line_holds_what_the_contract_says_and_is_read_back() {
    let lines = chain();
    insta::assert_snapshot!(lines[0], @r#"{"at":"2027-01-15T08:00:00Z","session":"s_1","turn":"t_1","caller":"joao","role":"operator","channel":"api","call":"c_1","tool":"kubectl","record":"decision","command_line":"kubectl get 'a \"b\"'","verdict":"allow","rule":"kubectl.effect","revision":"r1","writer":"main","number":1,"previous":"0000000000000000000000000000000000000000000000000000000000000000","hash":"ae558fe0caf6cd001807ea0bf76d9b9ce47543a1ab24c5af1d5a0eb5bc98b766"}"#);
    insta::assert_snapshot!(lines[1], @r#"{"at":"2027-01-15T08:00:00Z","session":"s_1","turn":"t_1","caller":"joao","role":"operator","channel":"api","call":"c_1","tool":"kubectl","record":"outcome","outcome":"exited","exit_code":0,"duration_ms":7,"bytes":11,"sandbox":"full","writer":"main","number":2,"previous":"ae558fe0caf6cd001807ea0bf76d9b9ce47543a1ab24c5af1d5a0eb5bc98b766","hash":"93e4725bec7d3e2171f5510ce383ad8ed42076f63c78ebb2324beb37a65ef8e6"}"#);
    let line = Line::parse(&lines[1]).unwrap();
    assert_eq!(line.content().unwrap().record, outcome("c_1"));
    assert_eq!(line.whole(), lines[1]);
    assert_eq!(Line::parse("{}"), None);
}

#[test]
fn a_whole_chain_has_no_problem() {
    let lines = chain();
    assert_eq!(check(&lines, None), [""; 0]);
    assert_eq!(check(&lines, Some(&head(&lines))), [""; 0]);
    assert_eq!(check(&lines, Some(&head(&lines[..3]))), [""; 0]);
    assert_eq!(check(&lines, head(&lines).get(..8)), [""; 0]);
    assert_eq!(check(&[], None), [""; 0]);
}

#[test]
fn a_copy_may_begin_with_any_record_and_has_no_gap_behind_it() {
    let lines = chain();
    let of_a_copy = |lines: &[String]| {
        let mut check = Check::new(None).of_a_copy();
        for line in lines {
            check.take(Line::parse(line).as_ref());
        }
        check.problems()
    };
    assert_eq!(of_a_copy(&lines[1..]), [""; 0]);
    assert!(!check(&lines[1..], None).is_empty());
    let gap = [&lines[1..2], &lines[3..]].concat();
    assert_eq!(of_a_copy(&gap).len(), 1, "{gap:?}");
}

#[test]
fn every_byte_that_is_changed_shows() {
    let lines = chain();
    for at in 0..lines[2].len() {
        let mut bytes = lines[2].clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(line) = String::from_utf8(bytes) else {
            continue;
        };
        let changed = [&lines[..2], &[line], &lines[3..]].concat();
        assert!(!check(&changed, None).is_empty(), "byte {at}");
    }
}

#[test]
fn a_record_that_was_removed_or_moved_shows() {
    let lines = chain();
    let removed = [&lines[..2], &lines[3..]].concat();
    assert_eq!(
        check(&removed, None),
        ["record 4 of `main` follows record 2: what stood between is missing"]
    );
    assert_eq!(
        check(&lines[1..], None),
        ["record 2 of `main` follows record 0: what stood between is missing"]
    );
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    assert_eq!(
        check(&swapped, None),
        [
            "record 4 of `main` follows record 2: what stood between is missing",
            "record 3 of `main` follows record 4: it was moved or repeated",
            "record 5 of `main` follows record 3: what stood between is missing",
        ]
    );
    let repeated = [&lines[..3], &lines[2..]].concat();
    assert_eq!(
        check(&repeated, None),
        ["record 3 of `main` follows record 3: it was moved or repeated"]
    );
}

#[test]
fn a_record_that_was_written_anew_does_not_fit_its_neighbours() {
    let lines = chain();
    let mut content = Line::parse(&lines[2]).unwrap().content().unwrap();
    content.record.tool = "vault".to_owned();
    let anew = Line::of(&content).unwrap().whole();
    let lines = [&lines[..2], &[anew], &lines[3..]].concat();
    assert_eq!(
        check(&lines, None),
        ["record 4 of `main` does not follow from the one before it"]
    );
}

#[test]
fn a_cut_end_shows_to_whoever_knows_a_later_hash() {
    let lines = chain();
    let cut = &lines[..4];
    assert_eq!(check(cut, None), [""; 0]);
    let head = head(&lines);
    let missing = format!("no record has the hash `{head}`: the end is missing");
    assert_eq!(check(cut, Some(&head)), [missing]);
}
