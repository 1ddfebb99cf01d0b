//! Configurations in git revisions: the same findings as in a folder, without a checkout.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tolkien::config::{Origin, Overrides, RootError};
use tolkien::policy;

use super::{copy, every_root, findings, fixtures, written};

const TOOL: &str = "tools.d/kubectl.yaml";

/// A repository with the good root in a folder of it, as its first commit.
struct Repository {
    top: tempfile::TempDir,
    root: PathBuf,
}

impl Repository {
    fn new(below: &str) -> Self {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join(below);
        let repository = Self { top, root };
        repository.git(["init", "--quiet", "--initial-branch=main"]);
        fs::write(repository.top.path().join("README.md"), "# Home\n").unwrap();
        copy(&fixtures().join("good"), &repository.root);
        repository.commit("Write the configuration");
        repository
    }

    /// Runs the `git` of this machine, untouched by the settings of whoever runs the test.
    fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        run_git(self.top.path(), arguments)
    }

    /// Commits everything, and answers the commit's hash.
    fn commit(&self, message: &str) -> String {
        self.git(["add", "--all", "--force"]);
        self.git(["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn at(&self, revision: &str) -> Origin {
        Origin::Revision {
            folder: self.root.clone(),
            revision: revision.to_owned(),
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the repositories of the tests are made by the program that makes all others"
)]
pub(crate) fn run_git<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> String {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_AUTHOR_DATE", "2026-11-23T00:00:00Z")
        .env("GIT_COMMITTER_DATE", "2026-11-23T00:00:00Z")
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    String::from_utf8(output.stdout).unwrap()
}

fn revision(origin: &Origin) -> String {
    let loaded = policy::load(origin, Overrides::None).unwrap();
    let told: String = loaded.diagnostics.iter().map(written).collect();
    assert_eq!(told, "");
    loaded.config.unwrap().revision().to_string()
}

fn error(origin: &Origin) -> RootError {
    policy::load(origin, Overrides::None).unwrap_err()
}

#[test]
fn every_mistake_is_told_in_a_revision_as_it_is_in_a_folder() {
    let repository = Repository::new("roots/good");
    let mut expected = Vec::new();
    for (name, root) in every_root() {
        copy(
            root.path(),
            &repository.top.path().join("roots").join(&name),
        );
        expected.push((name, findings(root.path())));
    }
    repository.commit("Make every mistake");
    fs::remove_dir_all(repository.top.path().join("roots")).unwrap();
    for (name, told) in expected {
        let origin = Origin::Revision {
            folder: repository.top.path().join("roots").join(&name),
            revision: "HEAD".to_owned(),
        };
        assert_eq!(findings(&origin), told, "{name}");
    }
}

#[test]
fn a_revision_is_found_by_all_its_names_loose_or_packed() {
    let repository = Repository::new("");
    let good = revision(&Origin::from(&repository.root));
    let first = repository.git(["rev-parse", "HEAD"]).trim().to_owned();
    repository.git(["tag", "-a", "v1", "-m", "one"]);
    repository.git(["tag", "light"]);
    repository.git(["branch", "old"]);
    repository.git(["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repository.write("prompts/system.md", "You are another agent.\n");
    let second = repository.commit("Change the prompt");
    // What is in the folder alone is in no revision.
    repository.write(TOOL, "efect: read\n");
    let (short, _) = first.split_at(9);
    for _ in 0..2 {
        for name in [
            "HEAD~1",
            "HEAD^",
            "v1",
            "light",
            "old",
            "origin/main",
            "main~1",
            &first,
            short,
        ] {
            assert_eq!(revision(&repository.at(name)), good, "{name}");
        }
        let changed = revision(&repository.at("main"));
        assert_ne!(changed, good);
        assert_eq!(revision(&repository.at(&second)), changed);
        repository.git(["gc", "--quiet", "--aggressive", "--prune=now"]);
        repository.git(["pack-refs", "--all"]);
    }
}

#[test]
fn a_root_deep_in_a_repository_is_read_from_its_folder_there() {
    let repository = Repository::new("apps/tolkien");
    let good = revision(&Origin::from(&repository.root));
    assert_eq!(revision(&repository.at("main")), good);
    let worktree = tempfile::tempdir().unwrap();
    let linked = worktree.path().join("linked");
    let arguments: [&OsStr; 4] = [
        "worktree".as_ref(),
        "add".as_ref(),
        "-q".as_ref(),
        linked.as_os_str(),
    ];
    repository.git(arguments);
    let origin = Origin::Revision {
        folder: linked.join("apps/tolkien"),
        revision: "main".to_owned(),
    };
    assert_eq!(revision(&origin), good);
}

#[test]
fn a_revision_without_a_configuration_is_an_empty_root() {
    let repository = Repository::new("apps/tolkien");
    let elsewhere = |folder: &str| Origin::Revision {
        folder: repository.top.path().join(folder),
        revision: "main".to_owned(),
    };
    for origin in [
        elsewhere("apps"),
        elsewhere("gone/before"),
        elsewhere("README.md/x"),
    ] {
        let loaded = policy::load(&origin, Overrides::None).unwrap();
        assert!(loaded.empty && loaded.config.is_none(), "{origin:?}");
    }
    fs::remove_dir_all(&repository.root).unwrap();
    repository.commit("Remove it");
    assert!(
        policy::load(repository.at("main"), Overrides::None)
            .unwrap()
            .empty
    );
    assert!(
        !policy::load(repository.at("main~1"), Overrides::None)
            .unwrap()
            .empty
    );
}

#[test]
fn a_revision_that_is_not_there_is_an_error_of_its_own() {
    let repository = Repository::new("");
    let told: Vec<String> = [
        "gone",
        "HEAD~7",
        "HEAD:README.md",
        "main..main",
        "ffffffff",
        "",
        "a\nb",
    ]
    .iter()
    .map(|name| error(&repository.at(name)).to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    cannot find the revision `gone`: this repository does not have it
    cannot find the revision `HEAD~7`: this repository does not have it
    cannot find the revision `HEAD:README.md`: it names no commit
    cannot find the revision `main..main`: it names no commit
    cannot find the revision `ffffffff`: this repository does not have it
    cannot find the revision ``: this repository does not have it
    cannot find the revision `a�b`: this repository does not have it
    ");
    repository.commit("Do nothing");
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", repository.top.path().display());
    run_git(clone.path(), ["clone", "--quiet", "--depth=1", &from, "."]);
    let shallow = Origin::Revision {
        folder: clone.path().to_owned(),
        revision: "HEAD~1".to_owned(),
    };
    insta::assert_snapshot!(error(&shallow), @"cannot find the revision `HEAD~1`: this clone is shallow, and does not have it");
}

#[test]
fn a_folder_that_is_in_no_repository_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::Revision {
        folder: folder.path().to_owned(),
        revision: "main".to_owned(),
    };
    assert!(matches!(error(&origin), RootError::NoRepository(_)));
}

#[test]
fn links_are_followed_inside_the_repository_and_nowhere_else() {
    let repository = Repository::new("apps/tolkien");
    let good = revision(&repository.at("main"));
    let top = repository.top.path();
    fs::rename(repository.root.join("policies"), top.join("shared")).unwrap();
    symlink("../../shared", repository.root.join("policies")).unwrap();
    fs::rename(repository.root.join(TOOL), top.join("shared.yaml")).unwrap();
    symlink("./shared.yaml", top.join("link")).unwrap();
    symlink("../../../shared/../link", repository.root.join(TOOL)).unwrap();
    repository.commit("Share");
    assert_eq!(revision(&repository.at("main")), good);
    assert_eq!(revision(&Origin::from(&repository.root)), good);

    for (link, target) in [
        ("tools.d/circle.yaml", "circle.yaml"),
        ("tools.d/absolute.yaml", "/etc/passwd"),
        ("tools.d/outside.yaml", "../../../../outside.yaml"),
        ("tools.d/nowhere.yaml", "gone.yaml"),
        ("tools.d/folder.yaml", "../prompts"),
    ] {
        symlink(target, repository.root.join(link)).unwrap();
    }
    repository.commit("Lead elsewhere");
    insta::assert_snapshot!(findings(repository.at("main")), @"
    tools.d/absolute.yaml:1:1-1:1 error[unreadable-file] `tools.d/absolute.yaml` cannot be read: its link leads out of the repository
      help: look at its permissions, and where it leads if it is a link
    tools.d/circle.yaml:1:1-1:1 error[unreadable-file] `tools.d/circle.yaml` cannot be read: its links lead in a circle
      help: look at its permissions, and where it leads if it is a link
    tools.d/folder.yaml:1:1-1:1 error[not-a-file] `tools.d/folder.yaml` is not a file
      help: a configuration holds files only; remove it, or give it another ending
    tools.d/nowhere.yaml:1:1-1:1 error[unreadable-file] `tools.d/nowhere.yaml` cannot be read: it is a link, and leads nowhere
      help: look at its permissions, and where it leads if it is a link
    tools.d/outside.yaml:1:1-1:1 error[unreadable-file] `tools.d/outside.yaml` cannot be read: its link leads out of the repository
      help: look at its permissions, and where it leads if it is a link
    ");
}

#[test]
fn a_script_is_read_from_the_same_revision() {
    let repository = Repository::new("apps/tolkien");
    let settings = fs::read_to_string(repository.root.join("tolkien.yaml")).unwrap();
    let model = "model: {provider: script, script: ../demo.yaml}\n";
    repository.write("tolkien.yaml", &format!("{model}{settings}"));
    repository.write("../demo.yaml", "turns: []\n");
    repository.commit("Play a script");
    repository.write("../demo.yaml", "turns: [\n");
    let loaded = policy::load(repository.at("main"), Overrides::None).unwrap();
    let script = loaded.config.unwrap().script().unwrap().to_string();
    assert_eq!(script, r#"{"turns":[]}"#);
    fs::remove_file(repository.root.join("../demo.yaml")).unwrap();
    repository.commit("Lose the script");
    insta::assert_snapshot!(findings(repository.at("main")), @"
    tolkien.yaml:1:35-1:47 error[missing-file] there is no file `../demo.yaml`
      help: write its path relative to the configuration's folder
    ");
}

#[test]
fn a_file_whose_object_is_lost_is_told() {
    let repository = Repository::new("");
    let id = repository.git(["rev-parse", &format!("HEAD:{TOOL}")]);
    let (folder, file) = id.trim().split_at(2);
    let object = repository
        .top
        .path()
        .join(".git/objects")
        .join(folder)
        .join(file);
    fs::remove_file(object).unwrap();
    let told = findings(repository.at("main")).replace(id.trim(), "ID");
    insta::assert_snapshot!(told, @"
    tools.d/kubectl.yaml:1:1-1:1 error[unreadable-file] `tools.d/kubectl.yaml` cannot be read: An object with id ID could not be found
      help: look at its permissions, and where it leads if it is a link
    ");
}
