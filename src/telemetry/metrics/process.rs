//! A few figures of the process itself, read from procfs when metrics are asked for; left out elsewhere.

use std::{fmt::Write as _, fs};

/// Appends `process_*` metrics, with the names that Prometheus client libraries share.
pub(super) fn append(text: &mut String) {
    if let Some(bytes) = resident_bytes() {
        gauge(text, "process_resident_memory_bytes", "Resident memory size in bytes.", bytes);
    }
    if let Some(count) = open_files() {
        gauge(text, "process_open_fds", "Number of open file descriptors.", count);
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: u64) {
    let line = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
    line.expect("writing to a String does not fail");
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}

fn open_files() -> Option<u64> {
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}
