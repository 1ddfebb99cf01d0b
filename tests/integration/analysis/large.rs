//! Configurations of the size that people run: every invariant of theirs is decided, and proved.
//!
//! The states that a proof looks at are the same on every machine, so they stand here: a change of
//! the analysis or of a configuration that makes a proof dearer shows as a difference of a number.

use std::fmt::Write as _;
use std::path::Path;

use tolkien::analysis::invariant::{Outcome, Proof, prove};
use tolkien::config::{Loaded, Origin, Overrides};
use tolkien::diagnostic::Severity;
use tolkien::policy;

fn load(folder: &str) -> Loaded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    policy::load(Origin::at(&root), Overrides::None).unwrap()
}

fn proofs(folder: &str) -> Vec<Proof> {
    let loaded = load(folder);
    let errors: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| format!("{} {}", found.place, found.message))
        .collect();
    assert_eq!(errors, [""; 0], "{folder}");
    prove(&loaded.config.unwrap())
}

/// Tool, invariant, outcome, states over one word, kinds of words, states over lines.
fn table(proofs: &[Proof]) -> String {
    let mut text = String::new();
    for proof in proofs {
        let outcome = match &proof.outcome {
            Outcome::Proved => "proved".to_owned(),
            Outcome::Violated { command_line, .. } => format!("violated by {command_line}"),
            Outcome::Idle => "says nothing".to_owned(),
            Outcome::Undecided(why) => format!("undecided: {why}"),
        };
        let (tool, rule, effort) = (proof.tool.name.as_str(), &proof.rule.id, proof.effort);
        let id = rule.to_string();
        let id = id.rsplit('.').next().unwrap_or(&id);
        let states = (effort.word_states, effort.kinds, effort.line_states);
        let (words, kinds, lines) = states;
        writeln!(
            text,
            "{tool:<9} {id:<20} {outcome}  {words:>6} {kinds:>4} {lines:>5}"
        )
        .unwrap();
    }
    text
}

#[test]
fn every_invariant_of_the_large_configurations_is_proved() {
    let folders = ["kubectl", "argocd", "vault", "tea", "web"];
    let all = folders.map(|folder| proofs(&format!("tests/fixtures/large/{folder}")));
    insta::assert_snapshot!(table(&all.concat()), @"
    kubectl   no-mutation          proved   44505 1116  8218
    kubectl   no-execution         proved   44505 1116  8218
    kubectl   no-hidden-mutation   proved   44505 1116  8218
    kubectl   no-secrets           proved   44505 1116  8218
    kubectl   no-raw-path          proved   44505 1116  8218
    kubectl   no-other-target      proved   44505 1116  8218
    kubectl   no-other-identity    proved   44505 1116  8218
    kubectl   no-local-files       proved   44505 1116  8218
    argocd    no-mutation          proved     546   80   276
    argocd    no-administration    proved     546   80   276
    argocd    no-other-server      proved     546   80   276
    argocd    no-other-identity    proved     546   80   276
    argocd    no-local-files       proved     546   80   276
    argocd    no-refresh           proved     546   80   276
    argocd    no-secrets           proved     546   80   276
    vault     no-values            proved     253   30   264
    vault     no-mutation          proved     253   30   264
    vault     no-administration    proved     253   30   264
    vault     no-other-target      proved     253   30   264
    vault     no-token             proved     253   30   264
    vault     no-climbing          proved     253   30   264
    tea       no-mutation          proved     496   80   319
    tea       no-raw-api           proved     496   80   319
    tea       no-administration    proved     496   80   319
    tea       no-action-secrets    proved     496   80   319
    tea       no-other-identity    proved     496   80   319
    tea       no-local-files       proved     496   80   319
    tea       no-token             proved     496   80   319
    web_fetch no-data-sent         proved    8293  343   292
    web_fetch no-search            proved    8293  343   292
    web_fetch no-downloads         proved    8293  343   292
    web_fetch no-sign-in           proved    8293  343   292
    web_fetch no-api               proved    8293  343   292
    web_fetch no-escapes           proved    8293  343   292
    web_fetch no-other-project     proved    8293  343   292
    ");
}

#[test]
fn every_invariant_of_the_shipped_configuration_is_proved() {
    // Of a tool whose lines are of another program an invariant says nothing; that each says something of some tool is
    // demanded on loading.
    let mut proofs = proofs("");
    proofs.retain(|proof| proof.outcome != Outcome::Idle);
    let open = |proof: &Proof| proof.outcome != Outcome::Proved;
    assert!(!proofs.iter().any(open), "{}", table(&proofs));
    insta::assert_snapshot!(table(&proofs), @"
    argocd    never-changes        proved     618  119   336
    argocd    never-other-target   proved     618  119   336
    argocd    never-local-manifests proved     618  119   336
    argocd    never-following      proved     618  119   336
    docs_list never-outside        proved     166   12    11
    docs_list never-a-flag         proved     166   12    11
    docs_list never-git-folder     proved     166   12    11
    docs_read never-outside        proved   18042  104   103
    docs_read never-a-flag         proved   18042  104   103
    docs_read never-git-folder     proved   18042  104   103
    docs_read never-a-login-file   proved   18042  104   103
    docs_search never-outside        proved   73855  541   196
    docs_search never-a-flag         proved   73855  541   196
    docs_search never-git-folder     proved   73855  541   196
    docs_search never-a-login-file   proved   73855  541   196
    gitea     never-changes        proved     657  114   686
    gitea     never-private        proved     657  114   686
    gitea     never-other-login    proved     657  114   686
    gitea     never-a-path         proved     657  114   686
    gitea     never-decides        proved     657  114   686
    gitea     never-ready          proved     657  114   686
    gitea     never-creates-anything-else proved     657  114   686
    gitea     never-somebody-else  proved     657  114   686
    gitea_pr_create never-from-main      proved     263   44    15
    kubectl   never-changes        proved   25707  428   940
    kubectl   never-secret         proved   25707  428   940
    kubectl   never-raw-path       proved   25707  428   940
    kubectl   never-other-target   proved   25707  428   940
    kubectl   never-local-file     proved   25707  428   940
    kubectl   never-endless        proved   25707  428   940
    repo_list never-outside        proved     186   14    13
    repo_list never-a-flag         proved     186   14    13
    repo_list never-git-folder     proved     186   14    13
    repo_read never-outside        proved   18042  104   103
    repo_read never-a-flag         proved   18042  104   103
    repo_read never-git-folder     proved   18042  104   103
    repo_read never-a-login-file   proved   18042  104   103
    repo_search never-outside        proved   73856  542   197
    repo_search never-a-flag         proved   73856  542   197
    repo_search never-git-folder     proved   73856  542   197
    repo_search never-a-login-file   proved   73856  542   197
    vault     never-a-value        proved     313   28   144
    vault     never-other-vault    proved     313   28   144
    vault     never-accounts       proved     313   28   144
    web_fetch never-a-hidden-path  proved     425    3     3
    ");
}

#[test]
fn the_large_configurations_are_large() {
    let loaded = load("tests/fixtures/large/kubectl");
    let config = loaded.config.unwrap();
    let tool = config.tool("kubectl").unwrap();
    let of_parameters = tool
        .arguments
        .values()
        .map(|rules| rules.allow.as_ref().map_or(0, Vec::len) + rules.deny.len());
    let of_policies = config.policies().values().map(|policy| {
        policy.allow.as_ref().map_or(0, Vec::len) + policy.deny.len() + policy.ask.len()
    });
    assert_eq!(
        of_parameters.sum::<usize>() + of_policies.sum::<usize>(),
        47
    );
}
