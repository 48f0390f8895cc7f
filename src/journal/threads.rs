//! The journal's own threads: one makes room ahead, retries and removes; one syncs. Apart, because a sync can take
//! seconds on a bad disk and room must not wait for it.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering::SeqCst},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    Sync,
    shared::Shared,
    writer::{Plan, Unsynced},
};

/// How long a failing disk is left alone.
const RETRY: Duration = Duration::from_millis(100);

/// After so many looks in a row that found nothing to sync the thread waits to be woken. Waking it costs a system call
/// on the path of a request; a second of looking costs less than the requests of that second would pay.
const IDLE_LOOKS: u32 = 100;

pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<Vec<JoinHandle<()>>> {
    let spawn = |name: &str, run: fn(&Shared)| {
        let shared = Arc::clone(shared);
        thread::Builder::new().name(name.into()).spawn(move || run(&shared))
    };
    let mut threads = vec![spawn("journal-room", keep_room)?];
    if shared.sync != Sync::Off {
        threads.push(spawn("journal-sync", keep_synced)?);
    }
    Ok(threads)
}

fn keep_room(shared: &Shared) {
    while !shared.is_stopped() {
        let plan = {
            let mut writer = shared.lock();
            if writer.wants_spare() { Some(writer.plan(0)) } else { writer.retry() }
        };
        if let Some(plan) = plan {
            make(shared, &plan);
        }
        let removed = empty_trash(shared);
        if shared.lock().is_faulty() || !removed {
            pause(shared, RETRY);
        } else {
            wait_for_work(shared);
        }
    }
}

/// The file is made outside the lock; what waited for its room is written at once.
fn make(shared: &Shared, plan: &Plan) {
    let made = plan.make(&*shared.disk);
    let mut writer = shared.lock();
    writer.made(made);
    writer.resume();
}

/// Removes what is not needed; `false`: not all of it could be.
fn empty_trash(shared: &Shared) -> bool {
    let mut names = shared.lock().take_trash();
    names.retain(|name| shared.disk.remove(name).is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound));
    let done = names.is_empty();
    shared.lock().put_back(names);
    done
}

fn wait_for_work(shared: &Shared) {
    let writer = shared.lock();
    if !writer.wants_spare() && !writer.is_faulty() && !writer.has_trash() && !shared.is_stopped() {
        drop(shared.room.wait(writer).unwrap_or_else(PoisonError::into_inner));
    }
}

fn keep_synced(shared: &Shared) {
    let gather = match shared.sync {
        Sync::Interval(gather) => gather,
        Sync::Always | Sync::Off => Duration::ZERO,
    };
    let mut idle = 0;
    while !shared.is_stopped() {
        match sync(shared) {
            Synced::Done => idle = 0,
            Synced::Nothing if idle < IDLE_LOOKS && !gather.is_zero() => idle += 1,
            Synced::Nothing => wait_for_record(shared),
            Synced::Failed => pause(shared, RETRY),
        }
        pause(shared, gather);
    }
}

/// What became of a sync.
pub(super) enum Synced {
    Done,
    Nothing,
    Failed,
}

/// Brings everything written so far to the disk itself.
pub(super) fn sync(shared: &Shared) -> Synced {
    let Some(unsynced) = shared.lock().take_unsynced() else { return Synced::Nothing };
    let last = unsynced.last;
    let done = bring(shared, &unsynced);
    let mut writer = shared.lock();
    match done {
        Ok(()) => {
            writer.synced();
            drop(writer);
            shared.durable.send_modify(|durable| durable.up_to = last);
            Synced::Done
        }
        Err(error) => {
            writer.sync_failed(unsynced, &error);
            drop(writer);
            shared.durable.send_modify(|durable| durable.failed = last);
            Synced::Failed
        }
    }
}

fn bring(shared: &Shared, unsynced: &Unsynced) -> std::io::Result<()> {
    if unsynced.names {
        shared.disk.sync_names()?;
    }
    unsynced.files.iter().try_for_each(|file| file.sync())
}

fn wait_for_record(shared: &Shared) {
    let mut writer = shared.lock();
    if writer.has_unsynced() {
        return;
    }
    shared.sync_sleeps.store(true, SeqCst);
    while shared.sync_sleeps.load(SeqCst) && !shared.is_stopped() {
        writer = shared.work.wait(writer).unwrap_or_else(PoisonError::into_inner);
    }
}

fn pause(shared: &Shared, long: Duration) {
    if !long.is_zero() && !shared.is_stopped() {
        thread::sleep(long);
    }
}
