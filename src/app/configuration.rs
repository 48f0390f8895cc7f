//! Where the settings of this process come from, and reading them: at the start and at every reload alike.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use super::{Env, Options};
use crate::{
    model::{Clock, Entropy},
    outbound::Fleet,
    settings::{self, Problem, Server, Settings, Source},
    snapshot::{
        Hub,
        control::{Compiler, Declared},
    },
};

/// Where settings come from, with what the command line puts in their place.
#[derive(Clone, Debug)]
pub struct Configuration {
    source: Option<Source>,
    env: Env,
    gateway_listen: Option<SocketAddr>,
    console_listen: Option<SocketAddr>,
    data_dir: Option<PathBuf>,
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// The settings, defaults filled in.
    pub declared: Declared,
    /// Every file that took part; a folder of files itself too, so that a new file in it is noticed.
    pub files: Vec<PathBuf>,
    /// What is odd but allowed.
    pub warnings: Vec<Problem>,
}

impl Configuration {
    /// A configuration with the process's environment, nothing in its place.
    #[must_use]
    pub const fn from_source(source: Source, env: Env) -> Self {
        Self { source: Some(source), env, gateway_listen: None, console_listen: None, data_dir: None }
    }

    /// As the options say.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            source: options.config.clone(),
            env: options.env.clone(),
            gateway_listen: options.gateway_listen,
            console_listen: options.console_listen,
            data_dir: options.data_dir.clone(),
        }
    }

    /// Whether there is none, and the quick start applies.
    #[must_use]
    pub const fn is_quick_start(&self) -> bool {
        self.source.is_none()
    }

    /// What relative paths in it are relative to.
    #[must_use]
    pub fn base_dir(&self) -> PathBuf {
        match &self.source {
            Some(Source::Folder(path)) => path.clone(),
            Some(Source::File(path)) => path.parent().map(PathBuf::from).unwrap_or_default(),
            Some(Source::Text { .. }) | None => PathBuf::new(),
        }
    }

    /// What to call it before people.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self.source.as_ref()? {
            Source::File(path) | Source::Folder(path) => Some(path.display().to_string()),
            Source::Text { name, .. } => Some(name.clone()),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Every problem found.
    pub fn read(&self) -> Result<Reading, Vec<Problem>> {
        let Some(source) = &self.source else {
            let declared = Declared { settings: self.with_overrides(settings::quick_start()), configured: false };
            return Ok(Reading { declared, files: Vec::new(), warnings: Vec::new() });
        };
        let loaded = settings::load(source, &|name| self.env.get(name))?;
        let mut files = loaded.files;
        if let Source::Folder(path) = source {
            files.push(path.clone());
        }
        let settings = self.with_overrides(settings::with_defaults(loaded.settings));
        Ok(Reading { declared: Declared { settings, configured: true }, files, warnings: loaded.warnings })
    }

    /// Reads it and compiles what the data plane would use, without starting anything: all that a start would refuse
    /// short of ports and database.
    ///
    /// # Errors
    /// Every problem found.
    pub fn check(&self, clock: Clock, entropy: Entropy) -> Result<Reading, Vec<Problem>> {
        let reading = self.read()?;
        let hub = Hub::new(Fleet::new(clock, entropy), self.base_dir());
        // Dropped unused: compiling is the check.
        drop(hub.compile(&Arc::new(reading.declared.settings.clone()), &[])?);
        Ok(reading)
    }

    fn with_overrides(&self, mut settings: Settings) -> Settings {
        let server = &mut settings.server;
        server.gateway.listen = self.gateway_listen.unwrap_or(server.gateway.listen);
        server.console.listen = self.console_listen.unwrap_or(server.console.listen);
        if let Some(data_dir) = &self.data_dir {
            server.data_dir.clone_from(data_dir);
        }
        settings
    }
}

/// The settings of the process itself that differ and that only a new start takes up, by name.
#[must_use]
pub fn only_at_start(old: &Server, new: &Server) -> Vec<&'static str> {
    let differs = [
        ("server.gateway", old.gateway != new.gateway),
        ("server.console", old.console != new.console),
        ("server.data_dir", old.data_dir != new.data_dir),
        ("server.database", old.database != new.database),
        ("server.trusted_proxies", old.trusted_proxies != new.trusted_proxies),
        ("server.access_log", old.access_log != new.access_log),
        ("server.otlp", old.otlp != new.otlp),
        ("server.shutdown_grace", old.shutdown_grace != new.shutdown_grace),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document::Format, model::Timestamp};

    fn options(text: Option<&str>) -> Options {
        let clock = Clock::manual(Timestamp::from_secs(1));
        let source = text.map(|text| Source::Text { name: "test".into(), format: Format::Yaml, text: text.into() });
        Options { config: source, ..Options::embedded("/nowhere".into(), clock, Entropy::seeded(1)) }
    }

    #[test]
    fn no_configuration_is_the_quick_start() {
        let configuration = Configuration::of(&options(None));
        let reading = configuration.read().expect("always valid");
        assert!(configuration.is_quick_start() && !reading.declared.configured);
        assert_eq!(reading.declared.settings.products[0].id.as_str(), "starter");
        assert_eq!(reading.declared.settings.server.data_dir, PathBuf::from("/nowhere"));
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let text = "version: 1\nserver: { gateway: { listen: 0.0.0.0:80 }, data_dir: /elsewhere }\n";
        let reading = Configuration::of(&options(Some(text))).read().expect("valid");
        let server = &reading.declared.settings.server;
        assert_eq!((server.gateway.listen.port(), server.data_dir.to_str()), (0, Some("/nowhere")));
        assert!(reading.declared.configured);
    }

    #[test]
    fn what_only_a_new_start_takes_up_is_named() {
        let old = Server::default();
        let new = Server { data_dir: "x".into(), expose_backend: false, ..old.clone() };
        assert_eq!(only_at_start(&old, &new), ["server.data_dir"]);
    }
}
