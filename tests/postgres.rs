//! A real PostgreSQL for the tests of this process, on a folder of its own: made when the first
//! test asks for a database, and gone with the process, however that ends.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

/// The cluster ends when its standard input does, which this process holds. The data is not worth a
/// flush: no test pulls the plug of the machine. Who measures turns it on again, which the file allows
/// and the command line would not.
const SCRIPT: &str = r#"
set -e
dir=$(mktemp -d /tmp/tolkien-postgres.XXXXXX)
trap 'pg_ctl -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
initdb -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
echo "fsync = off" >>"$dir/data/postgresql.conf"
pg_ctl -D "$dir/data" -w -l "$dir/log" -o "-k '$dir' -c listen_addresses= -c max_connections=400" start >/dev/null
echo "$dir"
read -r _ || true
"#;

struct Cluster {
    folder: String,
    _running: Child,
}

/// The address of a new, empty database.
pub(crate) async fn database() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(start);
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let options = PgConnectOptions::new()
        .host(&cluster.folder)
        .username("postgres")
        .database("postgres");
    let mut connection = options.connect().await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    format!(
        "postgres://postgres@localhost/{name}?host={}",
        cluster.folder
    )
}

fn start() -> Cluster {
    let mut running = shell(SCRIPT).spawn().unwrap();
    let mut folder = String::new();
    let said = running.stdout.take().unwrap();
    BufReader::new(said).read_line(&mut folder).unwrap();
    let folder = folder.trim().to_owned();
    assert!(
        !folder.is_empty(),
        "there is no PostgreSQL: install the Debian package `postgresql`"
    );
    Cluster {
        folder,
        _running: running,
    }
}

/// A shell script as a user that PostgreSQL runs as, with its programs.
#[expect(
    clippy::disallowed_methods,
    reason = "a test starts the database that it needs"
)]
pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .env("PATH", path())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    // PostgreSQL refuses to run as root; its package brings a user.
    if rustix::process::geteuid().is_root() {
        let (user, group) = postgres();
        command.uid(user).gid(group);
    }
    command
}

/// Where Debian keeps the newest version's programs, and everything else.
pub(crate) fn path() -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut versions: Vec<u32> = versions
        .filter_map(|version| version.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable();
    let newest = versions.pop().unwrap_or_default();
    format!("/usr/lib/postgresql/{newest}/bin:/usr/local/bin:/usr/bin:/bin")
}

/// The user and the group that Debian's package makes.
fn postgres() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find(|line| line.starts_with("postgres:"));
    let Some(user) = user else {
        panic!("there is no user `postgres`: install the Debian package `postgresql`");
    };
    let mut fields = user.split(':').skip(2).map(|id| id.parse().unwrap());
    (fields.next().unwrap(), fields.next().unwrap())
}
