//! `tolkien diff` in a git repository, as a pull request runs it: what a branch newly permits.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::program::{Folder, Ran};
use crate::analysis::world;
use crate::diagnostics::revision::run_git;

const CLUSTER: &str = "policies/cluster.yaml";

const KUBECTL: &str = "tools.d/kubectl.yaml";

const ACKNOWLEDGED: &str = "permissions.ack.yaml";

/// A word dropped out of a deny.
const ONE_WORD: Edit<'_> = (
    CLUSTER,
    "-n|--namespace kube-system",
    "--namespace kube-system",
);

/// A value of an option too many.
const ONE_VALUE: Edit<'_> = (KUBECTL, "--output wide|", "--output wide|name|");

/// A replacement in one file: its path, what stands there, and what shall.
type Edit<'a> = (&'a str, &'a str, &'a str);

/// A repository with a configuration on `main`.
struct Repository {
    folder: Folder,
    /// Where the configuration lies in it, with a slash behind, or nothing.
    below: &'static str,
}

impl Repository {
    fn new() -> Self {
        Self::with_a_configuration_in("")
    }

    fn with_a_configuration_in(below: &'static str) -> Self {
        let repository = Self::empty(below);
        for (path, text) in world::files() {
            repository.write(&path, &text);
        }
        repository.commit("Write the configuration");
        repository
    }

    /// One without a commit.
    fn empty(below: &'static str) -> Self {
        let folder = Folder::new();
        run_git(
            &folder.path(""),
            ["init", "--quiet", "--initial-branch=main"],
        );
        Self { folder, below }
    }

