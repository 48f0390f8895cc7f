//! What `deploy/` says about the binary is true: paths, arguments, exit codes.

#![expect(clippy::disallowed_methods, reason = "what is tested is how other programs start the binary")]

use std::{fs, path::Path, process::Command};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of the repository")
}

/// The value of the only line that begins with `name`.
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let value = lines.next().unwrap_or_else(|| panic!("no line `{name}`"));
    assert!(lines.next().is_none(), "several lines `{name}`");
    value.trim()
}

/// The binary's exit code with these arguments.
fn exit_code(arguments: &[&str]) -> Option<i32> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let binary = env!("CARGO_BIN_EXE_tollgate");
    let output = Command::new(binary).args(arguments).current_dir(folder.path()).output().expect("the binary runs");
    output.status.code()
}

/// 3: the configuration cannot be used; 2: the command line cannot.
const UNUSABLE: i32 = 3;

#[test]
fn the_container_is_built_and_started_as_the_binary_wants() {
    let file = read("deploy/Dockerfile");
    let rust = line(&read("Cargo.toml"), "rust-version =").trim_matches('"').to_owned();
    assert!(
        file.contains(&format!("FROM rust:{rust}-slim-bookworm AS build")),
        "the toolchain that Cargo.toml asks for"
    );
    assert!(file.contains("cargo build --release --locked --bin tollgate"));
    let entry: Vec<String> = serde_json::from_str(line(&file, "ENTRYPOINT")).expect("a list");
    let copied = file.lines().find(|line| line.contains("target/release/tollgate")).expect("copied");
    assert_eq!(
        [copied.split_whitespace().next_back().expect("a path")],
        entry.as_slice(),
        "started where it was copied to"
    );
    let arguments: Vec<String> = serde_json::from_str(line(&file, "CMD")).expect("a list");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(exit_code(&arguments), Some(UNUSABLE), "understood, but there is no such file here");
    let ignored = read(".dockerignore");
    assert!(ignored.lines().any(|line| line == "target"), "gigabytes of build output stay out of the image's context");
}

#[test]
fn the_service_is_started_and_judged_as_the_binary_behaves() {
    let unit = read("deploy/tollgate.service");
    let start: Vec<&str> = line(&unit, "ExecStart=").split_whitespace().collect();
    assert_eq!(start[0], "/usr/local/bin/tollgate");
    assert_eq!(exit_code(&start[1..]), Some(UNUSABLE));
    let hopeless: Vec<i32> =
        line(&unit, "RestartPreventExitStatus=").split_whitespace().map(|code| code.parse().expect("a code")).collect();
    assert!(hopeless.contains(&UNUSABLE) && hopeless.contains(&exit_code(&["serve", "--nonsense"]).expect("exited")));
}

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unit = folder.path().join("tollgate.service");
    let here = read("deploy/tollgate.service").replace("/usr/local/bin/tollgate", env!("CARGO_BIN_EXE_tollgate"));
    fs::write(&unit, here).expect("written");
    let verified = Command::new("systemd-analyze").args(["verify", "--recursive-errors=no"]).arg(&unit).output();
    let Ok(output) = verified else {
        eprintln!("not checked: this machine has no systemd-analyze");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let about_us: Vec<&str> = said.lines().filter(|line| line.contains("tollgate.service")).collect();
    assert!(about_us.is_empty(), "{about_us:?}");
}
