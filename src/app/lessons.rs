//! Keeps what was learned of models over a restart: `learned.json` in the ledger's folder, written now and then and at
//! the end.
//!
//! Nothing depends on it but how close estimates are in the first minutes: a file that is missing, damaged or cannot be
//! written is told and learned anew. What is in it is said by `tokens::Learned`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    private_file,
    tasks::{Stop, pause},
};
use crate::tokens::Learned;

/// Time between two writings: what a crash forgets.
const EVERY: Duration = Duration::from_secs(60);

const FILE: &str = "learned.json";

/// What the process before learned; nothing where that cannot be known.
pub fn read(folder: &Path) -> Learned {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Learned::new(),
        Err(error) => return anew(&path, &error.to_string()),
    };
    Learned::with_lessons(&text).unwrap_or_else(|why| anew(&path, &why))
}

fn anew(path: &Path, why: &str) -> Learned {
    tracing::warn!(path = %path.display(), why, "what was learned of models cannot be read and is learned anew");
    Learned::new()
}

/// Writes what is learned until told to stop, and then once more.
pub async fn keep(learned: Arc<Learned>, folder: PathBuf, mut stop: Stop) {
    let (mut written, mut is_told, mut going) = (String::new(), false, true);
    while going {
        going = pause(EVERY, &mut stop).await;
        let text = learned.lessons();
        if text == written {
            continue;
        }
        let (path, kept) = (folder.join(FILE), text.clone());
        let outcome = tokio::task::spawn_blocking(move || private_file::write(&path, &kept)).await;
        match outcome.map_err(io::Error::other).flatten() {
            Ok(()) => (written, is_told) = (text, false),
            Err(_) if is_told => {}
            Err(error) => {
                is_told = true;
                tracing::warn!(%error, "what was learned of models cannot be written; a restart would learn it anew");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn what_was_learned_is_there_after_a_restart_and_damage_is_no_reason_not_to_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let learned = Arc::new(read(folder.path()));
        let (stop, stopped) = watch::channel(false);
        let kept = tokio::spawn(keep(learned.clone(), folder.path().to_owned(), stopped));
        (0..20).for_each(|_| learned.learn_output("team-a", "m", 100));
        stop.send(true).expect("it runs");
        kept.await.expect("ends");
        assert_eq!(read(folder.path()).likely_output("team-a", "m"), Some(111));
        fs::write(folder.path().join(FILE), "{\"version\":1,").expect("writable");
        assert_eq!(read(folder.path()).likely_output("team-a", "m"), None);
    }
}
