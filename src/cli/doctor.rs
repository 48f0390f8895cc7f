//! `tollgate doctor`: what is wrong on this machine, one line a finding, each with its fix.
//!
//! It looks and asks, and changes nothing. What it cannot see from here (a backend that only the server may reach)
//! it takes from the running server and says so when there is none.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::unix::fs::MetadataExt,
    path::Path,
};

use serde::Serialize;
use serde_json::Value;

use super::{
    args::Global,
    client::Client,
    exit::{Exit, Failure},
    place, print,
};
use crate::{
    app::{Env, administrator, database::Place},
    model::Entropy,
    settings::{Server, Settings},
};

/// How a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Ok,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    result: Mark,
    seen: String,
    fix: Option<String>,
}

impl Finding {
    fn ok(check: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { check: check.into(), result: Mark::Ok, seen: seen.into(), fix: None }
    }

    fn warning(check: impl Into<String>, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.into(), result: Mark::Warning, seen: seen.into(), fix: Some(fix.into()) }
    }

    fn problem(check: impl Into<String>, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.into(), result: Mark::Problem, seen: seen.into(), fix: Some(fix.into()) }
    }
}

/// Runs the command.
pub async fn run(global: &Global) -> Result<(), Failure> {
    let (settings, mut findings) = configuration(global)?;
    let place = Place::of(&settings.server, global.data_dir.as_deref());
    findings.push(administrator());
    findings.extend(folder(&place.data_dir));
    findings.extend(private(&place));
    findings.extend(database(&place).await);
    match server(global).await {
        Ok((client, found)) => {
            findings.push(found);
            findings.extend(backends(&client).await);
        }
        Err(found) => {
            findings.push(found);
            findings.extend(ports(&settings.server));
        }
    }
    report(global, &findings)
}

fn report(global: &Global, findings: &[Finding]) -> Result<(), Failure> {
    let rows: Vec<Value> = findings
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::failed(format!("cannot write the findings: {error}")))?;
    print::data(&print::render(global.output, &rows, &["result", "check", "seen", "fix"]))?;
    match findings.iter().filter(|finding| finding.result == Mark::Problem).count() {
        0 => Ok(()),
        count => Err(Failure::failed(format!("{count} of {} checks found a problem", findings.len()))),
    }
}

/// The settings that apply, and what was found while reading them.
fn configuration(global: &Global) -> Result<(Settings, Vec<Finding>), Failure> {
    let Some(source) = place::configuration(global)? else {
        let found = Finding::ok("configuration", "none: quick start with simulated models");
        return Ok((Settings::default(), vec![found]));
    };
    match place::load(&source) {
        Ok(loaded) => {
            let mut findings = vec![Finding::ok("configuration", format!("valid, {} files", loaded.files.len()))];
            let warned =
                loaded.warnings.iter().map(|one| Finding::warning("configuration", one.to_string(), "see there"));
            findings.extend(warned);
            Ok((loaded.settings, findings))
        }
        Err(problems) => {
            let found =
                |one: &crate::settings::Problem| Finding::problem("configuration", one.to_string(), "see there");
            Ok((Settings::default(), problems.iter().map(found).collect()))
        }
    }
}

fn administrator() -> Finding {
    match administrator::token(&Env::process()) {
        Ok(Some(_)) => Finding::ok("administrator", "TOLLGATE_ADMIN_TOKEN is set"),
        Ok(None) => {
            Finding::ok("administrator", "TOLLGATE_ADMIN_TOKEN is not set here; the console needs loopback or a token")
        }
        Err(problem) => Finding::problem("administrator", problem.to_string(), "set a longer one"),
    }
}

fn folder(path: &Path) -> Vec<Finding> {
    let name = format!("data folder {}", path.display());
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            vec![Finding::problem(name, "is not a folder", "name another: server.data_dir")]
        }
        Ok(found) if found.mode() & 0o077 != 0 => {
            let seen = format!("others may look into it (mode {:03o})", found.mode() & 0o777);
            vec![Finding::warning(name, seen, format!("chmod 700 {}", path.display()))]
        }
        Ok(found) if found.mode() & 0o200 == 0 => {
            vec![Finding::problem(name, "is read-only", format!("chmod u+w {}", path.display()))]
        }
        Ok(_) => vec![Finding::ok(name, "is there, private")],
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            vec![Finding::ok(name, "will be made at the first start")]
        }
        Err(error) => vec![Finding::problem(name, error.to_string(), "run as its owner, or name another: --data-dir")],
    }
}

