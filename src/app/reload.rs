//! Reading the configuration again while running: whole, or refused with every problem and nothing changed.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    configuration::{Configuration, only_at_start},
    start::Ground,
};
use crate::{
    model::Clock,
    settings::{Problem, Server},
    snapshot::control::{Control, Refused},
    telemetry::{
        Telemetry,
        events::{ReloadApplied, ReloadRefused},
    },
};

/// Reads the configuration again on demand.
pub struct Reloader {
    configuration: Configuration,
    control: Arc<Control>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    /// The process settings that are in use since the start.
    server: Server,
    files: Mutex<Vec<PathBuf>>,
    /// Reading and taking over are one step: an older reading never replaces a newer one.
    one_at_a_time: tokio::sync::Mutex<()>,
}

impl Reloader {
    /// For a process that stands on `ground`.
    pub fn new(ground: &Ground, clock: Clock) -> Self {
        Self {
            configuration: ground.configuration.clone(),
            control: ground.control.clone(),
            telemetry: ground.telemetry.clone(),
            clock,
            server: ground.server.clone(),
            files: Mutex::new(ground.files.clone()),
            one_at_a_time: tokio::sync::Mutex::default(),
        }
    }

    /// Every file that the configuration was read from last.
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads and takes over; gives what is odd but allowed. `cause` is for the log.
    ///
    /// # Errors
    /// [`Refused::Invalid`] with every problem; the old state stays in use. Logged here.
    pub async fn reload(&self, cause: &str) -> Result<Vec<Problem>, Refused> {
        let _turn = self.one_at_a_time.lock().await;
        let began = self.clock.ticks();
        let applied = self.attempt().await;
        let metrics = &self.telemetry.metrics;
        match &applied {
            Ok(_) => {
                let (took, revision) = (self.clock.ticks().since(began), self.control.view().revision.0);
                ReloadApplied { at: self.clock.now(), cause, revision, took }.emit(metrics);
            }
            Err(refused) => {
                let problems = match refused {
                    Refused::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
                    other => vec![other.to_string()],
                };
                ReloadRefused { cause, problems: &problems }.emit(metrics);
            }
        }
        applied
    }

    async fn attempt(&self) -> Result<Vec<Problem>, Refused> {
        let reading = self.configuration.read().map_err(Refused::Invalid)?;
        let waiting = only_at_start(&self.server, &reading.declared.settings.server);
        self.control.reload(reading.declared).await?;
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = reading.files;
        for warning in &reading.warnings {
            tracing::warn!(%warning, "configuration");
        }
        for setting in waiting {
            tracing::warn!(setting, "changed; takes effect at the next start");
        }
        Ok(reading.warnings)
    }
}
