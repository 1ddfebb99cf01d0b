//! Fingerprints, acknowledgements, and the difference in one word.

use super::super::{Change, Difference, Languages, Side, Witness, compare};
use super::world::{Edit, config, difference, equal, told};
use crate::policy::Decision;

const KUBECTL: &str = "tools.d/kubectl.yaml";

const FILE: &str = "permissions.ack.yaml";

/// A change that widens the tool beside its command lines.
const WIDER: Edit<'static> = (KUBECTL, "--request-timeout=50s", "--request-timeout=0");

fn fingerprints(difference: &Difference) -> Vec<(String, String)> {
    difference
        .open()
        .map(|(what, fingerprint)| (what.to_owned(), fingerprint.to_owned()))
        .collect()
}

fn fingerprint(edits: &[Edit<'_>]) -> String {
    let all = fingerprints(&difference(edits));
    let [(_, fingerprint)] = all.as_slice() else {
        panic!("{all:?}");
    };
    fingerprint.clone()
}

fn witness(before: Decision, after: Decision) -> Witness {
    Witness {
        command_line: "kubectl get pods".to_owned(),
        input: None,
        before,
        after,
        why: "by allow[0]".to_owned(),
    }
}

fn permits(_: Option<Side<'_>>, _: Option<Side<'_>>) -> Languages {
    Languages {
        permitted: vec![witness(Decision::Deny, Decision::Allow)],
        ..Languages::default()
    }
}

fn denies(_: Option<Side<'_>>, _: Option<Side<'_>>) -> Languages {
    Languages {
        denied: vec![witness(Decision::Allow, Decision::Ask)],
        ..Languages::default()
    }
}

fn gives_up(_: Option<Side<'_>>, _: Option<Side<'_>>) -> Languages {
    Languages {
        undecided: Some("too many states".to_owned()),
        ..Languages::default()
    }
}

fn says_nothing(_: Option<Side<'_>>, _: Option<Side<'_>>) -> Languages {
    Languages::default()
}

fn change_of(difference: &Difference, name: &str) -> Change {
    let tool = difference.tools.iter().find(|tool| tool.tool == name);
    tool.unwrap().change
}

#[test]
fn a_configuration_is_the_same_as_itself_without_anything_being_proved() {
    let config = config(&[]);
    let difference = compare(Some(&config), Some(&config), &gives_up);
    assert!(difference.passes());
    assert_eq!(told(&difference), "");
    let changes = difference.tools.iter().map(|tool| tool.change);
    assert!(changes.eq([Change::Same; 5]));
}

#[test]
fn comments_quotes_order_cases_and_reasons_leave_a_fingerprint_as_it_is() {
    let plain = fingerprint(&[WIDER]);
    for tidy in [
        (KUBECTL, "timeout: 30s", "timeout: '30s' # longer than any"),
        (KUBECTL, "effect: write\n", ""),
        (KUBECTL, "Looks at", "Stares at"),
        (KUBECTL, "description: Words.", "description: Others."),
        (KUBECTL, "timeout: 30s", "tests: [{deny: {}}]\ntimeout: 30s"),
        (
            "policies/cluster.yaml",
            "they are secret",
            "nobody may know",
        ),
        ("policies/cluster.yaml", "Nothing here", "No rule here"),
        ("prompts/system.md", "careful", "brave"),
    ] {
        // A key that moves to the end of the file.
        let moved = (KUBECTL, "timeout: 30s", "timeout: 30s\neffect: write");
        let edits = match tidy {
            (_, "effect: write\n", "") => vec![WIDER, tidy, moved],
            _ => vec![WIDER, tidy],
        };
        assert_eq!(fingerprint(&edits), plain, "{tidy:?}");
    }
}

#[test]
fn every_other_change_has_a_fingerprint_of_its_own() {
    let mut all = vec![fingerprint(&[WIDER])];
    for other in [
        (KUBECTL, "timeout: 30s", "timeout: 31s"),
        (KUBECTL, "'get <name>'", "'get <name> <name>'"),
        (KUBECTL, "deny: ['secrets']", "deny: ['secrets', 'secret']"),
        (KUBECTL, "ok: [0]", "ok: [0, 1]"),
        (
            "policies/cluster.yaml",
            "kubectl ** secrets **",
            "kubectl ** secret **",
        ),
        (
            "policies/viewers.yaml",
            "tools: [docs]",
            "tools: [docs, kubectl]",
        ),
        (
            "policies/cluster.yaml",
            "let: {kind: 'nodes?'}",
            "let: {kind: 'node|nodes'}",
        ),
        ("policies/cluster.yaml", "bearer [a-z]+", "bearer [a-z]*"),
        ("tolkien.yaml", "@system\", /srv]", "@system\"]"),
    ] {
        let edits = [WIDER, other];
        let open = fingerprints(&difference(&edits));
        let own = open.into_iter().find(|(what, _)| what == "kubectl");
        all.push(own.unwrap().1);
    }
    let different: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(different.len(), all.len());
}

#[test]
fn names_imported_from_another_policy_are_a_part_of_the_fingerprint() {
    let names = |text: &'static str| ("policies/names.yaml", "", text);
    let uses = (
        "policies/cluster.yaml",
        "** secrets **",
        "** <names.secret> **",
    );
    let one = "applies_to: {tools: [wiki]}\nlet: {secret: 'secrets?'}\ndeny: ['mcp wiki x **']\n";
    let two = "applies_to: {tools: [wiki]}\nlet: {secret: 'secrets'}\ndeny: ['mcp wiki x **']\n";
    assert_ne!(
        fingerprint(&[WIDER, uses, names(one)]),
        fingerprint(&[WIDER, uses, names(two)])
    );
}

#[test]
fn a_widening_passes_when_its_own_fingerprint_is_acknowledged() {
    let open = difference(&[WIDER]);
    assert!((open.widened, open.acknowledged, open.passes()) == (true, false, false));
    let entry = format!(
        "- {{fingerprint: \"{}\", reason: it is slow}}\n",
        fingerprint(&[WIDER])
    );
    let accepted = difference(&[WIDER, (FILE, "", &entry)]);
    assert!((accepted.widened, accepted.acknowledged, accepted.passes()) == (true, true, true));
    let tool = accepted.tools.iter().find(|tool| tool.tool == "kubectl");
    assert_eq!(tool.unwrap().acknowledgement.as_deref(), Some("it is slow"));
    assert_eq!(accepted.unused, []);
}

#[test]
fn an_acknowledgement_of_another_change_counts_for_nothing() {
    let entry = format!(
        "- {{fingerprint: \"{}\", reason: it is slow}}\n",
        fingerprint(&[WIDER])
    );
    let other = (KUBECTL, "--request-timeout=50s", "--request-timeout=1");
    let difference = difference(&[other, (FILE, "", &entry)]);
    assert!(!difference.passes());
    assert_eq!(difference.unused.len(), 1);
}

#[test]
fn each_setting_is_acknowledged_by_itself() {
    let edit = (
        "tolkien.yaml",
        "DOCS_DIR: /srv/docs",
        "DOCS_DIR: /srv, HOME: null",
    );
    let open = fingerprints(&difference(&[edit]));
    let what: Vec<&str> = open.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(what, ["environment.DOCS_DIR", "environment.HOME"]);
    let entry = format!("- {{fingerprint: \"{}\", reason: fine}}\n", open[0].1);
    let left = difference(&[edit, (FILE, "", &entry)]);
    assert_eq!(fingerprints(&left), open[1..]);
}

#[test]
fn a_refactoring_is_the_same_when_the_command_lines_are_proved_equal() {
    let edit = (KUBECTL, "'get <name>'", "'get [a-z]+'");
    let unused_name = (KUBECTL, "{allow: ['<name>']", "{allow: ['[a-z]+']");
    let without = (KUBECTL, "let: {name: '[a-z]+'}\n", "");
    let one = difference(&[edit]);
    assert_eq!(change_of(&one, "kubectl"), Change::Same);
    assert!(!one.widened && one.passes());
    // What goes to the standard input is not in a command line: nobody proves it equal.
    let beside = difference(&[edit, unused_name, without]);
    assert_eq!(change_of(&beside, "kubectl"), Change::Widened);
}

#[test]
fn a_policy_that_moves_into_another_file_widens_nothing() {
    let text = super::world::file("policies/cluster.yaml");
    let moved = [
        ("policies/cluster.yaml", text, ""),
        ("policies/kubernetes.yaml", "", text),
    ];
    let difference = difference(&moved);
    assert!(!difference.widened, "{}", told(&difference));
}

#[test]
fn the_command_lines_and_what_is_beside_them_make_one_word() {
    let edit = (KUBECTL, "'get <name>'", "'get <name> <name>'");
    let base = config(&[]);
    let head = config(&[edit]);
    let both = config(&[edit, WIDER]);
    let more_time = config(&[edit, (KUBECTL, "timeout: 30s", "timeout: 40s")]);
    let change = |head, languages: &super::super::Compare<'_>| {
        let difference = compare(Some(&base), Some(head), languages);
        (change_of(&difference, "kubectl"), difference.passes())
    };
    assert_eq!(change(&head, &equal), (Change::Same, true));
    assert_eq!(change(&head, &permits), (Change::Widened, false));
    assert_eq!(change(&head, &denies), (Change::Narrowed, true));
    assert_eq!(change(&both, &denies), (Change::Changed, false));
    assert_eq!(change(&both, &equal), (Change::Widened, false));
    assert_eq!(change(&more_time, &equal), (Change::Changed, true));
    assert_eq!(change(&head, &gives_up), (Change::Undecided, false));
    assert_eq!(change(&head, &says_nothing), (Change::Undecided, false));
}

