//! Nothing that the gateway wrote may contain a key, a credential or a prompt.

use std::path::{Path, PathBuf};

use crate::postgres::PASSWORD;

use super::{ADMIN_TOKEN, BACKEND_KEY, KEY, OTHER_KEY, PROMPT, SECOND_KEY};

const CANARIES: [&str; 7] = [KEY, SECOND_KEY, OTHER_KEY, BACKEND_KEY, ADMIN_TOKEN, PROMPT, PASSWORD];

/// Fails when a canary is in a file below `folder` (the configuration apart, where we wrote it) or in what was
/// printed: standard output, diagnostics, metrics.
pub fn assert_absent(folder: &Path, printed: &[u8]) {
    let mut places = vec![(PathBuf::from("(printed)"), printed.to_vec())];
    collect(folder, &mut places);
    for (place, content) in places {
        for canary in CANARIES {
            let found = memchr::memmem::find(&content, canary.as_bytes());
            let around = found.map(|at| &content[at.saturating_sub(200)..content.len().min(at + 60)]);
            assert!(found.is_none(), "{canary} in {}: {:?}", place.display(), around.map(String::from_utf8_lossy));
        }
    }
}

fn collect(folder: &Path, places: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, places);
        } else if path.file_name().is_some_and(|name| name != "tollgate.yaml") {
            places.push((path.clone(), std::fs::read(&path).expect("a readable file")));
        }
    }
}
