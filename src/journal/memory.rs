//! A disk in memory whose n-th I/O fails, that can be full, lose power, and be looked at.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Disk, SegmentFile};

/// How an I/O fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing happens, `EIO`.
    Refused,
    /// Half is done, then `EIO`.
    Half,
    /// Everything is done, and `EIO` said all the same.
    Lied,
    /// Half is done, and no I/O works from then on: the process or its disk dies here.
    Death,
    /// Half is done and said so, as `write(2)` may: no failure at all.
    Short,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Vec<u8>>>>,
    /// I/Os until one fails, and how.
    fault: Option<(u64, Failure)>,
    /// Every I/O fails from now on.
    dead: bool,
    /// Bytes that all files together may take.
    capacity: Option<u64>,
    syncs_fail: bool,
    ios: u64,
}

/// A folder in memory. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

impl MemoryDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while holding it")
    }

    /// Lets the I/O after `ios` more fail.
    pub fn fail_after(&self, ios: u64, how: Failure) {
        self.state().fault = Some((ios, how));
    }

    /// Whether the fault that was asked for is still to come; it is called off.
    pub fn call_off(&self) -> bool {
        self.state().fault.take().is_some()
    }

    /// Lets every I/O fail, or none.
    pub fn dead(&self, dead: bool) {
        self.state().dead = dead;
    }

    /// Lets every sync fail, or none.
    pub fn syncs_fail(&self, fail: bool) {
        self.state().syncs_fail = fail;
    }

    /// Bytes that all files together may take.
    pub fn capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// I/Os so far.
    pub fn ios(&self) -> u64 {
        self.state().ios
    }

    /// Names and contents.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let copy = |file: &Arc<Mutex<Vec<u8>>>| file.lock().expect("no test panics while holding it").clone();
        self.state().files.iter().map(|(name, file)| (name.clone(), copy(file))).collect()
    }

    /// A disk with these files.
    pub fn with(contents: BTreeMap<String, Vec<u8>>) -> Self {
        let files = contents.into_iter().map(|(name, bytes)| (name, Arc::new(Mutex::new(bytes)))).collect();
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    /// What is on the disk at this moment, on a disk of its own: what a killed process leaves.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::with(self.contents())
    }

    fn io(&self) -> io::Result<Option<Failure>> {
        let mut state = self.state();
        state.ios += 1;
        if state.dead {
            return Err(eio());
        }
        let Some((left, how)) = &mut state.fault else { return Ok(None) };
        if *left > 0 {
            *left -= 1;
            return Ok(None);
        }
        let how = *how;
        state.fault = None;
        state.dead = how == Failure::Death;
        if how == Failure::Refused { Err(eio()) } else { Ok(Some(how)) }
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.io()?;
        Ok(self.state().files.keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn SegmentFile>> {
        if self.io()?.is_some_and(|how| how != Failure::Short) {
            return Err(eio());
        }
        let mut state = self.state();
        let used: u64 = state.files.values().map(|file| file.lock().expect("held briefly").len() as u64).sum();
        if state.capacity.is_some_and(|capacity| used + bytes > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = Arc::new(Mutex::new(vec![0; usize::try_from(bytes).expect("small")]));
        assert!(state.files.insert(name.to_owned(), Arc::clone(&file)).is_none(), "{name} exists");
        drop(state);
        Ok(Arc::new(MemoryFile { disk: self.clone(), file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        self.io()?;
        let file = self.state().files.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(MemoryFile { disk: self.clone(), file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.io()?;
        self.state().files.remove(name).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.io().map(|_| ())
    }

    fn place(&self, name: &str) -> PathBuf {
        PathBuf::from("/memory").join(name)
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    file: Arc<Mutex<Vec<u8>>>,
}

impl MemoryFile {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.file.lock().expect("held briefly")
    }
}

impl SegmentFile for MemoryFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let how = self.disk.io()?;
        let length = if matches!(how, Some(Failure::Half | Failure::Death | Failure::Short)) {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        let start = usize::try_from(offset).expect("small");
        let mut file = self.bytes();
        assert!(start + bytes.len() <= file.len(), "beyond what was allocated");
        file[start..start + length].copy_from_slice(&bytes[..length]);
        match how {
            Some(Failure::Half | Failure::Lied | Failure::Death) => Err(eio()),
            _ => Ok(length.max(1)),
        }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let how = self.disk.io()?;
        if matches!(how, Some(Failure::Half | Failure::Lied | Failure::Death)) {
            return Err(eio());
        }
        let file = self.bytes();
        let rest = file.get(usize::try_from(offset).expect("small")..).unwrap_or_default();
        let most = if how == Some(Failure::Short) { bytes.len().div_ceil(2) } else { bytes.len() };
        let length = rest.len().min(most);
        bytes[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.io()?;
        if self.disk.state().syncs_fail { Err(eio()) } else { Ok(()) }
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }
}
