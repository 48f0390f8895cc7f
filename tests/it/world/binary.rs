//! The compiled binary as a child process, for what only a process can show: signals, exit codes, its memory.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::ADMIN_TOKEN;
use crate::{client::Call, ports::Port};

/// A running `tollgate serve`.
pub struct Binary {
    child: Child,
    folder: TempDir,
    /// Kept for it, also while it is down.
    _ports: [Port; 2],
    /// The data plane's address.
    pub gateway: SocketAddr,
    /// The console's address.
    pub console: SocketAddr,
}

impl Binary {
    /// Starts it on free ports and waits until it is ready. `config` is YAML without `server`; `server` are lines of
    /// that section.
    pub async fn start(config: &str, server: &str) -> Self {
        Self::started(config, server, spawned).await
    }

    /// The same with its data on a disk of its own of that size (as mount(8) takes it); `None` where this user may
    /// have none.
    pub async fn on_small_disk(config: &str, server: &str, size: &str) -> Option<Self> {
        if !may_mount() {
            return None;
        }
        let server = format!("  data_dir: ./{SMALL_DISK}\n{server}");
        let spawned = |folder: &Path| {
            std::fs::create_dir(folder.join(SMALL_DISK)).expect("a writable folder");
            let script = format!("mount -t tmpfs -o size={size} tmpfs {SMALL_DISK} && exec \"$0\" \"$@\"");
            spawned_by(&[UNSHARE, &["sh", "-c", script.as_str()]].concat(), folder)
        };
        Some(Self::started(config, &server, spawned).await)
    }

    /// Where the small disk is, for this process.
    pub fn small_disk(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id()));
        root.join(self.folder.path().strip_prefix("/").expect("an absolute path")).join(SMALL_DISK)
    }

    async fn started(config: &str, server: &str, spawned: impl FnOnce(&Path) -> Child) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports = [Port::keep(), Port::keep()];
        let [gateway, console] = [&ports[0], &ports[1]].map(Port::address);
        let access_log = folder.path().join("access.log");
        let text = format!(
            "version: 1\nserver:\n  gateway: {{ listen: \"{gateway}\" }}\n  console: {{ listen: \"{console}\" }}\n  access_log: {{ format: json, path: {} }}\n{server}{config}",
            access_log.display()
        );
        let file = folder.path().join("tollgate.yaml");
        std::fs::write(&file, text).expect("a writable folder");
        let mut binary = Self { child: spawned(folder.path()), folder, _ports: ports, gateway, console };
        binary.until_ready().await;
        binary
    }

    /// Starts it again on the same folder and ports after it has ended; how long it took to be ready.
    #[expect(clippy::disallowed_methods, reason = "told to who runs the test, never asserted closely")]
    pub async fn restart(&mut self) -> Duration {
        let began = std::time::Instant::now();
        self.child = spawned(self.folder.path());
        self.until_ready().await;
        began.elapsed()
    }

    async fn until_ready(&mut self) {
        for _ in 0..6_000 {
            if let Some(status) = self.child.try_wait().expect("our child") {
                panic!("{status}: {}", self.output());
            }
            if tokio::net::TcpStream::connect(self.gateway).await.is_ok() {
                let answer = Call::get("/readyz").send(self.gateway).await;
                if answer.status == 200 {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not ready after 60 s: {}", self.output());
    }

    /// What it printed so far, both streams.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output.txt")).unwrap_or_default()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are positive");
        kill_process(Pid::from_raw(id).expect("not zero"), signal).expect("ours to signal");
    }

    /// Runs another `tollgate` command in its folder, with its configuration; what it printed on standard output.
    #[expect(clippy::disallowed_methods, reason = "a test of the binary needs the binary")]
    pub fn command(&self, line: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["--config", "tollgate.yaml"]).args(line.split_whitespace()).current_dir(self.folder.path());
        let output = command.env_remove("TOLLGATE_TOKEN").stdin(Stdio::null()).output().expect("the binary starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {} {errors}", output.status);
        String::from_utf8(output.stdout).expect("text")
    }

    /// Waits until it has ended; fails the test after `within`.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let waiting = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("our child") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(within, waiting).await;
        ended.unwrap_or_else(|_| panic!("still running after {within:?}"))
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a Linux process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

fn spawned(folder: &Path) -> Child {
    spawned_by(&[], folder)
}

/// The name of the small disk in the binary's folder.
const SMALL_DISK: &str = "disk";

/// A mount namespace of one's own, without being root.
const UNSHARE: &[&str] = &["unshare", "--user", "--map-root-user", "--mount"];

#[expect(clippy::disallowed_methods, reason = "the kernel says it best")]
fn may_mount() -> bool {
    let script = "mount -t tmpfs tmpfs /mnt";
    let tried = Command::new(UNSHARE[0]).args(&UNSHARE[1..]).args(["sh", "-c", script]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Starts it, by another program that takes its command line as arguments where one is given.
#[expect(clippy::disallowed_methods, reason = "a test of the binary needs the binary")]
fn spawned_by(launcher: &[&str], folder: &Path) -> Child {
    let output = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("output.txt"));
    let output = output.expect("a writable folder");
    let line = [launcher, &[env!("CARGO_BIN_EXE_tollgate"), "serve", "--config", "tollgate.yaml"]].concat();
    Command::new(line[0])
        .args(&line[1..])
        .current_dir(folder)
        .env("TOLLGATE_ADMIN_TOKEN", ADMIN_TOKEN)
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a file"))
        .stderr(output)
        .spawn()
        .expect("the binary starts")
}

impl Drop for Binary {
    fn drop(&mut self) {
        if let Err(problem) = self.child.kill() {
            eprintln!("could not end the child: {problem}");
        }
        self.child.wait().expect("our child");
        if std::thread::panicking() {
            eprintln!("{}", self.output());
        }
    }
}
