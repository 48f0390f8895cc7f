//! What metering adds to a request: reserve over four scopes, encode and announce, settle, encode and close.
//!
//! `cargo bench --bench ledger`. Prints a Markdown table; files are made in a temporary folder and removed. Deliberately
//! not here: the way to the database, which no request waits for, and what tokenizing costs.

#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

mod request;

use std::{
    error::Error,
    path::Path,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use tollgate::{
    journal::{Files, Journal, Options, Sync},
    limits::Limits,
    model::Clock,
};

use self::request::Requests;

type AnyError = Box<dyn Error + Send + std::marker::Sync>;

/// Rounds of one thread that are measured, and those before them that are not.
const ROUNDS: u32 = 100_000;
const WARMING: u32 = 2_000;
/// What is announced and settled is let go after so many rounds, as the drainer does.
const RELEASE_EVERY: u32 = 1_000;

/// What a request costs beside this, about; without it, two threads do nothing but wait for each other.
const PROXYING: Duration = Duration::from_micros(25);

fn main() -> Result<(), AnyError> {
    println!("| threads | sync | work between | requests/s | median us | p99 us | p99.9 us |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (label, sync) in [("off", Sync::Off), ("10 ms", Sync::Interval(Duration::from_millis(10)))] {
        for (threads, between) in [(1, Duration::ZERO), (2, Duration::ZERO), (2, PROXYING)] {
            let folder = tempfile::tempdir()?;
            println!("{}", measured(folder.path(), threads, (label, sync), between)?);
        }
    }
    Ok(())
}

/// One line of the table.
fn measured(folder: &Path, threads: u32, (label, sync): (&str, Sync), between: Duration) -> Result<String, AnyError> {
    let options = Options { sync, ..Options::new(1) };
    let (journal, _) = Journal::open(Arc::new(Files::lock(folder)?), &options, 0)?;
    let journal = Arc::new(journal);
    let clock = Clock::system();
    let limits = Arc::new(Limits::new(clock.clone()));
    let barrier = Arc::new(Barrier::new(threads as usize));
    let workers: Vec<_> = (0..threads)
        .map(|number| {
            let (journal, limits, barrier) = (journal.clone(), limits.clone(), barrier.clone());
            let requests = Requests::new(number, clock.now());
            thread::spawn(move || {
                barrier.wait();
                worker(&requests, &limits, &journal, between)
            })
        })
        .collect();
    let (mut times, mut took) = (Vec::new(), Duration::ZERO);
    for worker in workers {
        let (own, total) = worker.join().map_err(|_| "a thread panicked")??;
        times.extend(own);
        took = took.max(total);
    }
    journal.finish();
    times.sort_unstable();
    let at = |per_mille: usize| micros(times[(times.len() - 1) * per_mille / 1000]);
    let rate = f64::from(threads * ROUNDS) / took.as_secs_f64();
    let other = between.as_micros();
    Ok(format!("| {threads} | {label} | {other} us | {rate:.0} | {:.2} | {:.2} | {:.2} |", at(500), at(990), at(999)))
}

/// How long each round took, and all of them.
fn worker(
    requests: &Requests,
    limits: &Limits,
    journal: &Journal,
    between: Duration,
) -> Result<(Vec<Duration>, Duration), AnyError> {
    let mut times = Vec::with_capacity(ROUNDS as usize);
    let mut begun = Instant::now();
    for round in 0..WARMING + ROUNDS {
        if round == WARMING {
            begun = Instant::now();
        }
        let at = Instant::now();
        let sequence = requests.run(round, limits, journal)?;
        if round >= WARMING {
            times.push(at.elapsed());
        }
        let measured = Instant::now();
        while measured.elapsed() < between {
            std::hint::spin_loop();
        }
        if round % RELEASE_EVERY == 0 {
            journal.release(sequence.saturating_sub(u64::from(RELEASE_EVERY)));
        }
    }
    Ok((times, begun.elapsed()))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
