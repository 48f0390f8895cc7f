//! Child processes and what the kernel knows of them.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use crate::AnyError;

/// A child that ends with its owner.
pub struct Owned(Child);

impl Owned {
    /// Starts `command` with its output thrown away.
    pub fn start(command: &mut Command) -> Result<Self, AnyError> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        for pid in tree(self.pid()).into_iter().rev() {
            drop(Command::new("kill").arg(pid.to_string()).stderr(Stdio::null()).status());
        }
        drop(self.0.wait());
    }
}

/// User and system time of a process and its children so far, in microseconds.
pub fn cpu_micros(pid: u32) -> u64 {
    tree(pid).into_iter().filter_map(ticks).sum::<u64>() * 10_000
}

/// Proportional set size of a process and its children, in KiB.
pub fn memory_kib(pid: u32) -> u64 {
    tree(pid).into_iter().filter_map(pss).sum()
}

/// Fields 14 and 15 of `/proc/PID/stat`: clock ticks of 10 ms (proc(5), `CLK_TCK` 100 on Linux).
fn ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
}

fn pss(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut at = 0;
    while at < all.len() {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", all[at])).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        at += 1;
    }
    all
}
