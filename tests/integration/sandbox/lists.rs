//! What the lists of a sandbox let through, and that they let nothing else through.

use std::fs;
use std::net::TcpListener;

use super::*;

/// Says how opening each file went; with a mode of `open`.
const OPEN: &str =
    r"my $mode = shift; for (@ARGV) { print open(my $f, $mode, $_) ? qq(opened\n) : qq($!\n) }";

#[tokio::test]
async fn a_file_outside_of_what_may_be_read_is_not_read() {
    if !is_full() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mine, other) = (folder.path().join("mine"), folder.path().join("other"));
    fs::create_dir(&mine).unwrap();
    fs::create_dir(&other).unwrap();
    for place in [&mine, &other] {
        fs::write(place.join("file"), "text").unwrap();
    }
    std::os::unix::fs::symlink(other.join("file"), mine.join("link")).unwrap();
    open_to_all(folder.path());
    let paths = ["mine/file", "other/file", "mine/link", "mine/../other/file"]
        .map(|path| folder.path().join(path).to_str().unwrap().to_owned());
    let mut arguments = vec!["<"];
    arguments.extend(paths.iter().map(String::as_str));
    arguments.push("/etc/passwd");
    let sandbox = format!(
        r#"{{read: ["@system", {}]}}"#,
        json!(mine.to_str().unwrap())
    );
    assert_eq!(
        said(&sandbox, OPEN, &arguments).await,
        "opened\nPermission denied\nPermission denied\nPermission denied\nPermission denied"
    );
    for open in [OFF, DEFAULT] {
        assert_eq!(
            said(open, OPEN, &arguments).await,
            "opened\nopened\nopened\nopened\nopened"
        );
    }
}

/// Lets any user into a folder of a test, and to write there.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for path in [folder.to_owned(), folder.join("mine"), folder.join("other")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
}

#[tokio::test]
async fn nothing_is_written_outside_of_what_may_be_written() {
    if !is_full() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for place in ["mine", "other"] {
        let place = folder.path().join(place);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("file"), "text").unwrap();
    }
    open_to_all(folder.path());
    let script = r"my $d = shift; chdir $d or die;
        sub say_so { print $_[0], ': ', $_[1] ? 'done' : qq($!), qq(\n) }
        say_so('write', open(my $f, '>>', 'other/file'));
        say_so('create', open(my $g, '>', 'other/new'));
        say_so('truncate', truncate('other/file', 0));
        say_so('remove', unlink('other/file'));
        say_so('folder', mkdir('other/folder'));
        say_so('link', symlink('/etc', 'other/link'));
        say_so('move out', rename('mine/file', 'other/moved'));
        say_so('own', open(my $h, '>', 'mine/new'));
        say_so('null', open(my $i, '>', '/dev/null'));";
    let sandbox = |list: &str| {
        let mine = folder.path().join("mine");
        format!(
            "{{{list}: [\"@system\", {}]}}",
            json!(mine.to_str().unwrap())
        )
    };
    let at = folder.path().to_str().unwrap();
    assert_eq!(
        said(&sandbox("write"), script, &[at]).await,
        "write: Permission denied\ncreate: Permission denied\ntruncate: Permission denied\n\
         remove: Permission denied\nfolder: Permission denied\nlink: Permission denied\n\
         move out: Permission denied\nown: done\nnull: done"
    );
    let left = fs::read_to_string(folder.path().join("other/file")).unwrap();
    assert_eq!(left, "text");
    // Where only reading is held, files may still be moved from one folder to another.
    let moving =
        r"my $d = shift; print rename(qq($d/mine/file), qq($d/other/moved)) ? 'moved' : $!";
    assert_eq!(said(&sandbox("read"), moving, &[at]).await, "moved");
}

#[tokio::test]
async fn the_private_folder_is_the_programs_own_unless_the_tool_names_it() {
    if !is_full() {
        return;
    }
    let script = r"print open(my $f, '>', 'note') ? 'written' : $!, qq(\n);
        print open(my $g, '<', 'note') ? 'read' : $!, qq(\n)";
    assert_eq!(said(CLOSED, script, &[]).await, "written\nread");
    assert_eq!(
        said(CLOSED, script, &["{{ workspace }}"]).await,
        "Permission denied\nNo such file or directory"
    );
    let named = r#"{read: ["@system"], write: ["{{ workspace }}"]}"#;
    assert_eq!(said(named, script, &[]).await, "written\nPermission denied");
}

#[tokio::test]
async fn another_program_is_not_executed() {
    if !is_full() {
        return;
    }
    let script = r"print exec({'/bin/echo'} 'echo', 'it ran') ? '' : $!";
    assert_eq!(said(CLOSED, script, &[]).await, "Permission denied");
    assert_eq!(said(OFF, script, &[]).await, "it ran");
    let listed = r#"{exec: ["@system", /bin/echo]}"#;
    assert_eq!(said(listed, script, &[]).await, "it ran");
    let nothing = Hostile::new("{exec: []}", script, &[]).run().await;
    assert_eq!(
        nothing.shown, "not started: `perl` cannot be started: Permission denied (os error 13)",
        "its linker may not be executed"
    );
}

