//! The thread that writes access lines, and the bounded buffer in front of it.
//!
//! Lines gather for a few milliseconds and go out in one write: at most a hundred writes a second whatever the load,
//! and the hot path wakes the thread only when the buffer was empty. What a kill -9 can lose is that interval; the
//! durable record of usage is the ledger, not this log.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write, stdout},
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use prometheus::IntCounter;

/// Bytes that may wait to be written.
const MOST_PENDING: usize = 4 << 20;

/// After so many looks in a row that found no line the thread waits to be woken. Waking it costs a system call on the
/// path of a request; a second of looking costs less than the requests of that second would pay.
const IDLE_LOOKS: u32 = 20;

/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(50);

/// Where lines go.
#[derive(Debug)]
pub(super) enum Target {
    Stdout,
    File { path: PathBuf, file: File },
}

impl Target {
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        Ok(match path {
            None => Self::Stdout,
            Some(path) => Self::File { path: path.to_owned(), file: append(path)? },
        })
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File { path, file } = self {
            *file = append(path)?;
        }
        Ok(())
    }

    fn write_all(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.write_all(lines),
            Self::Stdout => {
                let mut stdout = stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    lines: u64,
    /// The thread waits for a first line.
    idle: bool,
    reopen: bool,
    closed: bool,
    /// Flushes asked for, and the last one that is done.
    asked: u64,
    done: u64,
}

impl State {
    fn is_urgent(&self) -> bool {
        self.closed || self.reopen || self.asked > self.done
    }

    fn take(&mut self, lines: &mut Vec<u8>) -> Batch {
        mem::swap(&mut self.pending, lines);
        Batch {
            lines: mem::take(&mut self.lines),
            reopen: mem::take(&mut self.reopen),
            asked: self.asked,
            last: self.closed,
        }
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    flushed: Condvar,
    dropped: IntCounter,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, lets more gather unless somebody waits, and takes them.
    fn take(&self, lines: &mut Vec<u8>) -> Batch {
        let mut state = self.lock();
        for _ in 0..IDLE_LOOKS {
            state = self.gather(state);
            if !state.pending.is_empty() || state.is_urgent() {
                return state.take(lines);
            }
        }
        state.idle = true;
        state = self
            .work
            .wait_while(state, |state| state.pending.is_empty() && !state.is_urgent())
            .unwrap_or_else(PoisonError::into_inner);
        state.idle = false;
        self.gather(state).take(lines)
    }

    /// Lets lines gather, unless somebody waits for them.
    fn gather<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let gathered = self.work.wait_timeout_while(state, GATHER, |state| !state.is_urgent());
        gathered.unwrap_or_else(PoisonError::into_inner).0
    }
}

struct Batch {
    lines: u64,
    reopen: bool,
    asked: u64,
    last: bool,
}

/// Takes lines, and owns the thread that writes them.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(target: Target, dropped: IntCounter) -> io::Result<Self> {
        let state = Mutex::default();
        let shared = Arc::new(Shared { state, work: Condvar::new(), flushed: Condvar::new(), dropped });
        let ours = Arc::clone(&shared);
        let thread = thread::Builder::new().name("access-log".into()).spawn(move || run(&ours, target))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn append(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.pending.len() + line.len() > MOST_PENDING {
            return self.shared.dropped.inc();
        }
        state.pending.extend_from_slice(line);
        state.lines += 1;
        let wake = state.idle && state.lines == 1;
        drop(state);
        if wake {
            self.shared.work.notify_one();
        }
    }

    pub(super) fn reopen(&self) {
        self.shared.lock().reopen = true;
        self.shared.work.notify_one();
    }

    pub(super) fn flush(&self) {
        let mut state = self.shared.lock();
        state.asked += 1;
        let ticket = state.asked;
        self.shared.work.notify_one();
        drop(
            self.shared.flushed.wait_while(state, |state| state.done < ticket).unwrap_or_else(PoisonError::into_inner),
        );
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the access log's thread failed; its last lines may be lost");
        }
    }
}

fn run(shared: &Shared, mut target: Target) {
    let mut lines = Vec::new();
    let mut failing = false;
    loop {
        let batch = shared.take(&mut lines);
        let written = target.write_all(&lines);
        if written.is_err() {
            shared.dropped.inc_by(batch.lines);
        }
        report(&mut failing, written);
        lines.clear();
        if batch.reopen {
            report(&mut failing, target.reopen());
        }
        shared.lock().done = batch.asked;
        shared.flushed.notify_all();
        if batch.last {
            break;
        }
    }
}

/// Logs the first of a row of failures, and that it is over.
fn report(failing: &mut bool, result: io::Result<()>) {
    match result {
        Err(error) if !*failing => {
            tracing::error!(%error, "the access log cannot be written; lines are dropped and counted");
            *failing = true;
        }
        Ok(()) if *failing => {
            tracing::info!("the access log is written again");
            *failing = false;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn counter() -> IntCounter {
        IntCounter::new("dropped", "Lines lost.").expect("valid name")
    }

    fn file_writer(path: &Path) -> Writer {
        Writer::start(Target::open(Some(path)).expect("folder exists"), counter()).expect("a thread starts")
    }

    #[test]
    fn lines_of_many_threads_arrive_whole_and_are_all_there_after_drop() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("access.log");
        let writer = file_writer(&path);
        thread::scope(|scope| {
            for thread in 0..4 {
                let writer = &writer;
                scope.spawn(move || (0..500).for_each(|n| writer.append(format!("line {thread} {n}\n").as_bytes())));
            }
        });
        drop(writer);
        let text = fs::read_to_string(path).expect("written");
        assert_eq!(text.lines().count(), 2_000);
        assert!(text.lines().all(|line| line.split(' ').count() == 3));
    }

    #[test]
    fn after_reopen_lines_go_to_the_new_file_of_that_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
        let writer = file_writer(&path);
        writer.append(b"before\n");
        writer.flush();
        fs::rename(&path, &old).expect("renamed");
        writer.append(b"between\n");
        writer.reopen();
        writer.flush();
        writer.append(b"after\n");
        writer.flush();
        assert_eq!(fs::read_to_string(old).expect("old"), "before\nbetween\n");
        assert_eq!(fs::read_to_string(path).expect("new"), "after\n");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let dropped = counter();
        let writer = Writer::start(Target::open(Some(full)).expect("opens"), dropped.clone()).expect("a thread starts");
        writer.append(b"one\n");
        writer.append(b"two\n");
        writer.flush();
        assert_eq!(dropped.get(), 2);
    }

    #[test]
    fn a_full_buffer_drops_and_counts_instead_of_waiting() {
        let dropped = counter();
        let state = Mutex::default();
        let shared = Shared { state, work: Condvar::new(), flushed: Condvar::new(), dropped: dropped.clone() };
        let writer = Writer { shared: Arc::new(shared), thread: None };
        let line = vec![b'x'; MOST_PENDING / 4];
        (0..6).for_each(|_| writer.append(&line));
        assert_eq!(dropped.get(), 2);
    }
}
