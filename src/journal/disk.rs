//! What the journal needs of a disk: a port, so that tests can make any I/O fail.

use std::{io, path::PathBuf, sync::Arc};

/// A folder of segment files.
pub trait Disk: Send + Sync {
    /// Names of all files of the folder, in no order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a new file, readable by its owner only, with `bytes` of zeros allocated. Leaves nothing behind when it
    /// fails.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn SegmentFile>>;

    /// Opens an existing file for reading.
    fn open(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names of files that were made or removed survive a power failure.
    fn sync_names(&self) -> io::Result<()>;

    /// Where a file is, for messages.
    fn place(&self, name: &str) -> PathBuf;
}

/// One file of the journal.
pub trait SegmentFile: Send + Sync {
    /// Writes at an offset; like `write(2)` it may take only the beginning of `bytes`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Reads at an offset; 0: there is nothing from there on.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Brings what was written to the disk itself (`fdatasync`).
    fn sync(&self) -> io::Result<()>;

    /// Size in bytes.
    fn size(&self) -> io::Result<u64>;
}

/// Writes all of `bytes`; usually one write.
pub(super) fn write_all(file: &dyn SegmentFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => {
                bytes = &bytes[taken..];
                offset += taken as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `bytes` as far as the file goes; gives how many there were.
pub(super) fn read_full(file: &dyn SegmentFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(got) => done += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