#[tokio::test]
async fn a_copy_of_a_program_is_not_executed_either() {
    if !is_full() {
        return;
    }
    let script = r"open(my $in, '<', '/bin/echo') or print qq(read: $!\n);
        open(my $out, '>', 'copy'); print $out join('', <$in>); close $out; chmod 0755, 'copy';
        print exec({'./copy'} 'echo', 'it ran') ? '' : $!";
    let sandbox = r#"{exec: ["@system"]}"#;
    assert_eq!(said(sandbox, script, &[]).await, "Permission denied");
    assert_eq!(said(OFF, script, &[]).await, "it ran");
}

/// Connects to a port of this host, in the three ways that there are.
const CONNECT: &str = r"use Socket; my $to = sockaddr_in(shift, INADDR_LOOPBACK);
    sub say_so { print $_[0], ': ', $_[1] ? 'done' : qq($!), qq(\n) }
    my ($tcp, $fast, $mptcp);
    say_so('connect', socket($tcp, AF_INET, SOCK_STREAM, 0) && connect($tcp, $to));
    say_so('fast open', socket($fast, AF_INET, SOCK_STREAM, 0) && send($fast, 'x', 0x20000000, $to));
    say_so('mptcp', socket($mptcp, AF_INET, SOCK_STREAM, 262) && connect($mptcp, $to));";

#[tokio::test]
async fn another_port_is_not_reached() {
    if !is_full() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let other = "{connect: [443]}";
    assert_eq!(
        said(other, CONNECT, &[&port]).await,
        "connect: Permission denied\nfast open: Operation not permitted\n\
         mptcp: Operation not permitted"
    );
    let nothing = "{connect: []}";
    assert_eq!(
        said(nothing, CONNECT, &[&port]).await,
        "connect: Operation not permitted\nfast open: Operation not permitted\n\
         mptcp: Operation not permitted"
    );
    let this = format!("{{connect: [{port}]}}");
    let connected = said(&this, CONNECT, &[&port]).await;
    assert!(connected.starts_with("connect: done\n"), "{connected}");
    let connected = said(OFF, CONNECT, &[&port]).await;
    assert!(
        connected.starts_with("connect: done\nfast open: "),
        "{connected}"
    );
}

#[tokio::test]
async fn a_port_is_not_served_where_ports_are_held() {
    if !is_full() {
        return;
    }
    let script = r"use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0) or die $!;
        print bind($s, sockaddr_in(0, INADDR_LOOPBACK)) ? 'bound' : $!";
    assert_eq!(
        said("{connect: [443]}", script, &[]).await,
        "Permission denied"
    );
    assert_eq!(said(DEFAULT, script, &[]).await, "bound");
}

#[tokio::test]
async fn a_path_that_must_stay_in_a_folder_is_all_that_is_read() {
    if !is_full() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for place in ["mine", "other"] {
        fs::create_dir(folder.path().join(place)).unwrap();
        fs::write(folder.path().join(place).join("page"), "text").unwrap();
    }
    open_to_all(folder.path());
    // As if the page became a link between the look at it and its use.
    let script = r"my ($page, $other) = @ARGV; print open(my $f, '<', $page) ? 'read' : $!, qq(\n);
        unlink $page; symlink($other, $page) or die; print open(my $g, '<', $page) ? 'read' : $!";
    let mine = folder.path().join("mine");
    let other = folder.path().join("other/page");
    let tool = |sandbox: &str| {
        format!(
            "description: Reads.\neffect: read\n\
             input: {{type: object, required: [page], properties: {{page: {{type: string}}}}}}\n\
             run: {{command: [perl, -e, {script}, '{{{{ page }}}}', {other}], cwd: {mine}}}\n\
             arguments: {{page: {{within: {mine}, allow: ['<word>']}}}}\nsandbox: {sandbox}\n\
             tests: [{{allow: {{page: page}}}}, {{deny: {{page: ../page}}}}]\n",
            script = json!(script),
            other = json!(other.to_str().unwrap()),
            mine = json!(mine.to_str().unwrap()),
        )
    };
    for (sandbox, expected) in [
        (DEFAULT, "read\nPermission denied"),
        ("{read: ['@system']}", "read\nPermission denied"),
        (OFF, "read\nread"),
    ] {
        fs::remove_file(mine.join("page")).unwrap();
        fs::write(mine.join("page"), "text").unwrap();
        let mut hostile = Hostile::new(sandbox, "", &[]);
        hostile.config = config(&[("tools.d/hostile.yaml", &tool(sandbox))]);
        hostile.input = json!({"page": "page"});
        assert_eq!(hostile.run().await.stored, expected, "{sandbox}");
    }
}

#[tokio::test]
async fn what_a_tool_says_stands_over_the_settings_list_by_list() {
    if !is_full() {
        return;
    }
    let script = r"print open(my $f, '<', '/etc/passwd') ? 'read' : $!, qq(\n);
        print exec({'/bin/true'} 'true') ? '' : $!";
    let settings = "sandbox: {read: ['@system'], exec: ['@system']}\n";
    for (sandbox, expected) in [
        ("{}", "Permission denied\nPermission denied"),
        ("{read: [/]}", "read\nPermission denied"),
        ("{require: off}", "read"),
    ] {
        let tool = Hostile::tool(sandbox, script, &[]);
        let mut hostile = Hostile::new(sandbox, "", &[]);
        let files = [
            ("tools.d/hostile.yaml", tool.as_str()),
            ("tolkien.yaml", settings),
        ];
        hostile.config = config(&files);
        let said = hostile.run().await.stored;
        assert_eq!(said.trim_end(), expected, "{sandbox}");
    }
}
