//! The journal's folder on a real disk. One process at a time: the folder is locked while it is open.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Disk, JournalError, SegmentFile};

/// File that is locked while a process has the journal open.
const LOCK: &str = "lock";

/// Zeros are written in pieces of this size where the file system cannot allocate without writing.
const ZEROS: usize = 64 * 1024;

/// A folder on a real disk.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    /// Holds the lock; the kernel gives it back when the process ends, however it ends.
    _lock: File,
}

impl Files {
    /// Makes the folder if need be (mode 0700) and locks it.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process has it, [`JournalError::Io`] when it cannot be used.
    pub fn lock(folder: &Path) -> Result<Self, JournalError> {
        let failed = |doing| move |source| JournalError::Io { doing, path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("make"))?;
        let lock =
            private().write(true).create(true).truncate(false).open(folder.join(LOCK)).map_err(failed("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed("lock")(source)),
        }
    }

    /// Size and contents to be: all zeros, all allocated.
    fn allocate(&self, name: &str, bytes: u64) -> io::Result<File> {
        let file = private().read(true).write(true).create_new(true).open(self.place(name))?;
        let allocated = match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => write_zeros(&file, bytes),
            other => other.map_err(io::Error::from),
        };
        match allocated {
            Ok(()) => Ok(file),
            Err(error) => {
                fs::remove_file(self.place(name))?;
                Err(error)
            }
        }
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn write_zeros(file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS];
    let mut offset = 0;
    while offset < bytes {
        let piece = (bytes - offset).min(ZEROS as u64);
        file.write_all_at(&zeros[..usize::try_from(piece).unwrap_or(ZEROS)], offset)?;
        offset += piece;
    }
    Ok(())
}

impl Disk for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.folder)?.map(|entry| entry.map(|entry| entry.file_name()));
        let text = |name: io::Result<std::ffi::OsString>| name.map(|name| name.to_string_lossy().into_owned());
        names.map(text).collect()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(self.allocate(name, bytes)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(File::open(self.place(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.place(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl SegmentFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
