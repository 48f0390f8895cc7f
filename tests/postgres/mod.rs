//! A private PostgreSQL for tests: a cluster of its own in a temporary folder, on a free port, gone when the tests end.
//!
//! One server serves a whole test binary ([`Server::shared`]), each test has a database of its own. A test that stops
//! the server starts one for itself. Used by the tests of `store` and by `tests/it`.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use super::ports::Port;

/// The password of every test's server; it must never show up in anything that the gateway writes.
pub const PASSWORD: &str = "password-of-postgres-canary-0007";

/// A running server.
pub struct Server {
    supervisor: Mutex<Supervisor>,
    bin: PathBuf,
    port: Port,
    databases: AtomicU32,
}

struct Supervisor {
    #[expect(dead_code, reason = "the supervisor ends by itself when its standard input is closed")]
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// The server of this test binary.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start_one)
    }

    /// A server for one test, which may stop it.
    pub fn start_one() -> Self {
        let (bin, port) = (bin(), Port::keep());
        let supervisor = Supervisor::start(&bin, port.address().port());
        Self { supervisor: Mutex::new(supervisor), bin, port, databases: AtomicU32::new(0) }
    }

    /// Makes an empty database; its URL, password included.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.address().port().to_string();
        let made = command(&self.bin.join("createdb"))
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "tollgate", &name])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("createdb runs");
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://tollgate:{PASSWORD}@127.0.0.1:{port}/{name}")
    }

    /// Ends the server as a crash would.
    pub fn stop(&self) {
        self.command("stop", "stopped");
    }

    /// Starts it again, on the same port.
    pub fn start(&self) {
        self.command("start", "ready");
    }

    fn command(&self, command: &str, expected: &str) {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(supervisor.commands, "{command}").expect("the supervisor lives");
        assert_eq!(supervisor.answer(), expected, "{command}");
    }
}

impl Supervisor {
    fn start(bin: &Path, port: u16) -> Self {
        // Removed by the supervisor, which outlives us when we are killed.
        let folder = tempfile::Builder::new().prefix("tollgate-postgres-").tempdir().expect("a folder").keep();
        std::fs::write(folder.join("password"), PASSWORD).expect("a writable folder");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/supervise.sh");
        let mut process = command(Path::new("/bin/sh"))
            .args([Path::new(script), bin, &folder, Path::new(&port.to_string())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let commands = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut supervisor = Self { process, commands, answers };
        assert_eq!(supervisor.answer(), "ready", "PostgreSQL in {} on port {port}", bin.display());
        supervisor
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the supervisor lives");
        line.trim_end().to_owned()
    }
}

/// The newest PostgreSQL's programs. Fails the test when there is none: the suite must run on both databases.
fn bin() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    versions.sort_by_key(|path| version(path));
    folders.splice(0..0, versions.into_iter().rev());
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "createdb", "pg_isready"].iter().all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(complete).expect(
        "PostgreSQL is needed for this test and was not found (initdb on PATH or in /usr/lib/postgresql/*/bin): \
         apt-get install postgresql",
    )
}

fn version(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "a test on PostgreSQL needs PostgreSQL")]
fn command(program: &Path) -> Command {
    Command::new(program)
}
