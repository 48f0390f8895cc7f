//! Notices that configuration files changed, by looking at them now and then: works on every file system and with
//! every way of replacing a file (editors, `mv`, Kubernetes' links), where notification services do not.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Time between two looks.
pub const EVERY: Duration = Duration::from_millis(500);

/// What is remembered of a file without reading it; `None` when it is not there.
type Mark = Option<(u64, u64, u64, i64, i64)>;

/// Files under watch. A change is reported once the files have stood still between two looks, so that a half-written
/// file or the first of several is not taken for the whole.
#[derive(Debug)]
pub struct Watch {
    files: Vec<PathBuf>,
    reported: Vec<Mark>,
    last: Vec<Mark>,
}

impl Watch {
    /// Takes the files' present state as known.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        let now = marks(&files);
        Self { files, reported: now.clone(), last: now }
    }

    /// Watches these files from now on; what happened to those watched before stays noticed.
    pub fn follow(&mut self, files: Vec<PathBuf>) {
        if files != self.files {
            *self = Self::new(files);
        }
    }

    /// Whether the files differ from what was last reported, and have stood still since the look before.
    pub fn look(&mut self) -> bool {
        let now = marks(&self.files);
        let settled = now == self.last;
        self.last.clone_from(&now);
        if settled && now != self.reported {
            self.reported = now;
            return true;
        }
        false
    }
}

fn marks(files: &[PathBuf]) -> Vec<Mark> {
    files.iter().map(|file| mark(file)).collect()
}

fn mark(file: &Path) -> Mark {
    let of = |found: Metadata| (found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec());
    std::fs::metadata(file).ok().map(of)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_is_reported_once_and_only_when_it_has_settled() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("tollgate.yaml");
        fs::write(&file, "version: 1").expect("written");
        let mut watch = Watch::new(vec![file.clone(), dir.path().join("missing")]);
        assert!(!watch.look(), "nothing happened");

        fs::write(&file, "version: 1 # changed").expect("written");
        assert!(!watch.look(), "may still be written");
        fs::write(&file, "version: 1 # changed again").expect("written");
        assert!(!watch.look(), "was still written");
        assert!(watch.look(), "stands still");
        assert!(!watch.look(), "reported once");

        fs::write(dir.path().join("missing"), "").expect("written");
        assert!(!watch.look());
        assert!(watch.look(), "a file that appears is a change");

        fs::remove_file(&file).expect("removed");
        assert!(!watch.look());
        assert!(watch.look(), "a file that goes is a change");
    }

    #[test]
    fn a_replaced_file_is_a_change_even_with_the_same_length() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, next) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&file, "1").expect("written");
        fs::write(&next, "2").expect("written");
        let mut watch = Watch::new(vec![file.clone()]);
        fs::rename(&next, &file).expect("renamed");
        assert!(!watch.look());
        assert!(watch.look());
    }
}
