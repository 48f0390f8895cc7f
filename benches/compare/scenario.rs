//! What is measured.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use tollgate::cli::bench::load::{AnyError, Order, Seen, Shape};

use crate::{process, targets::Target};

/// One kind of load.
pub struct Scenario {
    /// Name in the table.
    pub name: &'static str,
    shape: Option<Shape>,
    prompt: usize,
    /// No more rounds than this.
    pub most_rounds: usize,
}

/// All of them, in order.
pub const ALL: [Scenario; 8] = [
    Scenario { name: "idle", shape: None, prompt: 0, most_rounds: 1 },
    Scenario { name: "closed-1k", shape: Some(Shape::Closed { connections: 64 }), prompt: 1 << 10, most_rounds: 99 },
    Scenario { name: "closed-32k", shape: Some(Shape::Closed { connections: 64 }), prompt: 32 << 10, most_rounds: 99 },
    Scenario {
        name: "open-500",
        shape: Some(Shape::Open { every: Duration::from_millis(2) }),
        prompt: 1 << 10,
        most_rounds: 99,
    },
    Scenario {
        name: "first-byte-50",
        shape: Some(Shape::Paced { every: Duration::from_millis(20) }),
        prompt: 1 << 10,
        most_rounds: 99,
    },
    Scenario { name: "streams-100", shape: Some(Shape::Streams { count: 100 }), prompt: 1 << 10, most_rounds: 3 },
    Scenario { name: "hold-1000", shape: Some(Shape::Hold { count: 1000 }), prompt: 1 << 10, most_rounds: 1 },
    Scenario { name: "hold-5000", shape: Some(Shape::Hold { count: 5000 }), prompt: 1 << 10, most_rounds: 1 },
];

/// The figures of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Whole answers a second.
    pub per_second: f64,
    /// Microseconds of CPU for one answer (one chunk of a stream).
    pub cpu: Option<f64>,
    /// Latency (first byte of a stream), microseconds.
    pub p50: f64,
    /// The same, 99th percentile.
    pub p99: f64,
    /// Memory while it ran, KiB.
    pub memory: Option<f64>,
    /// Answers that failed or were incomplete.
    pub failed: u64,
}

impl Scenario {
    /// Idle memory and held streams say nothing about the mock itself; a plain route holds no model streams.
    pub fn suits(&self, target: &Target) -> bool {
        let is_memory = matches!(self.shape, None | Some(Shape::Hold { .. }));
        !is_memory || (target.pid.is_some() && target.label != "tollgate, plain route")
    }

    /// Puts the load on `target` for `seconds`.
    pub fn run(&self, target: &Target, seconds: f64) -> Result<Figures, AnyError> {
        let Some(shape) = self.shape else {
            let memory = target.pid.map(|pid| process::memory_kib(pid) as f64);
            return Ok(Figures { memory, ..Figures::default() });
        };
        let order = Order {
            address: target.address.to_owned(),
            path: target.path.to_owned(),
            key: target.key.map(ToOwned::to_owned),
            prompt: self.prompt,
            shape,
            time: Duration::from_secs_f64(seconds),
        };
        let before = target.pid.map(process::cpu_micros);
        let (seen, memory) = drive(&order, target)?;
        let used = target.pid.map(process::cpu_micros).zip(before).map(|(after, before)| (after - before) as f64);
        Ok(figures(&seen, used, memory, seconds))
    }
}

fn drive(order: &Order, target: &Target) -> Result<(Seen, Option<f64>), AnyError> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("role-load")
        .arg(serde_json::to_string(order)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut memory = None;
    let mut line = lines.next().ok_or("the load driver said nothing")??;
    if line == "open" {
        memory = target.pid.map(|pid| process::memory_kib(pid) as f64);
        line = lines.next().ok_or("the load driver ended early")??;
    }
    child.wait()?;
    Ok((serde_json::from_str(&line)?, memory))
}

fn figures(seen: &Seen, used: Option<f64>, memory: Option<f64>, seconds: f64) -> Figures {
    let units = if seen.chunks > 0 { seen.chunks } else { seen.done };
    Figures {
        per_second: seen.done as f64 / seconds,
        cpu: used.map(|used| used / units.max(1) as f64),
        p50: f64::from(seen.permille(500)),
        p99: f64::from(seen.permille(990)),
        memory,
        failed: seen.failed,
    }
}
