//! What the ledger adds to a request: announce and settle in the journal, on this machine's disk.
//!
//! `cargo bench --bench ledger` prints one line for each number of threads and way to sync. Measured is the time of an
//! opening and a close together, encoding included, beside the journal's own threads.
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod entries;

use std::{
    error::Error,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tollgate::{
    journal::{Files, Journal, Options, Sync},
    usage::codec,
};

/// Requests of one measurement, all threads together.
const REQUESTS: u32 = 400_000;

fn main() -> Result<(), Box<dyn Error + Send + std::marker::Sync>> {
    println!("{:>7}  {:<14} {:>8} {:>8} {:>8} {:>12}", "threads", "sync", "p50", "p99", "p99.9", "requests/s");
    for sync in [Sync::Interval(Duration::from_millis(10)), Sync::Off] {
        for threads in [1, 2] {
            measure(threads, sync)?;
        }
    }
    Ok(())
}

fn measure(threads: u32, sync: Sync) -> Result<(), Box<dyn Error + Send + std::marker::Sync>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledger-bench");
    let disk = Arc::new(Files::lock(&folder)?);
    let options = Options { sync, accept_loss: true, ..Options::new(1) };
    let (journal, replay) = Journal::open(disk, &options, 0)?;
    drop(replay);
    let journal = Arc::new(journal);
    let began = Instant::now();
    let callers: Vec<_> = (0..threads)
        .map(|_| {
            let journal = Arc::clone(&journal);
            thread::spawn(move || call(&journal, REQUESTS / threads))
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.join().expect("no caller panics")?);
    }
    report(threads, sync, &mut times, began.elapsed());
    drop(journal);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn call(journal: &Journal, requests: u32) -> Result<Vec<Duration>, tollgate::journal::JournalError> {
    let (intent, settle) = entries::pair();
    let mut times = Vec::with_capacity(requests as usize);
    for request in 0..requests {
        let began = Instant::now();
        let slot = journal.append_opening(&codec::encode(&intent))?;
        slot.close(codec::encode(&settle));
        times.push(began.elapsed());
        if request % 1_000 == 0 {
            journal.release(journal.stats().last.saturating_sub(50_000));
        }
    }
    Ok(times)
}

fn report(threads: u32, sync: Sync, times: &mut [Duration], took: Duration) {
    times.sort_unstable();
    let at =
        |per_mille: usize| times[(times.len() * per_mille / 1_000).min(times.len() - 1)].as_nanos() as f64 / 1_000.0;
    let rate = times.len() as f64 / took.as_secs_f64();
    let sync = format!("{sync:?}");
    println!("{threads:>7}  {sync:<14} {:>5.1} us {:>5.1} us {:>5.1} us {rate:>12.0}", at(500), at(990), at(999));
}
