//! Every way in which a root comes to hold something else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::world::{Mount, World, first_version, revision, until, version, write};
use crate::fake::Fake;

#[tokio::test]
async fn a_file_written_in_its_place_is_in_force() {
    let world = World::new().await;
    let first = world.revision();
    world.write(2);
    world.followed().await;
    assert_ne!(world.revision(), first);
    let config = world.config().await;
    assert_eq!(config["revision"], revision(&world.root));
    assert!(config["last_rejected_reload"].is_null());
}

#[tokio::test]
async fn a_file_that_an_editor_renames_into_its_place_is_in_force() {
    let world = World::new().await;
    for number in 2..5 {
        for (name, text) in version(&world.fake, number) {
            let path = world.root.join(&name);
            let swap = path.with_file_name(format!(".{number}.swp"));
            fs::write(&swap, text).unwrap();
            fs::rename(&swap, &path).unwrap();
        }
        world.followed().await;
    }
}

#[tokio::test]
async fn files_and_folders_that_come_and_go_are_in_force() {
    let world = World::new().await;
    let policies = world.root.join("policies");
    let policy = |deny: &str| {
        format!(
            "applies_to: {{tools: [say]}}\ndeny: [{{id: no-orc, match: 'echo ** {deny} **'}}]\n\
             tests: [{{tool: say, deny: {deny}}}]\n"
        )
    };
    for round in 0..3 {
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("a.yaml"), policy("orc")).unwrap();
        world.followed().await;
        // The folder is new in this round, and heard of all the same.
        fs::write(policies.join("a.yaml"), policy(&format!("troll{round}"))).unwrap();
        world.followed().await;
        fs::remove_dir_all(&policies).unwrap();
        world.followed().await;
    }
}

#[tokio::test]
async fn a_mounted_configmap_is_swapped_as_a_whole() {
    let (world, mut mount, _) = mounted().await;
    for number in 2..6 {
        mount.swap(&version(&world.fake, number));
        world.followed().await;
    }
    // A key that was not there before.
    let mut files = version(&world.fake, 6);
    let second = files["tools.d/say.yaml"].replace("tool-6", "second");
    files.insert("tools.d/second.yaml".to_owned(), second);
    mount.swap(&files);
    world.followed().await;
    let in_force = world.in_force.load_full();
    let tools = in_force.config.tools().keys().map(ToString::to_string);
    assert_eq!(tools.collect::<Vec<_>>(), ["say", "second"]);
}

/// A server of a mounted `ConfigMap`, which holds the first version, and what all versions are as a
/// whole.
async fn mounted() -> (World, Mount, BTreeSet<String>) {
    let fake = Fake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mount");
    let mut mount = Mount::new(&root);
    mount.swap(&version(&fake, 1));
    let apart = tempfile::tempdir().unwrap();
    let whole = (1..=SWAPS).map(|number| {
        write(apart.path(), &version(&fake, number));
        revision(apart.path())
    });
    let whole = whole.collect();
    // It looks in the middle of what happens.
    let world = World::quiet_for(Duration::ZERO, (fake, folder, root)).await;
    (world, mount, whole)
}

const SWAPS: usize = 101;

#[tokio::test]
async fn of_a_hundred_swaps_in_a_row_the_last_one_is_in_force_and_none_was_half() {
    let (world, mut mount, whole) = mounted().await;
    let first = Arc::downgrade(&world.in_force.load().config);
    let mut numbers = 2..=SWAPS;
    // One at a time, then more and more in a row, then the rest.
    for row in [1, 1, 2, 2, 3, 3, 5, 8, 13, SWAPS] {
        let all = numbers.by_ref().take(row);
        let all: Vec<_> = all.map(|it| version(&world.fake, it)).collect();
        let swapping = world.tasks.spawn_blocking(move || {
            for files in &all {
                mount.swap(files);
            }
            mount
        });
        until("swapped", async || {
            assert!(whole.contains(&world.revision()));
            if let Some(rejection) = world.reloads.last_rejection() {
                let nobody_saw_it_whole = "its files changed each time while they were read";
                assert_eq!(rejection.detail, nobody_saw_it_whole, "{rejection:#?}");
            }
            swapping.is_finished()
        })
        .await;
        mount = swapping.await.unwrap();
        world.followed().await;
    }
    assert!(first.upgrade().is_none(), "nothing runs under it any more");
    assert!(world.config().await["last_rejected_reload"].is_null());
}

#[tokio::test]
async fn a_folder_that_goes_and_is_back_at_once_is_watched_as_before() {
    let world = World::new().await;
    let (folder, away) = (world.root.join("tools.d"), world.root.join("away"));
    // It is watched from now on.
    world.write(2);
    world.followed().await;
    fs::rename(&folder, &away).unwrap();
    fs::rename(&away, &folder).unwrap();
    // Heard of through another folder.
    fs::write(world.root.join("prompts/system.md"), "You are another.\n").unwrap();
    world.followed().await;
    let path = folder.join("say.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("version 2", "another")).unwrap();
    world.followed().await;
}

#[tokio::test]
async fn a_root_that_another_folder_takes_the_place_of_is_in_force() {
    let world = World::new().await;
    let around = world.folder.path();
    for number in 2..4 {
        let next = around.join("next");
        write(&next, &version(&world.fake, number));
        fs::rename(&world.root, around.join(format!("old-{number}"))).unwrap();
        fs::rename(&next, &world.root).unwrap();
        world.followed().await;
    }
    world.write(4);
    world.followed().await;
}

#[tokio::test]
async fn a_root_that_is_a_link_is_in_force_when_the_link_leads_elsewhere() {
    let (fake, folder, first) = first_version().await;
    let link = folder.path().join("current");
    symlink(&first, &link).unwrap();
    let world = World::of((fake, folder, link)).await;
    let around = world.folder.path();
    for number in 2..4 {
        let release = around.join(format!("release-{number}"));
        write(&release, &version(&world.fake, number));
        symlink(&release, around.join("next")).unwrap();
        fs::rename(around.join("next"), &world.root).unwrap();
        world.followed().await;
    }
    write(&around.join("release-3"), &version(&world.fake, 4));
    world.followed().await;
}

#[tokio::test]
async fn a_branch_that_git_checks_out_is_in_force() {
    let fake = Fake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("config");
    let git = |arguments: &[&str]| git(folder.path(), arguments);
    git(&["init", "-q", "-b", "main"]);
    write(&root, &version(&fake, 1));
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "One"]);
    git(&["checkout", "-q", "-b", "next"]);
    let mut files = version(&fake, 2);
    let second = files["tools.d/say.yaml"].replace("tool-2", "second");
    files.insert("tools.d/second.yaml".to_owned(), second);
    files.insert(
        "policies/p.yaml".to_owned(),
        "applies_to: {tools: [second]}\ndeny: [{id: no-orc, match: 'echo ** orc **'}]\n\
         tests: [{tool: second, deny: orc}]\n"
            .to_owned(),
    );
    write(&root, &files);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "Two"]);
    git(&["checkout", "-q", "main"]);
    let world = World::of((fake, folder, root.clone())).await;
    let git = |arguments: &[&str]| self::git(world.folder.path(), arguments);
    let mut revisions = BTreeSet::from([world.revision()]);
    for branch in ["next", "main", "next", "main"] {
        git(&["checkout", "-q", branch]);
        world.followed().await;
        revisions.insert(world.revision());
    }
    assert_eq!(revisions.len(), 2);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test changes a root with the real git"
)]
fn git(folder: &Path, arguments: &[&str]) {
    let ended = std::process::Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=joao", "-c", "user.email=joao@example.org"])
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
}