    /// One whose checked-out branch `feature` has changes that `main` does not have.
    fn with_a_change(edits: &[Edit<'_>]) -> Self {
        let repository = Self::new();
        repository.branch("feature");
        repository.edit(edits);
        repository.commit("Change something");
        repository
    }

    fn git(&self, arguments: &[&str]) -> String {
        run_git(&self.folder.path(""), arguments)
    }

    /// Makes a branch, and checks it out.
    fn branch(&self, name: &str) {
        self.git(&["checkout", "--quiet", "-b", name]);
    }

    fn check_out(&self, name: &str) {
        self.git(&["checkout", "--quiet", name]);
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path(&format!("{}{path}", self.below));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn edit(&self, edits: &[Edit<'_>]) {
        for (file, from, to) in edits {
            let text = self.folder.read(&format!("{}{file}", self.below));
            assert!(text.contains(from), "{file} does not hold {from}");
            self.write(file, &text.replacen(from, to, 1));
        }
    }

    fn diff(&self, arguments: &[&str]) -> Ran {
        self.folder.run(&[&["diff"], arguments].concat())
    }

    /// The annotations of a difference that fails.
    fn annotations(&self, arguments: &[&str]) -> String {
        let ran = self.diff(&[arguments, &["--format", "github"]].concat());
        assert_eq!(ran.code, 1, "{}", ran.err);
        ran.out
    }
}

/// What the human output tells to paste, with a reason in place of the ellipsis.
fn pasted(ran: &Ran) -> String {
    let (_, entries) = ran.out.split_once("permissions.ack.yaml:\n").unwrap();
    entries.replace('…', "asked for by the platform team")
}

/// Everything of a run.
fn whole(ran: &Ran) -> String {
    format!("{}{}exit {}", ran.out, ran.err, ran.code)
}

#[test]
fn a_dropped_word_fails_and_shows_what_gets_through() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @r#"
    This change newly permits command lines (1 example)

    kubectl  widened
      newly permitted
        kubectl get -n kube-system --request-timeout=50s
          deny → allow: let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, changed here

    narrow it, or accept it in permissions.ack.yaml:
      # kubectl
      - fingerprint: "b6fa70b8c4c87c67943b55c7493cd73fe7347dd82df0a24ac3fec8e28d2a0741"
        reason: …
    tools: 1 widened; 0 settings and prompts differ; 1 widening not acknowledged
    exit 1
    "#);
}

#[test]
fn the_comment_on_the_pull_request_says_the_same() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    let ran = repository.diff(&["main", "--format", "markdown"]);
    insta::assert_snapshot!(whole(&ran), @r#"
    **This change newly permits command lines (1 example)**

    | tool | change | newly permitted | newly denied | beside |
    | --- | --- | --- | --- | --- |
    | `kubectl` | **widened** | 1 example |  |  |

    #### `kubectl`

    Newly permitted:

    ```sh
    kubectl get -n kube-system --request-timeout=50s
    ```
    deny → allow: let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, changed here


    <details><summary>Accept it in <code>permissions.ack.yaml</code></summary>

    ```yaml
    # kubectl
    - fingerprint: "b6fa70b8c4c87c67943b55c7493cd73fe7347dd82df0a24ac3fec8e28d2a0741"
      reason: …
    ```

    </details>
    tools: 1 widened; 0 settings and prompts differ; 1 widening not acknowledged
    exit 1
    "#);
}

#[test]
fn the_json_has_the_call_and_both_verdicts() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    let ran = repository.diff(&["main", "--format", "json"]);
    insta::assert_snapshot!(whole(&ran), @r#"
    {
      "tools": [
        {
          "tool": "kubectl",
          "change": "widened",
          "widens": true,
          "newly_permitted": [
            {
              "command_line": "kubectl get -n kube-system --request-timeout=50s",
              "input": {
                "args": [
                  "get",
                  "-n",
                  "kube-system"
                ]
              },
              "before": "deny",
              "after": "allow",
              "why": "let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, changed here"
            }
          ],
          "newly_denied": [],
          "other": [],
          "fingerprint": "b6fa70b8c4c87c67943b55c7493cd73fe7347dd82df0a24ac3fec8e28d2a0741"
        }
      ],
      "other": [],
      "widened": true,
      "acknowledged": false
    }
    tools: 1 widened; 0 settings and prompts differ; 1 widening not acknowledged
    exit 1
    "#);
}

#[test]
fn an_annotation_is_at_the_line_of_the_change() {
    let told = |edits: &[Edit<'_>]| {
        let annotations = Repository::with_a_change(edits).annotations(&["main"]);
        let (place, message) = annotations
            .split_once(",title=permission-widened::")
            .unwrap();
        let (message, _) = message.split_once("%0Ahelp").unwrap();
        format!("{place} {message}\n")
    };
    let deny = "deny:\n  - {id: no-system, match: 'kubectl ** -n|--namespace kube-system ** | kubectl ** --namespace=kube-system **', because: the control plane is not for the model}\n";
    let mut all = String::new();
    for edits in [
        &[ONE_WORD][..],
        &[ONE_VALUE],
        &[(CLUSTER, deny, "")],
        &[
            (
                KUBECTL,
                "- logs <name> [",
                "- top pods\n      - logs <name> [",
            ),
            (CLUSTER, "|logs **", "|logs|top **"),
        ],
        &[(KUBECTL, "max: 63", "max: 64")],
        &[(
            CLUSTER,
            "deny:\n  - {id: no-system",
            "ask:\n  - {id: no-system",
        )],
        &[(KUBECTL, "=50s", "=90s")],
        &[(KUBECTL, "maxItems: 40", "maxItems: 41")],
    ] {
        all += &told(edits);
    }
    insta::assert_snapshot!(all, @"
    ::error file=policies/cluster.yaml,line=5,endLine=5,col=5,endColumn=157 `kubectl` newly permits command lines such as `kubectl get -n kube-system --request-timeout=50s`
    ::error file=tools.d/kubectl.yaml,line=19,endLine=19,col=9,endColumn=55 `kubectl` newly permits command lines such as `kubectl get -o name --request-timeout=50s`
    ::error file=policies/cluster.yaml,line=1,endLine=1 `kubectl` newly permits command lines such as `kubectl get --namespace=kube-system --request-timeout=50s`, with 2 more examples
    ::error file=tools.d/kubectl.yaml,line=20,endLine=20,col=9,endColumn=17 `kubectl` newly permits command lines such as `kubectl top pods --request-timeout=50s`
    ::error file=tools.d/kubectl.yaml,line=19,endLine=19,col=9,endColumn=55 `kubectl` newly permits command lines such as `kubectl get -n aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --request-timeout=50s`
    ::error file=policies/cluster.yaml,line=5,endLine=5,col=5,endColumn=160 `kubectl` newly permits command lines such as `kubectl get --namespace=kube-system --request-timeout=50s`, with 1 more example
    ::error file=tools.d/kubectl.yaml,line=9,endLine=9,col=3,endColumn=3 `kubectl` newly permits command lines such as `kubectl get -A --request-timeout=90s`, with 1 more example
    ::error file=tools.d/kubectl.yaml,line=4,endLine=4,col=3,endColumn=3 `kubectl` newly permits command lines such as `kubectl get -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A -A --request-timeout=50s`
    ");
}

#[test]
fn the_entry_as_printed_accepts_the_change_and_nothing_else() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    repository.write(ACKNOWLEDGED, &pasted(&repository.diff(&["main"])));
    repository.commit("Accept it");
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @"
    This change newly permits command lines (1 example), acknowledged

    kubectl  widened
      acknowledged: asked for by the platform team
      newly permitted
        kubectl get -n kube-system --request-timeout=50s
          deny → allow: let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, changed here
    tools: 1 widened; 0 settings and prompts differ
    exit 0
    ");
    let ran = repository.diff(&["main", "--format", "markdown"]);
    insta::assert_snapshot!(whole(&ran), @"
    **This change newly permits command lines (1 example), acknowledged**

    | tool | change | newly permitted | newly denied | beside |
    | --- | --- | --- | --- | --- |
    | `kubectl` | **widened**, acknowledged | 1 example |  |  |

    #### `kubectl`

    Acknowledged: `asked for by the platform team`

    Newly permitted:

    ```sh
    kubectl get -n kube-system --request-timeout=50s
    ```
    deny → allow: let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, changed here

    tools: 1 widened; 0 settings and prompts differ
    exit 0
    ");
    let ran = repository.diff(&["main", "--format", "github"]);
    insta::assert_snapshot!(whole(&ran), @"
    ::warning file=policies/cluster.yaml,line=5,endLine=5,col=5,endColumn=157,title=permission-widened::`kubectl` newly permits command lines such as `kubectl get -n kube-system --request-timeout=50s`%0Ahelp: acknowledged: asked for by the platform team
    tools: 1 widened; 0 settings and prompts differ
    exit 0
    ");

    repository.edit(&[ONE_VALUE]);
    repository.commit("Change a value too");
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @r#"
    This change newly permits command lines (2 examples)

    kubectl  widened
      newly permitted
        kubectl get -o name --request-timeout=50s
          deny → allow: let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`
        kubectl get -n kube-system --request-timeout=50s
          deny → allow: let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, changed here

    narrow it, or accept it in permissions.ack.yaml:
      # kubectl
      - fingerprint: "2d4ee45c5e2f7de1477d0ed482cf53c2937073d95f122df7fe47f472dd4b8b0b"
        reason: …
    permissions.ack.yaml:2:5 acknowledges nothing that differs here
    tools: 1 widened; 0 settings and prompts differ; 1 widening not acknowledged
    exit 1
    "#);
}

#[test]
fn an_acknowledgement_of_another_change_lets_nothing_through() {
    let repository = Repository::with_a_change(&[ONE_VALUE]);
    let other = pasted(&repository.diff(&["main"]));
    repository.check_out("main");
    repository.branch("second");
    repository.edit(&[ONE_WORD]);
    repository.write(ACKNOWLEDGED, &other);
    repository.commit("Change a word, and accept another");
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @r#"
    This change newly permits command lines (1 example)

    kubectl  widened
      newly permitted
        kubectl get -n kube-system --request-timeout=50s
          deny → allow: let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, changed here

    narrow it, or accept it in permissions.ack.yaml:
      # kubectl
      - fingerprint: "b6fa70b8c4c87c67943b55c7493cd73fe7347dd82df0a24ac3fec8e28d2a0741"
        reason: …
    permissions.ack.yaml:2:5 acknowledges nothing that differs here
    tools: 1 widened; 0 settings and prompts differ; 1 widening not acknowledged
    exit 1
    "#);
    insta::assert_snapshot!(repository.annotations(&["main"]), @"
    ::error file=policies/cluster.yaml,line=5,endLine=5,col=5,endColumn=157,title=permission-widened::`kubectl` newly permits command lines such as `kubectl get -n kube-system --request-timeout=50s`%0Ahelp: narrow it, or accept it in `permissions.ack.yaml`: `- {fingerprint: b6fa70b8c4c87c67943b55c7493cd73fe7347dd82df0a24ac3fec8e28d2a0741, reason: …}`
    ::warning file=permissions.ack.yaml,line=2,endLine=3,title=unused-acknowledgement::this acknowledges nothing that differs here%0Ahelp: remove it when the change that it was for is in the base
    ");
}

#[test]
fn an_acknowledgement_of_what_was_merged_is_told_and_fails_nothing() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    repository.write(ACKNOWLEDGED, &pasted(&repository.diff(&["main"])));
    repository.commit("Accept it");
    repository.check_out("main");
    repository.git(&["merge", "--quiet", "feature"]);
    repository.branch("next");
    repository.edit(&[("prompts/system.md", "look after", "watch")]);
    repository.commit("Say it in another way");
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @"
    No change in what is permitted (proved)

    settings and prompts
        prompts/system.md  You look after a cluster. → You watch a cluster.
    permissions.ack.yaml:2:5 acknowledges nothing that differs here
    tools: 1 same; 1 setting or prompt differs
    exit 0
    ");
}

#[test]
fn an_acknowledgement_counts_where_it_is_part_of_the_change() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    let entries = pasted(&repository.diff(&["main"]));
    repository.write(ACKNOWLEDGED, &entries);
    assert_eq!(repository.diff(&["main"]).code, 0);
    // It is in no commit yet.
    assert_eq!(repository.diff(&["main", "feature"]).code, 1);
    repository.git(&["stash", "--quiet", "--include-untracked"]);
    repository.check_out("main");
    repository.write(ACKNOWLEDGED, &entries);
    repository.commit("Accept it on the other side");
    repository.check_out("feature");
    assert_eq!(repository.diff(&["main"]).code, 1);
}

#[test]
fn a_base_that_is_invalid_is_told_with_its_findings() {
    let repository = Repository::new();
    repository.edit(&[(KUBECTL, "effect: read", "effect: [read")]);
    repository.commit("Break it");
    repository.branch("feature");
    repository.edit(&[(KUBECTL, "effect: [read", "effect: read")]);
    repository.commit("Mend it");
    let ran = repository.diff(&["main"]);
    insta::assert_snapshot!(whole(&ran), @"
    warning: the configuration before the change, `main`, is invalid; where the change repairs it, compare with the last valid revision
    error[yaml-syntax]: this `[` is not closed where its content ends
     --> tools.d/kubectl.yaml:2:9
      |
    2 | effect: [read
      |         ^
      |
      = help: close it with `]`, and put a comma between any two of its entries

    1 error; checked 1 tool, 2 policies, 1 prompt, 0 cases and 3 invariants
    the configuration is invalid, so nothing was done with it
    exit 2
    ");
    for format in ["json", "github", "markdown", "sarif"] {
        let other = repository.diff(&["main", "--format", format]);
        assert_eq!(whole(&other), whole(&ran), "{format}");
    }
    let ran = repository.diff(&["main~1"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = repository.diff(&["main~1", "main"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let told = "the configuration after the change, `main`, is invalid\n";
    assert!(ran.err.contains(told), "{}", ran.err);
}

#[test]
fn a_base_whose_case_fails_is_invalid_too() {
    let repository = Repository::with_a_change(&[]);
    repository.edit(&[(KUBECTL, "- allow: get pods -A", "- allow: delete pods -A")]);
    repository.commit("Expect the wrong thing");
    let ran = repository.diff(&["feature", "main"]);
    insta::assert_snapshot!(whole(&ran), @"
    warning: the configuration before the change, `feature`, is invalid; where the change repairs it, compare with the last valid revision
    error[case-fails]: this case expects allow, and the answer is deny: no `allow` of `args` matches
      --> tools.d/kubectl.yaml:25:12
       |
    18 |     allow:
       |     - decided by `kubectl.args.allow`
    ...
    25 |   - allow: delete pods -A
       |            ^^^^^^^^^^^^^^
       |
       = help: `kubectl.args.allow` decided; mend the rule, or the case

    1 error; checked 1 tool, 2 policies, 1 prompt, 2 cases and 3 invariants
    the configuration is invalid, so nothing was done with it
    exit 2
    ");
}

#[test]
fn where_the_base_has_no_configuration_everything_is_new() {
    let repository = Repository::empty("");
    repository.write("README.md", "# Home\n");
    repository.commit("Begin");
    repository.branch("feature");
    for (path, text) in world::files() {
        repository.write(&path, &text);
    }
    repository.commit("Write the configuration");
    let ran = repository.diff(&["main"]);
    insta::assert_snapshot!(whole(&ran), @r#"
    This change adds 1 tool and newly permits command lines (1 example)

    kubectl  added
      newly permitted
        kubectl get --request-timeout=50s
          deny → allow: let through by `kubectl.args.allow[0]`; there was no such tool
      ! effect  + read
      ! runs  + kubectl {{ args }} --request-timeout=50s
      ! policy cluster  + 1 deny, 1 allow
      ! policy invariants  + 3 never

    settings and prompts
        prompts/system.md  + You look after a cluster. (26 characters)

    narrow it, or accept it in permissions.ack.yaml:
      # kubectl
      - fingerprint: "36b264d818c754cca91c64527e4b6951a6747d44f7d2759ad6c296c39a69df45"
        reason: …
    there is no configuration in `main`: everything is new
    tools: 1 added; 1 setting or prompt differs; 1 widening not acknowledged
    exit 1
    "#);
    repository.write(ACKNOWLEDGED, &pasted(&ran));
    assert_eq!(repository.diff(&["main"]).code, 0);
    // The other way round nothing is left to check, which is never a success.
    assert_eq!(repository.diff(&["feature", "main"]).code, 2);
}

#[test]
fn a_name_that_leads_nowhere_comes_with_the_way_out() {
    let repository = Repository::with_a_change(&[]);
    repository.git(&["update-ref", "refs/remotes/origin/release", "HEAD"]);
    let mut told = String::new();
    for name in [
        "gone",
        "mian",
        "release",
        "HEAD~7",
        "main..feature",
        "main...",
        "../gone",
        "./gone",
        "tools.d/gone",
        "tools.d/../gone",
    ] {
        let ran = repository.diff(&[name]);
        writeln!(told, "{name}: {}", whole(&ran)).unwrap();
    }
    insta::assert_snapshot!(told, @"
    gone: error: cannot find the revision `gone`: this repository does not have it
    help: `gone` is neither a folder nor a revision of the repository around the configuration; fetch it, or name two folders: `tolkien diff BEFORE AFTER`
    exit 4
    mian: error: cannot find the revision `mian`: this repository does not have it
    help: did you mean `main`?
    exit 4
    release: error: cannot find the revision `release`: this repository does not have it
    help: did you mean `origin/release`?
    exit 4
    HEAD~7: error: cannot find the revision `HEAD~7`: this repository does not have it
    help: `HEAD~7` is neither a folder nor a revision of the repository around the configuration; fetch it, or name two folders: `tolkien diff BEFORE AFTER`
    exit 4
    main..feature: error: cannot find the revision `main..feature`: it names no commit
    help: name two sides: `tolkien diff main feature`
    exit 4
    main...: error: cannot find the revision `main...`: it names no commit
    help: name two sides: `tolkien diff $(git merge-base main HEAD) HEAD`
    exit 4
    ../gone: error: there is no folder `../gone`
    help: name a folder that is there, or a git revision: `tolkien diff main`; `--config DIR` is the working folder
    exit 2
    ./gone: error: there is no folder `./gone`
    help: name a folder that is there, or a git revision: `tolkien diff main`; `--config DIR` is the working folder
    exit 2
    tools.d/gone: error: cannot find the revision `tools.d/gone`: this repository does not have it
    help: `tools.d/gone` is neither a folder nor a revision of the repository around the configuration; fetch it, or name two folders: `tolkien diff BEFORE AFTER`
    exit 4
    tools.d/../gone: error: cannot find the revision `tools.d/../gone`: this repository does not have it
    help: `tools.d/../gone` is neither a folder nor a revision of the repository around the configuration; fetch it, or name two folders: `tolkien diff BEFORE AFTER`
    exit 4
    ");
}

#[test]
fn without_a_repository_or_a_commit_that_is_said() {
    let told = |repository: &Repository| {
        for (path, text) in world::files() {
            repository.write(&path, &text);
        }
        whole(&repository.diff(&["main"]))
    };
    let none = Repository {
        folder: Folder::new(),
        below: "",
    };
    insta::assert_snapshot!(told(&none), @"
    error: `.` is in no git repository
    help: `main` is neither a folder nor a revision: name the configuration's folder in a repository with `--config DIR`, or two folders: `tolkien diff BEFORE AFTER`
    exit 4
    ");
    insta::assert_snapshot!(told(&Repository::empty("")), @"
    error: cannot find the revision `main`: this repository has no commit yet
    help: `main` is neither a folder nor a revision of the repository around the configuration; fetch it, or name two folders: `tolkien diff BEFORE AFTER`
    exit 4
    ");
    // The tools are elsewhere, so that the default is the system's folder.
    let deep = Repository::with_a_configuration_in("deploy/agent/");
    insta::assert_snapshot!(whole(&deep.diff(&["main"])), @"
    error: there is no configuration here: the current folder has no `tools.d/`, and there is no `/etc/tolkien`
    help: name the working folder with `--config DIR` or TOLKIEN_CONFIG_DIR, or two folders: `tolkien diff BEFORE AFTER`
    exit 2
    ");
}

#[test]
fn a_repository_that_cannot_be_read_is_no_missing_one() {
    let repository = Repository {
        folder: Folder::new(),
        below: "",
    };
    for (path, text) in world::files() {
        repository.write(&path, &text);
    }
    repository.git(&[
        "init",
        "--quiet",
        "--initial-branch=main",
        "--object-format=sha256",
    ]);
    repository.commit("Write the configuration");
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @r#"
    error: cannot read the git repository `.`: Object format is not enabled in this build, input="sha256", key="extensions.objectFormat"
    exit 4
    "#);
}

#[test]
fn two_revisions_are_compared_whatever_is_checked_out() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    let expected = repository.diff(&["main"]);
    for arguments in [
        &["main", "feature"][..],
        &["HEAD~1", "HEAD"],
        &["HEAD^"],
        &["refs/heads/main", "heads/feature"],
    ] {
        assert_eq!(
            whole(&repository.diff(arguments)),
            whole(&expected),
            "{arguments:?}"
        );
    }
    assert_eq!(repository.diff(&["feature", "main"]).code, 0);
    repository.git(&["checkout", "--quiet", "--detach", "feature"]);
    assert_eq!(whole(&repository.diff(&["main"])), whole(&expected));
    assert_eq!(whole(&repository.diff(&["main", "HEAD"])), whole(&expected));
    repository.check_out("main");
    assert_eq!(
        whole(&repository.diff(&["main", "feature"])),
        whole(&expected)
    );
    assert_eq!(repository.diff(&["main"]).code, 0);
}

#[test]
fn what_is_not_committed_is_part_of_the_working_folder_alone() {
    let repository = Repository::with_a_change(&[]);
    repository.edit(&[ONE_WORD]);
    for base in ["main", "HEAD"] {
        assert_eq!(repository.diff(&[base]).code, 1);
        assert_eq!(repository.diff(&[base, "HEAD"]).code, 0);
    }
    repository.git(&["add", "--all"]);
    assert_eq!(repository.diff(&["HEAD"]).code, 1);
    let untracked = "description: Lists the nodes.\neffect: read\ninput: {type: object, properties: {}}\nrun: {command: [kubectl, get, nodes]}\ntests:\n  - allow: {}\n  - deny: {more: 1}\n";
    repository.git(&["reset", "--quiet", "--hard"]);
    repository.write("tools.d/nodes.yaml", untracked);
    let ran = repository.diff(&["HEAD"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.starts_with("This change adds 1 tool"),
        "{}",
        ran.out
    );
}

#[test]
fn a_configuration_deep_in_the_repository_is_annotated_from_its_top() {
    let repository = Repository::with_a_configuration_in("deploy/agent/");
    repository.branch("feature");
    repository.edit(&[ONE_WORD]);
    let there = ["--config", "deploy/agent"];
    let from_above = repository.annotations(&[&there[..], &["main"]].concat());
    insta::assert_snapshot!(from_above, @"::error file=deploy/agent/policies/cluster.yaml,line=5,endLine=5,col=5,endColumn=157,title=permission-widened::`kubectl` newly permits command lines such as `kubectl get -n kube-system --request-timeout=50s`%0Ahelp: narrow it, or accept it in `permissions.ack.yaml`: `- {fingerprint: b6fa70b8c4c87c67943b55c7493cd73fe7347dd82df0a24ac3fec8e28d2a0741, reason: …}`");
    repository.commit("Change something");
    let of_revision = repository.annotations(&[&there[..], &["main", "feature"]].concat());
    assert_eq!(of_revision, from_above);
    // Before the configuration was moved to where it is, there was none.
    repository.git(&["mv", "deploy", "operations"]);
    repository.commit("Move it");
    let ran = repository.diff(&["main", "--config", "operations/agent"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .starts_with("there is no configuration in `main`: everything is new\n"),
        "{}",
        ran.err
    );
}

#[test]
fn a_linked_work_tree_and_a_bare_repository_have_the_same_revisions() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    let expected = repository.diff(&["main"]);
    let linked = Folder::new();
    let path = linked.path("");
    repository.git(&[
        "worktree",
        "add",
        "--quiet",
        "--detach",
        path.to_str().unwrap(),
        "feature",
    ]);
    assert!(linked.path(".git").is_file());
    assert_eq!(whole(&linked.run(&["diff", "main"])), whole(&expected));
    assert_eq!(
        linked.run(&["diff", "main", "--format", "github"]).out,
        repository.annotations(&["main"])
    );
    let bare = Folder::new();
    clone(&repository.folder.path(""), &bare.path(""), "--bare");
    let ran = bare.run(&["--config", ".", "diff", "main", "feature"]);
    assert_eq!(whole(&ran), whole(&expected));
}

#[test]
fn a_clone_that_has_the_base_on_its_remote_alone_is_told_so() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    let expected = repository.diff(&["main"]);
    let clones = [Folder::new(), Folder::new()];
    let [whole_clone, shallow] = &clones;
    clone(
        &repository.folder.path(""),
        &whole_clone.path(""),
        "--no-tags",
    );
    let ran = whole_clone.run(&["diff", "main"]);
    insta::assert_snapshot!(whole(&ran), @"
    error: cannot find the revision `main`: this repository does not have it
    help: did you mean `origin/main`?
    exit 4
    ");
    assert_eq!(
        whole(&whole_clone.run(&["diff", "origin/main"])),
        whole(&expected)
    );
    clone(&repository.folder.path(""), &shallow.path(""), "--depth=1");
    let ran = shallow.run(&["diff", "origin/main"]);
    insta::assert_snapshot!(whole(&ran), @"
    error: cannot find the revision `origin/main`: this clone is shallow, and does not have it
    help: `origin/main` is neither a folder nor a revision of the repository around the configuration; fetch it, or name two folders: `tolkien diff BEFORE AFTER`
    exit 4
    ");
}

/// Clones one folder to another.
fn clone(from: &Path, to: &Path, how: &str) {
    let from = format!("file://{}", from.display());
    run_git(to, ["clone", "--quiet", how, &from, "."]);
}

#[test]
fn a_folder_that_is_called_like_the_base_does_not_take_its_place() {
    let repository = Repository::with_a_change(&[ONE_WORD]);
    for (path, _) in world::files() {
        let text = repository.folder.read(&path);
        repository.write(&format!("main/{path}"), &text);
    }
    repository.commit("Add a folder that is called like the base");
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @"
    error: `main` is a git revision, and there is a file or folder of this name
    help: write `./main` for the one, and `refs/heads/main`, `refs/remotes/main` or its hash for the other
    exit 2
    ");
    assert_eq!(repository.diff(&["feature", "main"]).code, 2);
    assert_eq!(repository.diff(&["./main"]).code, 0);
    assert_eq!(repository.diff(&["main/"]).code, 0);
    assert_eq!(repository.diff(&["refs/heads/main"]).code, 1);
}

#[test]
fn a_refactoring_is_proved_to_change_nothing() {
    let repository = Repository::with_a_change(&[
        (KUBECTL, "get|describe [", "<reading> ["),
        (KUBECTL, "let:\n", "let:\n  reading: 'describe|get'\n"),
        (
            CLUSTER,
            "  - {id: no-system, match: 'kubectl ** -n|--namespace kube-system ** | kubectl ** --namespace=kube-system **'",
            "  - {id: no-system-joined, match: 'kubectl ** --namespace=kube-system **'}\n  - {id: no-system, match: 'kubectl ** --namespace|-n kube-system **'",
        ),
    ]);
    insta::assert_snapshot!(whole(&repository.diff(&["main"])), @"
    No change in what is permitted (proved)
    tools: 1 same; 0 settings and prompts differ
    exit 0
    ");
    let ran = repository.diff(&["main", "--format", "markdown"]);
    insta::assert_snapshot!(whole(&ran), @"
    **No change in what is permitted (proved)**

    1 tool is the same.
    tools: 1 same; 0 settings and prompts differ
    exit 0
    ");
    let ran = repository.diff(&["main", "--format", "github"]);
    insta::assert_snapshot!(whole(&ran), @"
    tools: 1 same; 0 settings and prompts differ
    exit 0
    ");
}
