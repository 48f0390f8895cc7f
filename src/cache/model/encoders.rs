//! Sentence encoders from disk: opened once for each content of their folder, asked beside the reactor.
//!
//! A prompt takes milliseconds of a core, so only a few are computed at once; whoever finds no place in time goes without.
//! Deliberately not here: the encoder's arithmetic (`cache::semantic::encoder`), and the deadline (`gateway::model_cache`).

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use tokio::sync::Semaphore;

use super::Meaning;
use crate::cache::semantic::{Embedder as _, Encoder, NoEncoder};

/// Prompts that are computed at once; more would take the cores from requests.
const AT_ONCE: usize = 2;

/// An opened encoder. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Desk {
    encoder: Arc<Encoder>,
    places: Arc<Semaphore>,
}

impl Desk {
    /// What a text means; waits for a place. `None`: nothing to compare, or too long for the model.
    pub async fn meaning(&self, text: String) -> Option<Meaning> {
        let place = self.places.clone().acquire_owned().await.ok()?;
        let encoder = self.encoder.clone();
        let computed = tokio::task::spawn_blocking(move || {
            // Held until it is done, also when nobody waits any more.
            let _place = place;
            let vector = encoder.embed(&text)?;
            Some(Meaning { model: encoder.model().into(), vector })
        });
        computed.await.ok().flatten()
    }
}

/// What tells a changed folder: size and time of its files.
type Stamp = Vec<Option<(u64, SystemTime)>>;

/// The encoder that was opened last; it outlives snapshots.
#[derive(Debug, Default)]
pub struct Encoders(Mutex<Option<(PathBuf, Stamp, Desk)>>);

impl Encoders {
    /// The encoder of a folder: the one that is open if nothing has changed there. Opening takes a second, and blocks.
    ///
    /// # Errors
    /// The folder holds no encoder that can be used.
    pub fn open(&self, folder: &Path) -> Result<Desk, NoEncoder> {
        let stamp = stamp(folder);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, known, desk)) = &*last
            && path == folder
            && *known == stamp
        {
            return Ok(desk.clone());
        }
        let encoder = Arc::new(Encoder::open(folder)?);
        let desk = Desk { encoder, places: Arc::new(Semaphore::new(AT_ONCE)) };
        *last = Some((folder.to_owned(), stamp, desk.clone()));
        Ok(desk)
    }
}

fn stamp(folder: &Path) -> Stamp {
    let of = |file: &str| {
        let found = fs::metadata(folder.join(file)).ok()?;
        Some((found.len(), found.modified().ok()?))
    };
    ["config.json", "tokenizer.json", "model.safetensors"].map(of).to_vec()
}
