//! The shipped `write_code`: a real repository with real git; Claude Code and tea are stand-ins, small
//! scripts that do what a case is about. `tests/peers` has the real ones.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use crate::commands::program::{Folder, Ran};
use crate::diagnostics::revision::run_git;

/// What Claude Code says last when all went well, in the order in which 2.1.330 says it.
const DONE: &str = r#"{"type":"system","subtype":"init"}
{"duration_api_ms":9,"is_error":false,"subtype":"success","result":"Done.","type":"result"}"#;

/// Where the configuration of this repository is.
const SHIPPED: &str = env!("CARGO_MANIFEST_DIR");

/// A folder with a bare repository, a configuration and the stand-ins.
struct Valinor {
    folder: Folder,
}

impl Valinor {
    fn new(claude: &str) -> Self {
        let valinor = Self {
            folder: Folder::new(),
        };
        for name in [
            "bin",
            "scratch",
            "tools.d",
            "prompts",
            "work/apps/sonarr",
            "work/apps/tolkien",
        ] {
            fs::create_dir_all(valinor.folder.path(name)).unwrap();
        }
        valinor.write_configuration();
        valinor.stand_in("claude", claude);
        valinor.stand_in("tea", "printf '<%s>\\n' \"$@\"\n");
        for (name, text) in [
            ("README.md", "# valinor\n"),
            ("apps/sonarr/values.yaml", "replicas: 1\n"),
            ("apps/tolkien/config.yaml", "name: tolkien\n"),
        ] {
            valinor.folder.write(&format!("work/{name}"), text);
        }
        let work = valinor.folder.path("work");
        let bare = valinor.folder.path("valinor.git");
        run_git(&work, ["init", "--quiet", "--initial-branch=main"]);
        run_git(&work, ["add", "--all"]);
        run_git(&work, ["commit", "--quiet", "--message=first"]);
        run_git(
            &work,
            ["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()],
        );
        valinor
    }

    /// The shipped tool; the stand-ins and the repository may be used in its sandboxes.
    fn write_configuration(&self) {
        let shipped = |name: &str| fs::read_to_string(Path::new(SHIPPED).join(name)).unwrap();
        let root = self.folder.path("");
        let root = root.to_str().unwrap().trim_end_matches('/');
        let ours = format!("\"@system\", {root}/bin, {root}/valinor.git");
        let tool = shipped("tools.d/write_code.yaml")
            // The stand-ins are scripts, and a repository in a folder is served by a script too.
            .replace("exec: [\"@system\"", "exec: [\"@system\", /usr/bin")
            .replace("\"@system\"", &ours)
            .replace("[claude, ", &format!("[{root}/bin/claude, "))
            .replace("[tea, ", &format!("[{root}/bin/tea, "));
        self.folder.write("tools.d/write_code.yaml", &tool);
        self.folder
            .write("prompts/write_code.md", &shipped("prompts/write_code.md"));
        self.folder.write("prompts/system.md", "You are a test.\n");
        self.folder.write(
            "tolkien.yaml",
            &format!(
                "environment: {{VALINOR_URL: \"file://{root}/valinor.git\", GITEA_HOST: gitea.example, \
                 GITEA_INSTANCE_URL: \"https://gitea.example\", VALINOR_REPO: jpnadas/valinor, \
                 CLAUDE_CODE_BASE_URL: \"http://127.0.0.1:1\"}}\n\
                 secrets: {{GITEA_TOKEN: {{env: GITEA_TOKEN}}, CLAUDE_CODE_API_KEY: {{env: CLAUDE_CODE_API_KEY}}}}\n"
            ),
        );
    }

    fn stand_in(&self, name: &str, script: &str) {
        let path = self.folder.path(&format!("bin/{name}"));
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn propose(&self, title: &str, task: &str) -> Ran {
        let scratch = self.folder.path("scratch");
        let environment = [
            ("TMPDIR", scratch.to_str().unwrap()),
            ("GITEA_TOKEN", "gitea-token-of-the-test"),
            ("CLAUDE_CODE_API_KEY", "claude-key-of-the-test"),
        ];
        let input = json!({"title": title, "task": task}).to_string();
        let ran = self
            .folder
            .run_with(&["call", "--yes", "write_code", &input], &environment, "");
        let left: Vec<_> = fs::read_dir(&scratch).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        ran
    }

    /// What the repository has: each branch with the files that its last commit changed.
    fn branches(&self) -> String {
        let bare = self.folder.path("valinor.git");
        let names = run_git(&bare, ["for-each-ref", "--format=%(refname)"]);
        let mut all = String::new();
        for name in names.lines() {
            let log = [
                "log",
                "--format=%an: %s",
                "--max-count=1",
                "--name-only",
                name,
            ];
            let log = run_git(&bare, log)
                .replace("\n\n", " ")
                .trim()
                .replace('\n', " ");
            let _ = writeln!(all, "{name} {log}");
        }
        all
    }
}

/// Only the first commit is there.
const UNTOUCHED: &str =
    "refs/heads/main Test: first README.md apps/sonarr/values.yaml apps/tolkien/config.yaml\n";

fn refused(claude: &str) -> String {
    let valinor = Valinor::new(claude);
    let ran = valinor.propose("Add a probe", "Do it.");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(valinor.branches(), UNTOUCHED);
    let failed = ran.err.lines().find(|line| line.starts_with("error"));
    failed.unwrap_or(&ran.err).to_owned()
}

fn script(change: &str) -> String {
    format!("{change}\necho '{DONE}'\n")
}

#[test]
fn a_change_becomes_a_branch_with_one_commit_and_a_draft() {
    let task = "Say \"hello\", $(reboot) and `id`;\n\n'single' \\ back";
    let valinor = Valinor::new(&script(
        "asked=$(cat); case $asked in *'$(reboot)'*) ;; *) exit 9 ;; esac\n\
         [ -z \"$GITEA_TOKEN$GIT_CONFIG_COUNT\" ] || exit 8\n\
         echo 'replicas: 2' > apps/sonarr/values.yaml; echo new > apps/sonarr/probe.yaml",
    ));
    let ran = valinor.propose("Add a probe: \"it's\" (#12)", task);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    insta::assert_snapshot!(valinor.branches(), @r#"
    refs/heads/main Test: first README.md apps/sonarr/values.yaml apps/tolkien/config.yaml
    refs/heads/tolkien/code-add-a-probe-its-12 Tolkien: Add a probe: "it's" (#12) apps/sonarr/probe.yaml apps/sonarr/values.yaml
    "#);
    insta::assert_snapshot!(ran.out, @r#"
    <pulls>
    <create>
    <--repo=jpnadas/valinor>
    <--head=tolkien/code-add-a-probe-its-12>
    <--base=main>
    <--title=WIP: Add a probe: "it's" (#12)>
    <--description=Say "hello", $(reboot) and `id`;

    'single' \ back>


    Changed:
    :000000 100644 0000000000000000000000000000000000000000 3e757656cf36eca53338e520d134963a44f793f8 A	apps/sonarr/probe.yaml
    :100644 100644 3b3a9950e87cd299367ccf3355ef92980e582cb2 eb5c26739ea8767a00de3d6e1932c340ce323472 M	apps/sonarr/values.yaml
    "#);
    let bare = valinor.folder.path("valinor.git");
    let branch = "refs/heads/tolkien/code-add-a-probe-its-12";
    let message = run_git(&bare, ["log", "--max-count=1", "--format=%B", branch]);
    assert_eq!(
        message.trim_end(),
        format!("Add a probe: \"it's\" (#12)\n\n{task}")
    );
}

#[test]
fn a_change_that_may_not_be_is_refused_and_nothing_is_pushed() {
    insta::assert_snapshot!(refused(&script("true")), @"error: step `scope` (5 of 12) ended the call: only files below apps/, manifests/, ansible/ and terraform/ may change, no symbolic links and no submodules; nothing was proposed (it wrote nothing); nothing after it ran");
    insta::assert_snapshot!(refused(&script("echo x > README.md")), @"error: step `scope` (5 of 12) ended the call: only files below apps/, manifests/, ansible/ and terraform/ may change, no symbolic links and no submodules; nothing was proposed (it wrote the line `:100644 100644 a66176dc99da3388899149bda6ffcfe3fed30d53 587be6b4c3f93f93c489c0111bba5596147a26cb M README.md`); nothing after it ran");
    insta::assert_snapshot!(refused(&script("echo x > apps/sonarr/a; echo x > 'é\"\tx'")), @r#"error: step `scope` (5 of 12) ended the call: only files below apps/, manifests/, ansible/ and terraform/ may change, no symbolic links and no submodules; nothing was proposed (it wrote the line `:000000 100644 0000000000000000000000000000000000000000 587be6b4c3f93f93c489c0111bba5596147a26cb A "\303\251\"\tx"`); nothing after it ran"#);
    insta::assert_snapshot!(refused(&script("echo x > apps/tolkien/config.yaml")), @"error: step `own` (6 of 12) ended the call: the agent does not change its own tools and rules; the operator does (it wrote `apps/tolkien/config.yaml`); nothing after it ran");
    insta::assert_snapshot!(refused(&script("mkdir apps/Tolkien; echo x > apps/Tolkien/x")), @"error: step `own` (6 of 12) ended the call: the agent does not change its own tools and rules; the operator does (it wrote `apps/Tolkien/x`); nothing after it ran");
    insta::assert_snapshot!(refused(&script("printf 'key: sk-ant-%s' api03-AbCdEfGhIjKlMnOp > apps/sonarr/key.yaml")), @"error: step `secrets` (7 of 12) ended the call: the change holds what looks like a key; nothing was proposed (it wrote `apps/sonarr/key.yaml`); nothing after it ran");
    insta::assert_snapshot!(refused(&script("ln -s /etc/passwd apps/sonarr/link")), @"error: step `scope` (5 of 12) ended the call: only files below apps/, manifests/, ansible/ and terraform/ may change, no symbolic links and no submodules; nothing was proposed (it wrote the line `:000000 120000 0000000000000000000000000000000000000000 3594e94c04db171e2767224db355f514b13715c5 A apps/sonarr/link`); nothing after it ran");
    insta::assert_snapshot!(refused(&script("rm README.md")), @"error: step `scope` (5 of 12) ended the call: only files below apps/, manifests/, ansible/ and terraform/ may change, no symbolic links and no submodules; nothing was proposed (it wrote the line `:100644 000000 a66176dc99da3388899149bda6ffcfe3fed30d53 0000000000000000000000000000000000000000 D README.md`); nothing after it ran");
}

#[test]
fn claude_code_failing_in_any_of_its_ways_proposes_nothing() {
    let change = "echo x > apps/sonarr/values.yaml";
    for end in [
        "exit 1",
        "echo broken; exit 0",
        "exit 143",
        r#"echo '{"type":"result","subtype":"success","is_error":true,"result":"API Error"}'"#,
        r#"echo '{"is_error":true,"subtype":"success","result":"API Error","type":"result"}'"#,
        r#"echo '{"type":"result","subtype":"error_max_turns","is_error":false,"errors":[]}'"#,
        r#"echo '{"type":"result","subtype":"error_during_execution","is_error":true}'; exit 0"#,
    ] {
        let told = refused(&format!("{change}\n{end}\n"));
        assert!(told.contains("step `claude`"), "{end}: {told}");
    }
}

#[test]
fn a_step_that_hangs_in_silence_is_ended() {
    let valinor = Valinor::new("echo '{\"type\":\"system\"}'; sleep 1000");
    let tool = valinor.folder.read("tools.d/write_code.yaml");
    assert!(tool.contains("idle_timeout: 6m"));
    let tool = tool.replace("idle_timeout: 6m", "idle_timeout: 200ms");
    valinor.folder.write("tools.d/write_code.yaml", &tool);
    let ran = valinor.propose("Add a probe", "Do it.");
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.err.lines().last().unwrap(), @"error: step `claude` (3 of 12) ended the call: it had written nothing for 200ms; nothing after it ran");
    assert_eq!(valinor.branches(), UNTOUCHED);
}

#[test]
fn planted_hooks_and_settings_of_git_are_not_run() {
    let valinor = Valinor::new(&script(
        "echo 'replicas: 2' > apps/sonarr/values.yaml\n\
         mkdir -p \"$HOME/evil\" 2>/dev/null\n\
         printf '#!/bin/sh\\ntouch apps/sonarr/mark\\n' > \"$HOME/evil/fsmonitor\"; chmod +x \"$HOME/evil/fsmonitor\"\n\
         printf '[core]\\n fsmonitor = %s\\n hooksPath = %s\\n' \"$HOME/evil/fsmonitor\" \"$HOME/evil\" > \"$HOME/.gitconfig\"\n\
         cp \"$HOME/evil/fsmonitor\" \"$HOME/evil/pre-commit\"; cp \"$HOME/evil/fsmonitor\" \"$HOME/evil/pre-push\"\n\
         cp \"$HOME/evil/fsmonitor\" ../git/hooks/pre-commit 2>/dev/null\n\
         cat \"$HOME/.gitconfig\" >> ../git/config 2>/dev/null\n\
         rm -f .git; mkdir .git; cp \"$HOME/.gitconfig\" .git/config",
    ));
    let ran = valinor.propose("Scale Sonarr", "Do it.");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    insta::assert_snapshot!(valinor.branches(), @"
    refs/heads/main Test: first README.md apps/sonarr/values.yaml apps/tolkien/config.yaml
    refs/heads/tolkien/code-scale-sonarr Tolkien: Scale Sonarr apps/sonarr/values.yaml
    ");
}

#[test]
fn a_push_that_is_rejected_and_a_draft_that_is_there_are_told() {
    let change = script("echo 'replicas: 2' > apps/sonarr/values.yaml");
    let valinor = Valinor::new(&change);
    let hook = valinor.folder.path("valinor.git/hooks/pre-receive");
    fs::write(
        &hook,
        "#!/bin/sh\necho 'the branch is protected' >&2\nexit 1\n",
    )
    .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = valinor.propose("Scale Sonarr", "Do it.");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("the branch is protected"), "{}", ran.out);
    insta::assert_snapshot!(ran.err.lines().last().unwrap(), @"error: step `push` (10 of 12) ended the call: it failed with exit code 1; nothing after it ran");
    assert_eq!(valinor.branches(), UNTOUCHED);

    fs::remove_file(hook).unwrap();
    valinor.stand_in("tea", "echo 'pull request already exists' >&2; exit 1\n");
    let ran = valinor.propose("Scale Sonarr", "Do it.");
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.err.lines().last().unwrap(), @"error: step `pr` (12 of 12) ended the call: it failed with exit code 1");
    // The branch is there, and a second try with the same title does not overwrite it.
    let pushed = valinor.branches();
    let again = valinor.propose("Scale Sonarr", "Do it again.");
    insta::assert_snapshot!(again.err.lines().last().unwrap(), @"error: step `push` (10 of 12) ended the call: it failed with exit code 1; nothing after it ran");
    assert_eq!(valinor.branches(), pushed);
}

#[test]
fn two_at_once_do_not_meet() {
    let valinor = Valinor::new(&script("cat > apps/sonarr/values.yaml"));
    std::thread::scope(|scope| {
        let titles = ["First of two", "Second of two"];
        let both = titles.map(|title| {
            let valinor = &valinor;
            scope.spawn(move || {
                let environment = [
                    ("GITEA_TOKEN", "gitea-token-of-the-test"),
                    ("CLAUDE_CODE_API_KEY", "claude-key-of-the-test"),
                ];
                let input = json!({"title": title, "task": title}).to_string();
                let arguments = ["call", "--yes", "write_code", &input];
                valinor.folder.run_with(&arguments, &environment, "")
            })
        });
        for ran in both {
            let ran = ran.join().unwrap();
            assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        }
    });
    insta::assert_snapshot!(valinor.branches(), @"
    refs/heads/main Test: first README.md apps/sonarr/values.yaml apps/tolkien/config.yaml
    refs/heads/tolkien/code-first-of-two Tolkien: First of two apps/sonarr/values.yaml
    refs/heads/tolkien/code-second-of-two Tolkien: Second of two apps/sonarr/values.yaml
    ");
}
