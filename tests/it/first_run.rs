//! The first run, as a person sees it: the binary in an empty folder, and what it prints, pasted.

#![expect(clippy::disallowed_methods, reason = "this theme is about the process: it starts the binary and a shell")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_tollgate");
const FREE_PORTS: &str = "--gateway-listen 127.0.0.1:0 --console-listen 127.0.0.1:0";

/// The binary with nothing of this machine's environment that could change what it does.
fn tollgate(folder: &Path, line: &str) -> Command {
    clean(Command::new(BINARY), folder, line.split_whitespace())
}

fn clean<'a>(mut command: Command, folder: &Path, arguments: impl Iterator<Item = &'a str>) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TOLLGATE_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that is stopped when the test ends.
struct Server {
    child: Child,
    printed: Receiver<String>,
    seen: String,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let (lines, printed) = channel();
        let out = child.stdout.take().expect("piped");
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, printed, seen: String::new() }
    }

    /// Everything printed up to a line that contains `text`.
    fn until(&mut self, text: &str) -> &str {
        while !self.seen.contains(text) {
            let Ok(line) = self.printed.recv_timeout(Duration::from_secs(60)) else {
                let errors = self.errors();
                panic!("`{text}` was not printed, but: {}\n{errors}", self.seen);
            };
            self.seen.push_str(line.trim_end_matches('\r'));
            self.seen.push('\n');
        }
        &self.seen
    }

    fn errors(&mut self) -> String {
        self.child.kill().expect("ours to end");
        let mut text = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
        text
    }

    /// Asks it to end as a service manager does; its exit code and diagnostics.
    fn terminate(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("ours to signal");
        let status = self.child.wait().expect("ours to wait for");
        let mut text = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
        (status.code(), text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("ours to end");
            self.child.wait().expect("ours to wait for");
        }
    }
}

fn empty_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The curl of a transcript, as one pastes it.
fn curl(transcript: &str) -> String {
    let start = transcript.find("curl -N").expect("a curl is printed");
    let end = transcript[start..].find("}'").expect("with a body") + start + 2;
    transcript[start..end].to_owned()
}

fn paste(folder: &Path, line: &str) -> Output {
    let mut shell = clean(Command::new("sh"), folder, ["-c"].into_iter());
    shell.arg(line).env("no_proxy", "127.0.0.1").output().expect("a shell")
}

fn assert_streams(answer: &Output) {
    let text = String::from_utf8_lossy(&answer.stdout);
    let events = text.lines().filter(|line| line.starts_with("data: {")).count();
    assert!(events > 3 && text.contains("data: [DONE]"), "{text}\n{}", String::from_utf8_lossy(&answer.stderr));
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: not after 60 s");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// Whether anything that looks like one of our secrets is in a text.
fn has_secret(text: &str) -> bool {
    ["tg_", "tga_", "tgl_", "/login/"].iter().any(|start| text.contains(start))
}

#[test]
fn without_a_terminal_the_printed_curl_works_and_no_secret_is_printed() {
    let folder = empty_folder();
    let mut server = Server::start(tollgate(folder.path(), FREE_PORTS));
    let transcript = server.until("\"Hello\"}]}'").to_owned();
    assert!(transcript.contains("tollgate-data/first-login.txt"), "{transcript}");

    let file = folder.path().join("tollgate-data/first-login.txt");
    assert_eq!((mode(&file), mode(&folder.path().join("tollgate-data/cli.json"))), (0o600, 0o600));
    let secrets = fs::read_to_string(&file).expect("readable");
    assert!(secrets.contains("\nkey: tg_") && secrets.contains("/login/"), "{secrets}");

    assert_streams(&paste(folder.path(), &curl(&transcript)));

    let (code, log) = server.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(!has_secret(&transcript) && !has_secret(&log), "{transcript}\n{log}");
    assert!(log.contains("first-login.txt"), "the log names the file: {log}");
    assert!(!folder.path().join("tollgate-data/cli.json").exists(), "a stopped server is not announced");
}

#[test]
fn on_a_terminal_key_and_link_are_printed_once() {
    let folder = empty_folder();
    let line = format!("{BINARY} {FREE_PORTS}");
    let terminal = || clean(Command::new("script"), folder.path(), ["-qefc", &line, "/dev/null"].into_iter());
    let mut server = Server::start(terminal());
    let transcript = server.until("Ctrl+C").to_owned();
    assert!(transcript.contains("Key      tg_") && transcript.contains("/login/"), "{transcript}");
    assert_streams(&paste(folder.path(), &curl(&transcript)));
    assert!(!folder.path().join("tollgate-data/first-login.txt").exists());
    let announced = folder.path().join("tollgate-data/cli.json");
    drop(server);
    wait_until("closing the terminal ends the server", || !announced.exists());

    let mut again = Server::start(terminal());
    let transcript = again.until("Ctrl+C").to_owned();
    assert!(!transcript.contains("tg_"), "the key is shown once: {transcript}");
    assert!(transcript.contains("tollgate keys create"), "{transcript}");
}

#[test]
fn commands_of_the_same_user_find_the_server() {
    let folder = empty_folder();
    let mut server = Server::start(tollgate(folder.path(), FREE_PORTS));
    let transcript = server.until("\"Hello\"}]}'").to_owned();
    let run = |line: &str| {
        let done = tollgate(folder.path(), line).output().expect("runs");
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text")
    };
    let key = run("keys create team-a --product starter -q");
    assert!(key.starts_with("tg_") && key.lines().count() == 1, "{key}");
    let with_key = |key: &str| {
        let line = curl(&transcript).replace("curl", "curl -s -o /dev/null -w %{http_code}");
        let start = line.find("Bearer ").expect("a key") + 7;
        let end = line[start..].find("\" \\").expect("its end") + start;
        let line = format!("{}{}{}", &line[..start], key.trim(), &line[end..]);
        String::from_utf8(paste(folder.path(), &line).stdout).expect("a status")
    };
    assert_eq!(with_key(&key), "200");
    run("keys suspend team-a");
    assert_eq!(with_key(&key), "401");
    run("keys activate team-a --offline");
    wait_until("the running server takes up what was done offline", || with_key(&key) == "200");
    for line in ["keys list", "keys show team-a -o yaml", "backends list", "models list -o csv", "doctor", "reload"] {
        assert!(!has_secret(&run(line)), "{line}");
    }
}

#[test]
fn what_is_unsafe_or_impossible_is_refused_with_its_exit_code_and_fix() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound");
    let cases: [(&str, String, i32, &str); 5] = [
        ("", format!("--gateway-listen {taken} --console-listen 127.0.0.1:0"), 5, "is taken"),
        ("", "--gateway-listen 127.0.0.1:0 --console-listen 0.0.0.0:0".to_owned(), 3, "TOLLGATE_ADMIN_TOKEN"),
        ("", "--gateway-listen 0.0.0.0:0 --console-listen 127.0.0.1:0".to_owned(), 3, "tollgate init"),
        ("too-short", FREE_PORTS.to_owned(), 3, "24"),
        ("", "--config nothing.yaml".to_owned(), 3, "nothing.yaml"),
    ];
    for (token, line, code, text) in cases {
        let folder = empty_folder();
        let mut command = tollgate(folder.path(), &format!("serve {line}"));
        command.env("TOLLGATE_ADMIN_TOKEN", token);
        let done = command.output().expect("runs");
        let errors = String::from_utf8(done.stderr).expect("text");
        assert_eq!(done.status.code(), Some(code), "{line}: {errors}");
        assert!(errors.contains(text) && errors.trim_end().lines().count() == 1, "{line}: {errors}");
    }
}
