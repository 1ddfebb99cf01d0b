//! A disk that is full, and one that nobody may write to: a small one, mounted where nobody else
//! sees it. A machine that lets nobody mount anything fails these tests.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::Signal;

use super::{Talk, came_to, told, troubles};
use crate::busy::{World, ended};
use crate::commands::program::SERVE;

/// A small disk in a namespace of its own, at `disk` in the folder, and a shell that sees it.
struct Disk {
    shell: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What starts a program there.
    by: Vec<String>,
}

impl Disk {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test mounts the disk that it fills"
    )]
    fn mount(world: &World) -> Self {
        fs::create_dir(world.folder.path("disk")).unwrap();
        let root = world.folder.path("").display().to_string();
        let is_root = nix::unistd::geteuid().is_root();
        let own = if is_root { "-m" } else { "-Urm" };
        let mut shell = Command::new("unshare")
            .args([own, "sh"])
            .current_dir(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut by: Vec<String> = ["nsenter", "--mount", "--target"].map(str::to_owned).into();
        by.push(shell.id().to_string());
        if !is_root {
            by.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        by.extend(["sh", "-c", "cd \"$0\" && exec \"$@\""].map(str::to_owned));
        by.push(root);
        let mut disk = Self {
            orders: shell.stdin.take().unwrap(),
            answers: BufReader::new(shell.stdout.take().unwrap()),
            shell,
            by,
        };
        let mounted = disk.order("mount -t tmpfs -o size=2m none disk");
        assert_eq!(
            mounted, "0",
            "these tests mount a disk in a namespace of their own, which needs the rights of root or \
             user namespaces (`unshare -Urm true`), and this machine gives neither"
        );
        disk
    }

    /// Has the shell do something; its exit code.
    fn order(&mut self, order: &str) -> String {
        // A shell that could not start has closed its end.
        drop(writeln!(
            self.orders,
            "{{ {order}; }} >/dev/null 2>&1; echo $?"
        ));
        let mut code = String::new();
        self.answers.read_line(&mut code).unwrap();
        code.trim().to_owned()
    }

    fn by(&self) -> Vec<&str> {
        self.by.iter().map(String::as_str).collect()
    }

    /// The addresses of the store there, and what else its server needs.
    fn environment(world: &World) -> Vec<(&str, &str)> {
        let mut environment = world.environment();
        environment.push(("TOLKIEN_STORE", "sqlite:disk/tolkien.db"));
        environment
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_new_and_loses_nothing() {
    let mut world = World::new(None, "30s").await;
    let mut disk = Disk::mount(&world);
    let server = world
        .folder
        .serve_in(&disk.by(), &Disk::environment(&world));
    let talk = Talk::with(&world, &server);
    let (old, busy) = (talk.session("old").await, talk.session("busy").await);
    let kept = talk.clone().answered(old.clone(), "late-1").await;
    let asking = talk.asking(&busy, "change-1");
    let world = tokio::task::spawn_blocking(move || {
        world.running(1);
        world
    });
    let world = world.await.unwrap();

    assert_eq!(disk.order("head -c 9000000 /dev/zero >disk/much"), "1");
    insta::assert_snapshot!(talk.refused().await, @r#"
    retry-after: 1
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Service Unavailable",
      "status": 503,
      "code": "store_unavailable",
      "detail": "what happens cannot be recorded at the moment, so nothing is started",
      "request_id": "[id]"
    }
    "#);
    talk.is_ready("503 store_unavailable").await;
    let refused = told(talk.say(&old, "late-2").await).await;
    assert!(refused.contains("store_unavailable"), "{refused}");
    // What is over is not told before it is kept, and what is kept can be read.
    let hold = world.let_go(1);
    let session = talk.json(&busy).await;
    assert_eq!(session["turns"][0]["tool_calls"][0]["outcome"], "running");
    assert_eq!(talk.json(&old).await["turns"][0], kept);
    assert_eq!(talk.get("/healthz").await.status(), 200);

    assert_eq!(disk.order("rm disk/much"), "0");
    talk.is_ready("200 ready").await;
    let turn = asking.await.unwrap();
    assert_eq!(came_to(&turn), r#"completed ["exited"] answer to change-1"#);
    let next = talk.clone().answered(old.clone(), "late-2").await;
    assert_eq!(came_to(&next), "completed [] answer to late-2");
    let turns = talk.json(&old).await["turns"].take();
    assert_eq!(turns, serde_json::json!([kept, next]));
    assert_eq!(world.ran(), "change-1 1");
    assert_eq!(world.fake.refusals(), [""; 0]);
    drop(hold);
    server.signal(Signal::SIGTERM);
    let (code, log) = ended(server).await;
    assert_eq!(code, 0, "{log}");
    insta::assert_snapshot!(troubles(&log), @"ERROR the store is unavailable: error returned from database: (code: 13) database or disk is full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_nobody_may_write_to_is_not_opened() {
    let world = World::new(None, "30s").await;
    let mut disk = Disk::mount(&world);
    let by = disk.by.clone();
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let environment = Disk::environment(&world);
    let server = world.folder.serve_in(&by, &environment);
    let talk = Talk::with(&world, &server);
    let session = talk.session("old").await;
    let kept = talk.clone().answered(session.clone(), "late-1").await;
    server.signal(Signal::SIGTERM);
    assert_eq!(ended(server).await.0, 0);

    assert_eq!(disk.order("mount -o remount,ro disk"), "0");
    let mut refused = world.folder.start_in(&by, SERVE, &environment);
    refused.say("");
    let refused = refused.ended();
    assert_eq!(refused.code, 4, "{}", refused.err);
    let said: Vec<&str> = refused.err.lines().rev().take(2).collect();
    insta::assert_snapshot!(format!("{}\n{}", said[1], said[0]), @"
    error: cannot open the store `disk/tolkien.db`: Read-only file system (os error 30)
    help: make its folder, writable for this user, or name another file: `--store`, `store` in the settings, or TOLKIEN_STORE
    ");
    assert_eq!(disk.order("mount -o remount,rw disk"), "0");
    let server = world.folder.serve_in(&by, &environment);
    let talk = Talk::with(&world, &server);
    assert_eq!(talk.json(&session).await["turns"][0], kept);
}
