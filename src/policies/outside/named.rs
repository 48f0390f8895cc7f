//! What a configuration gives names to for policies: certificates, token sources, loggers, and the services behind
//! backends that policies ask on the side. Compiled with the snapshot; documents hold on to the one they were compiled
//! with.

use std::{path::Path, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    model::Secret,
    outbound::{egress::Rules, fetch::Identity},
    settings::{self, ObjectKind, Settings, objects::ClientAuth},
};

/// Names and what is behind them.
#[derive(Clone, Debug, Default)]
pub struct Named {
    certificates: Vec<(String, Arc<Identity>)>,
    sources: Vec<Arc<Source>>,
    loggers: Vec<Arc<Logger>>,
    services: Vec<(String, Arc<Service>)>,
    /// For addresses that are written down in a document or the configuration: loopback is the operator's choice then.
    pub written: Rules,
    /// For addresses that an expression computed, perhaps from what a caller sent.
    pub computed: Rules,
}

/// A source of tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Identifier.
    pub id: String,
    /// Resources, without a slash at the end.
    pub resources: Vec<String>,
    /// Used for all others.
    pub default: bool,
    /// How a token is had.
    pub way: Way,
    /// The client id, by which policies may name the source too.
    pub client_id: Option<String>,
}

/// How a token is had.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// It is known.
    Fixed(Secret),
    /// From a token service, by client credentials (RFC 6749, section 4.4).
    Asked(Box<TokenService>),
}

/// A token service and who we are there.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenService {
    /// Where tokens are issued.
    pub url: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub secret: Option<Secret>,
    /// Where both go.
    pub auth: ClientAuth,
    /// `scope`, `{resource}` not yet replaced.
    pub scope: Option<String>,
    /// More form fields.
    pub parameters: Vec<(String, Secret)>,
    /// How long before its end a token is replaced.
    pub margin: Duration,
    /// Which addresses may be dialled.
    pub rules: Rules,
}

/// Where log messages go.
#[derive(Clone, Debug, PartialEq)]
pub struct Logger {
    /// Identifier.
    pub id: String,
    /// Where.
    pub to: LogTarget,
    /// Messages that may wait.
    pub queue: usize,
    /// Messages of one batch.
    pub batch: usize,
    /// How long a message may wait for others.
    pub interval: Duration,
}

/// Where log messages go.
#[derive(Clone, Debug, PartialEq)]
pub enum LogTarget {
    /// A POST for each batch.
    Url {
        /// Where to.
        url: String,
        /// With these.
        headers: HeaderMap,
        /// Which addresses may be dialled.
        rules: Rules,
    },
    /// A JSON line for each message.
    File(std::path::PathBuf),
}

/// A backend that policies ask on the side (`llm-content-safety`).
#[derive(Clone, Debug)]
pub struct Service {
    /// Base URL, without a slash at the end.
    pub url: String,
    /// Headers with its credential.
    pub headers: HeaderMap,
    /// Which addresses may be dialled.
    pub rules: Rules,
}

/// What is wrong with one of them: kind, id, and why.
pub type Wrong = (ObjectKind, String, String);

