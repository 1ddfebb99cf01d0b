//! A server that is killed, so that it can end nothing itself.

use nix::sys::signal::Signal;

use super::ending::{PRELUDE, Witness};
use super::*;
use crate::commands::program::Folder;

#[tokio::test]
async fn nothing_outlives_a_server_that_was_killed() {
    let mut witness = Witness::new();
    let script = format!(
        "{PRELUDE}escape(sub {{ $SIG{{TERM}} = 'IGNORE'; sleep 1000 while 1 }}); \
         $SIG{{TERM}} = 'IGNORE'; print $w getcwd, qq(\\n); sleep 1000 while 1"
    );
    let folder = Folder::new();
    let tool = format!(
        "description: Hostile.\neffect: read\ninput: {{type: object}}\n\
         run: {{command: {}}}\ntests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n",
        json!(["perl", "-e", script, witness.path().to_str().unwrap()])
    );
    for name in ["tools.d", "prompts"] {
        std::fs::create_dir(folder.path(name)).unwrap();
    }
    folder.write("tools.d/hostile.yaml", &tool);
    folder.write("prompts/system.md", "You are the agent.\n");
    folder.write(
        "tolkien.yaml",
        "model: {provider: script, script: script.yaml}\n",
    );
    folder.write(
        "script.yaml",
        "turns:\n  - when: go\n    replies:\n      - text: I go.\n        calls: [{tool: hostile, input: {}}]\n      - text: Done.\n",
    );
    let server = folder.serve(&[]);
    let mut asking = folder.start(&["ask", "go", "--server", &server.url], &[]);
    asking.say("");
    let private = witness.line().await;
    assert!(Path::new(&private).exists());
    server.signal(Signal::SIGKILL);
    witness.gone().await;
    while Path::new(&private).exists() {
        tokio::task::yield_now().await;
    }
    asking.signal(Signal::SIGKILL);
}