#[test]
fn what_is_undecided_cannot_be_acknowledged() {
    let entry = format!(
        "- {{fingerprint: \"{}\", reason: fine}}\n",
        fingerprint(&[WIDER])
    );
    let head = config(&[WIDER, (FILE, "", &entry)]);
    let difference = compare(Some(&config(&[])), Some(&head), &gives_up);
    assert!(difference.acknowledged && !difference.passes());
}

#[test]
fn everything_of_a_first_configuration_is_new_and_nothing_of_a_last_one_stays() {
    let config = config(&[]);
    let first = compare(None, Some(&config), &permits);
    let changes = first.tools.iter().map(|tool| tool.change);
    assert!(changes.eq([Change::Added; 5]));
    assert_eq!(
        first.open().count(),
        first.other.iter().filter(|other| other.widens).count() + 5
    );
    let last = compare(Some(&config), None, &denies);
    let changes = last.tools.iter().map(|tool| tool.change);
    assert!(changes.eq([Change::Removed; 5]));
    assert!(last.tools.iter().all(|tool| !tool.widens));
}

#[test]
fn findings_name_the_file_and_the_way_out() {
    let shown = |difference: &Difference| -> Vec<String> {
        let findings = difference.findings();
        findings
            .iter()
            .map(|found| {
                let help = found.help.as_deref().unwrap_or_default();
                format!(
                    "{} {} {}: {} ({help})",
                    found.place, found.severity, found.code, found.message
                )
            })
            .collect()
    };
    let fingerprint = fingerprint(&[WIDER]);
    assert_eq!(
        shown(&difference(&[WIDER])),
        [format!(
            "tools.d/kubectl.yaml:10:3 error permission-widened: `kubectl` may do more than before: `forced arguments` (narrow it, or accept it in `permissions.ack.yaml`: `- {{fingerprint: {fingerprint}, reason: …}}`)"
        )]
    );
    let entry = format!(
        "- {{fingerprint: \"{fingerprint}\", reason: it is slow}}\n- {{fingerprint: \"{}\", reason: old}}\n",
        "0".repeat(64)
    );
    assert_eq!(
        shown(&difference(&[WIDER, (FILE, "", &entry)])),
        [
            "tools.d/kubectl.yaml:10:3 warning permission-widened: `kubectl` may do more than before: `forced arguments` (acknowledged: it is slow)",
            "permissions.ack.yaml:2:3 warning unused-acknowledgement: this acknowledges nothing that differs here (remove it when the change that it was for is in the base)",
        ]
    );
}