impl Named {
    /// Compiles the settings; files are read relative to `base_dir`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn compile(settings: &Settings, base_dir: &Path) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let allowed = &settings.server.egress.allow_private;
        let rules =
            |kind: ObjectKind, id: &str| Rules::new(allowed, settings.origins.contains_key(&(kind, id.to_owned())));
        let mut named =
            Self { written: Rules::new(allowed, true), computed: Rules::new(allowed, false), ..Self::default() };
        for certificate in &settings.certificates {
            match identity(certificate, base_dir) {
                Ok(identity) => named.certificates.push((certificate.id.clone(), Arc::new(identity))),
                Err(why) => wrong.push((ObjectKind::Certificate, certificate.id.clone(), why)),
            }
        }
        for source in &settings.token_sources {
            match Source::compile(source, rules(ObjectKind::TokenSource, &source.id)) {
                Ok(source) => named.sources.push(Arc::new(source)),
                Err(why) => wrong.push((ObjectKind::TokenSource, source.id.clone(), why)),
            }
        }
        for logger in &settings.loggers {
            match Logger::compile(logger, base_dir, rules(ObjectKind::Logger, &logger.id)) {
                Ok(logger) => named.loggers.push(Arc::new(logger)),
                Err(why) => wrong.push((ObjectKind::Logger, logger.id.clone(), why)),
            }
        }
        for backend in &settings.backends {
            if let Some(service) = Service::compile(backend, rules(ObjectKind::Backend, backend.id.as_str())) {
                named.services.push((backend.id.to_string(), Arc::new(service)));
            }
        }
        if wrong.is_empty() { Ok(named) } else { Err(wrong) }
    }

    /// The certificate of that id.
    #[must_use]
    pub fn certificate(&self, id: &str) -> Option<&Arc<Identity>> {
        self.certificates.iter().find(|(known, _)| known == id).map(|(_, identity)| identity)
    }

    /// The certificate of that thumbprint.
    #[must_use]
    pub fn by_thumbprint(&self, thumbprint: &str) -> Option<&Arc<Identity>> {
        self.certificates.iter().map(|(_, identity)| identity).find(|identity| identity.has_thumbprint(thumbprint))
    }

    /// All certificates with their ids (`context.Deployment.Certificates`).
    pub fn certificates(&self) -> impl Iterator<Item = (&str, &Arc<Identity>)> {
        self.certificates.iter().map(|(id, identity)| (id.as_str(), identity))
    }

    /// The source of tokens for a resource: among those that name it the one with that client, else the default one.
    #[must_use]
    pub fn source(&self, resource: &str, client: Option<&str>) -> Option<&Arc<Source>> {
        let resource = plain(resource);
        let fits = |source: &&Arc<Source>| source.resources.contains(&resource);
        let is_client =
            |source: &&Arc<Source>| client.is_some_and(|id| source.id == id || source.client_id.as_deref() == Some(id));
        let all = || self.sources.iter();
        all()
            .find(|source| fits(source) && is_client(source))
            .or_else(|| all().find(fits))
            .or_else(|| all().find(|source| source.resources.is_empty() && is_client(source)))
            .or_else(|| all().find(|source| source.default))
    }

    /// The source of that id.
    #[must_use]
    pub fn source_named(&self, id: &str) -> Option<&Arc<Source>> {
        self.sources.iter().find(|source| source.id == id)
    }

    /// The logger of that id.
    #[must_use]
    pub fn logger(&self, id: &str) -> Option<&Arc<Logger>> {
        self.loggers.iter().find(|logger| logger.id == id)
    }

    /// The service behind a backend's id.
    #[must_use]
    pub fn service(&self, id: &str) -> Option<&Arc<Service>> {
        self.services.iter().find(|(known, _)| known == id).map(|(_, service)| service)
    }

    /// Identifiers of loggers, for hints.
    pub fn logger_ids(&self) -> impl Iterator<Item = &str> {
        self.loggers.iter().map(|logger| logger.id.as_str())
    }

    /// Adds what was compiled by hand.
    #[cfg(test)]
    #[must_use]
    pub fn with_certificate(mut self, id: &str, identity: Identity) -> Self {
        self.certificates.push((id.to_owned(), Arc::new(identity)));
        self
    }
}

/// A resource without the slash at its end, in which documents and services differ.
fn plain(resource: &str) -> String {
    resource.trim().trim_end_matches('/').to_ascii_lowercase()
}

fn identity(setting: &settings::Certificate, base_dir: &Path) -> Result<Identity, String> {
    let read = |field: &str, path: &Path| {
        let path = base_dir.join(path);
        std::fs::read_to_string(&path).map_err(|error| format!("{field}: cannot read {}: {error}", path.display()))
    };
    let pem = match (&setting.pem, &setting.file) {
        (Some(pem), _) => pem.clone(),
        (None, Some(file)) => read("file", file)?,
        (None, None) => return Err("needs `file` or `pem`".to_owned()),
    };
    let key = match (&setting.key, &setting.key_file) {
        (Some(key), _) => Some(key.clone()),
        (None, Some(file)) => Some(Secret::from(read("key_file", file)?)),
        (None, None) => None,
    };
    Identity::from_pem(&pem, key.as_ref())
}

