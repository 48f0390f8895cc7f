//! The processes that are compared, all in front of the same mock provider.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tollgate::cli::bench::load::AnyError;

use crate::{process::Owned, roles, scenario::Scenario};

const FLOOR: &str = "127.0.0.1:19101";
const NGINX: &str = "127.0.0.1:19102";
const TOLLGATE: &str = "127.0.0.1:19103";
const CONSOLE: &str = "127.0.0.1:19104";
const KEY: &str = "bench-key-of-sixteen-or-more";

/// One thing to send load to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name in the table.
    pub label: &'static str,
    /// Address.
    pub address: &'static str,
    /// Path of the chat completions.
    pub path: &'static str,
    /// Bearer token.
    pub key: Option<&'static str>,
    /// Whose CPU time and memory; none for the mock itself.
    pub pid: Option<u32>,
}

/// All processes of a run; they end with it.
pub struct Stage {
    targets: Vec<Target>,
    _owned: Vec<Owned>,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Starts everything.
    pub fn set() -> Result<Self, AnyError> {
        let folder = tempfile::tempdir()?;
        let own = std::env::current_exe()?;
        let mock = Owned::start(Command::new(&own).arg("role-mock"))?;
        let floor = Owned::start(Command::new(&own).args(["role-floor", roles::MOCK, FLOOR]))?;
        let tollgate = tollgate(folder.path())?;
        let mut targets = vec![
            Target { label: "direct", address: roles::MOCK, path: "/v1/chat/completions", key: None, pid: None },
            Target { label: "hyper", address: FLOOR, path: "/v1/chat/completions", key: None, pid: Some(floor.pid()) },
            gateway("tollgate, plain route", "/plain/v1/chat/completions", tollgate.pid()),
            gateway("tollgate, model route", "/v1/chat/completions", tollgate.pid()),
        ];
        let mut owned = vec![mock, floor, tollgate];
        match nginx(folder.path()) {
            Ok(nginx) => {
                let pid = Some(nginx.pid());
                targets.push(Target { label: "nginx", address: NGINX, path: "/v1/chat/completions", key: None, pid });
                owned.push(nginx);
            }
            Err(error) => eprintln!("without nginx: {error}"),
        }
        for target in &targets {
            wait_for(target.address)?;
        }
        Ok(Self { targets, _owned: owned, _folder: folder })
    }

    /// The targets of a scenario, starting with another one each round.
    pub fn in_turn(&self, round: usize, scenario: &Scenario) -> impl Iterator<Item = &Target> {
        let count = self.targets.len();
        let order = (0..count).map(move |at| &self.targets[(at + round) % count]);
        order.filter(|target| scenario.suits(target))
    }
}

fn gateway(label: &'static str, path: &'static str, pid: u32) -> Target {
    Target { label, address: TOLLGATE, path, key: Some(KEY), pid: Some(pid) }
}

/// The gateway's binary of the same build: cargo builds it beside this bench.
fn tollgate(folder: &Path) -> Result<Owned, AnyError> {
    let config = folder.join("tollgate.yaml");
    let log = folder.join("access.log");
    let text = format!(
        "version: 1\n\
         server:\n  gateway: {{ listen: {TOLLGATE} }}\n  console: {{ listen: {CONSOLE} }}\n  \
           data_dir: {data}\n  access_log: {{ format: json, path: {log} }}\n\
         backends:\n  - {{ id: mock, kind: openai-compatible, url: http://{mock}/v1 }}\n  \
           - {{ id: mock-http, kind: http, url: http://{mock} }}\n\
         models: [{{ name: m, backend: mock }}]\n\
         apis:\n  - {{ id: models, kind: models, path: / }}\n  - {{ id: plain, kind: http, path: /plain, backend: mock-http }}\n\
         products: [{{ id: team }}]\n\
         subscriptions: [{{ id: bench, product: team, key: {KEY} }}]\n",
        data = folder.join("data").display(),
        log = log.display(),
        mock = roles::MOCK,
    );
    fs::write(&config, text)?;
    Owned::start(Command::new(env!("CARGO_BIN_EXE_tollgate")).args(["serve", "--config"]).arg(&config))
}

fn nginx(folder: &Path) -> Result<Owned, AnyError> {
    let config: PathBuf = folder.join("nginx.conf");
    let text = format!(
        "worker_processes 2;\nmaster_process on;\ndaemon off;\npid {dir}/nginx.pid;\nerror_log /dev/null;\n\
         events {{ worker_connections 16000; }}\n\
         http {{\n  access_log {dir}/nginx-access.log;\n  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;\n  \
           fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n  \
           client_body_buffer_size 256k; keepalive_requests 100000000;\n  \
           upstream mock {{ server {mock}; keepalive 512; keepalive_requests 100000000; }}\n  \
           server {{ listen {NGINX}; location / {{\n    proxy_pass http://mock; proxy_http_version 1.1;\n    \
             proxy_set_header Connection \"\"; proxy_buffering off; proxy_read_timeout 600s; }} }}\n}}\n",
        dir = folder.display(),
        mock = roles::MOCK,
    );
    fs::write(&config, text)?;
    Owned::start(Command::new("nginx").arg("-c").arg(&config))
}

fn wait_for(address: &str) -> Result<(), AnyError> {
    for _ in 0..200 {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("nothing listens at {address}").into())
}