/// A server is asked; a file is opened by `serve` alone, which would make what is missing.
async fn database(place: &Place) -> Option<Finding> {
    place.file().is_none().then_some(())?;
    let name = format!("database {}", place.database);
    Some(match place.open(&Env::process(), &Entropy::system()).await {
        Ok(store) => {
            store.close().await;
            Finding::ok(name, "answers, and has this version's schema")
        }
        Err(error) => Finding::problem(name, error.to_string(), "see there"),
    })
}

/// Files that nobody else may read.
fn private(place: &Place) -> Vec<Finding> {
    let beside = ["secret.key", "cli.json"].map(|name| place.data_dir.join(name));
    let secret: Vec<_> = place.file().map(Path::to_owned).into_iter().chain(beside).collect();
    let open = secret.iter().filter_map(|file| {
        let mode = std::fs::metadata(file).ok()?.mode();
        let fix = format!("chmod 600 {}", file.display());
        let seen = format!("others may read it (mode {:03o})", mode & 0o777);
        (mode & 0o077 != 0).then(|| Finding::problem(file.display().to_string(), seen, fix))
    });
    open.collect()
}

async fn server(global: &Global) -> Result<(Client, Finding), Finding> {
    if global.offline {
        return Err(Finding::ok("server", "not asked (--offline)"));
    }
    let client = match Client::connect(global) {
        Ok(client) => client,
        Err(failure) if failure.exit == Exit::Unreachable => return Err(Finding::ok("server", "none is running here")),
        Err(failure) => return Err(Finding::problem("server", failure.message, "see there")),
    };
    match client.get("apis?limit=1").await {
        Ok(_) => {
            let seen = format!("answers at {}", client.console());
            Ok((client, Finding::ok("server", seen)))
        }
        Err(failure) if failure.exit == Exit::Unreachable => {
            let seen = format!("announced at {} but does not answer", client.console());
            Err(Finding::warning("server", seen, "start it: tollgate serve"))
        }
        Err(failure) => Err(Finding::problem("server", failure.message, "check TOLLGATE_SERVER and TOLLGATE_TOKEN")),
    }
}

async fn backends(client: &Client) -> Vec<Finding> {
    match client.list("backends").await {
        Ok(backends) => backends.iter().map(backend).collect(),
        Err(failure) => vec![Finding::problem("backends", failure.message, "see the server's log")],
    }
}

/// The server's own view of a backend: a closed breaker says that nothing spoke against it so far.
fn backend(backend: &Value) -> Finding {
    let name = format!("backend {}", backend["id"].as_str().unwrap_or("?"));
    match backend["meta"]["status"]["state"].as_str() {
        Some("closed") => Finding::ok(name, "breaker closed"),
        Some(state) => Finding::problem(name, format!("breaker {state}"), "look at the backend and the access log"),
        None => Finding::warning(name, "no state known yet", "send a request through it"),
    }
}

fn ports(server: &Server) -> Vec<Finding> {
    [
        ("gateway port", server.gateway.listen, "server.gateway.listen"),
        ("console port", server.console.listen, "server.console.listen"),
    ]
    .map(|(name, address, setting)| port(name, address, setting))
    .into()
}

fn port(name: &str, address: SocketAddr, setting: &str) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(name, format!("{address} is free")),
        Err(error) => {
            Finding::problem(name, format!("{address}: {error}"), format!("stop what uses it, or set {setting}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_in_use_and_an_open_folder_are_found_with_their_fix() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("bound");
        let found = port("gateway port", address, "server.gateway.listen");
        assert_eq!(found.result, Mark::Problem);
        assert!(found.fix.expect("a fix").contains("server.gateway.listen"));

        let dir = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
        assert_eq!(folder(dir.path())[0].result, Mark::Warning);
        assert_eq!(folder(&dir.path().join("later"))[0].result, Mark::Ok);
    }

    #[test]
    fn a_backends_state_is_the_servers_view() {
        for (status, mark) in [
            (json!({"state": "closed"}), Mark::Ok),
            (json!({"state": "open"}), Mark::Problem),
            (json!({"state": "unhealthy"}), Mark::Problem),
            (Value::Null, Mark::Warning),
        ] {
            assert_eq!(backend(&json!({"id": "a", "meta": {"status": status}})).result, mark, "{status}");
        }
    }
}