impl Source {
    fn compile(setting: &settings::TokenSource, rules: Rules) -> Result<Self, String> {
        let way = match (&setting.token, &setting.token_url, &setting.client_id) {
            (Some(token), _, _) => Way::Fixed(token.clone()),
            (None, Some(url), Some(client_id)) => Way::Asked(Box::new(TokenService {
                url: url.clone(),
                client_id: client_id.clone(),
                secret: setting.client_secret.clone(),
                auth: setting.client_auth,
                scope: setting.scope.clone(),
                parameters: setting.parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
                margin: setting.margin.0,
                rules,
            })),
            _ => return Err("needs `token`, or `token_url` and `client_id`".to_owned()),
        };
        Ok(Self {
            id: setting.id.clone(),
            resources: setting.resources.iter().map(|resource| plain(resource)).collect(),
            default: setting.default,
            way,
            client_id: setting.client_id.clone(),
        })
    }
}

impl Logger {
    fn compile(setting: &settings::Logger, base_dir: &Path, rules: Rules) -> Result<Self, String> {
        let to = match (&setting.url, &setting.file) {
            (Some(url), _) => {
                let headers = setting.headers.iter().map(|(name, value)| header(name, value));
                LogTarget::Url { url: url.clone(), headers: headers.collect::<Result<_, _>>()?, rules }
            }
            (None, Some(file)) => LogTarget::File(base_dir.join(file)),
            (None, None) => return Err("needs `url` or `file`".to_owned()),
        };
        Ok(Self {
            id: setting.id.clone(),
            to,
            queue: setting.queue.max(1) as usize,
            batch: setting.batch.max(1) as usize,
            interval: setting.interval.0,
        })
    }
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), String> {
    let key = HeaderName::try_from(name).map_err(|_| format!("`{name}` is not the name of a header"))?;
    let mut value = HeaderValue::from_str(value.expose())
        .map_err(|_| format!("the value of `{name}` has characters that a header cannot have"))?;
    value.set_sensitive(true);
    Ok((key, value))
}

impl Service {
    /// None: a backend without an address of its own, or whose headers its own check refuses.
    fn compile(setting: &settings::Backend, rules: Rules) -> Option<Self> {
        let url = setting.url.as_deref()?.trim_end_matches('/').to_owned();
        let mut headers = HeaderMap::new();
        for (name, value) in &setting.headers {
            let (name, value) = header(name, value).ok()?;
            headers.insert(name, value);
        }
        let key = setting.key.as_ref().or_else(|| setting.credentials.first().map(|credential| &credential.key));
        if let Some(key) = key {
            let (name, value) =
                header(setting.key_header.as_deref().unwrap_or("Ocp-Apim-Subscription-Key"), key).ok()?;
            headers.insert(name, value);
        }
        Some(Self { url, headers, rules })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::object_from_json;

    fn compiled(objects: &[(ObjectKind, serde_json::Value)]) -> Result<Named, Vec<Wrong>> {
        let mut settings = Settings::default();
        for (kind, value) in objects {
            settings.insert(object_from_json(*kind, value).expect("readable"));
        }
        Named::compile(&settings, Path::new("/nowhere"))
    }

    #[test]
    fn sources_are_chosen_by_resource_then_client_then_default() {
        let source = |value| (ObjectKind::TokenSource, value);
        let named = compiled(&[
            source(json!({"id": "first", "token": "1", "resources": ["https://a.test/"]})),
            source(json!({"id": "second", "token": "2", "client_id": "c", "resources": ["https://a.test"]})),
            source(json!({"id": "rest", "token": "3", "default": true})),
        ])
        .expect("good");
        let rows = [
            ("https://A.test", None, Some("first")),
            ("https://a.test/", Some("c"), Some("second")),
            ("https://a.test/", Some("second"), Some("second")),
            ("https://a.test/", Some("unknown"), Some("first")),
            ("https://b.test", None, Some("rest")),
        ];
        for (resource, client, wanted) in rows {
            let found = named.source(resource, client).map(|source| source.id.as_str());
            assert_eq!(found, wanted, "{resource} {client:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_id_and_without_its_secret() {
        let wrong = compiled(&[
            (ObjectKind::Certificate, json!({"id": "c", "pem": "canary"})),
            (ObjectKind::Logger, json!({"id": "l", "url": "http://a.test", "headers": {"x": "can\u{7}ary"}})),
        ]);
        let wrong = wrong.expect_err("both");
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].2.contains("BEGIN CERTIFICATE"), "{wrong:?}");
        assert!(!format!("{wrong:?}").contains("ary"), "{wrong:?}");
    }
}
