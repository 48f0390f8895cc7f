//! A private Redis for tests: in a temporary folder, on a free port, gone when it is dropped.
//!
//! Where no `redis-server` is installed, tests that need one say so and pass.

use std::{
    io::Write as _,
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::ports::Port;

/// A running server.
pub struct Redis {
    process: Child,
    port: Port,
    folder: TempDir,
}

impl Redis {
    /// Starts one; `None`, said on standard error, where there is no `redis-server`.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = Port::keep();
        let Ok(process) = spawn(&port, &folder) else {
            eprintln!("redis-server is not installed: nothing was tested here");
            return None;
        };
        let server = Self { process, port, folder };
        assert!(server.answers(), "redis-server does not start");
        Some(server)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    /// Ends it as a crash would.
    pub fn stop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts it again on the same port, empty.
    pub fn start_again(&mut self) {
        self.process = spawn(&self.port, &self.folder).expect("it is installed");
        assert!(self.answers(), "redis-server does not start again");
    }

    /// Stops it in its tracks: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on where it was.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(process, signal).expect("it runs");
    }

    fn answers(&self) -> bool {
        (0..400).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            TcpStream::connect(self.port.address()).is_ok_and(|mut stream| stream.write_all(b"PING\r\n").is_ok())
        })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(port: &Port, folder: &TempDir) -> std::io::Result<Child> {
    let mut command = command();
    command.args([
        "--port",
        &port.address().port().to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
    ]);
    command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

#[expect(clippy::disallowed_methods, reason = "tests start the servers that they need")]
fn command() -> Command {
    Command::new("redis-server")
}
