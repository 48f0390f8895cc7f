//! Checks of certificates, token sources and loggers: what excludes each other, what belongs together.

use super::{ObjectKind, Report, Settings};

pub(super) fn check(settings: &Settings, report: &mut Report<'_>) {
    certificates(settings, report);
    token_sources(settings, report);
    loggers(settings, report);
}

fn certificates(settings: &Settings, report: &mut Report<'_>) {
    for (at, certificate) in settings.certificates.iter().enumerate() {
        let path = format!("certificates[{at}]");
        let named = [certificate.file.is_some(), certificate.pem.is_some()];
        if named == [false, false] {
            report.error(&path, "needs `file`, the path of a PEM certificate, or `pem`, its text");
        } else if named == [true, true] {
            report.error(&path, "has `file` and `pem`; keep one of them");
        }
        if certificate.key_file.is_some() && certificate.key.is_some() {
            report.error(&path, "has `key_file` and `key`; keep one of them");
        }
    }
}

fn token_sources(settings: &Settings, report: &mut Report<'_>) {
    for (at, source) in settings.token_sources.iter().enumerate() {
        let path = format!("token_sources[{at}]");
        match (&source.token, &source.token_url) {
            (None, None) => report.error(&path, "needs `token_url`, where tokens are issued, or a fixed `token`"),
            (Some(_), Some(_)) => report.error(&path, "has `token` and `token_url`; keep one of them"),
            (None, Some(url)) => {
                http_url(url, &format!("{path}.token_url"), report);
                if source.client_id.is_none() {
                    report.error(&path, "needs `client_id`, the client's name at `token_url`");
                }
            }
            (Some(_), None) => {}
        }
    }
    let defaults: Vec<_> = settings.token_sources.iter().enumerate().filter(|(_, source)| source.default).collect();
    for (at, _) in defaults.iter().skip(1) {
        let first = &defaults[0].1.id;
        let message = format!("`{first}` is the default already; remove `default` from one of them");
        report.error(&format!("token_sources[{at}].default"), message);
    }
}

fn loggers(settings: &Settings, report: &mut Report<'_>) {
    for (at, logger) in settings.loggers.iter().enumerate() {
        let path = format!("loggers[{at}]");
        match (&logger.url, &logger.file) {
            (None, None) => report.error(&path, "needs `url`, which receives messages, or `file`, which they go to"),
            (Some(_), Some(_)) => report.error(&path, "has `url` and `file`; keep one of them"),
            (Some(url), None) => http_url(url, &format!("{path}.url"), report),
            (None, Some(_)) => {
                if !settings.origins.contains_key(&(ObjectKind::Logger, logger.id.clone())) {
                    let message = "a file of this machine can only be named in its configuration file; use `url`";
                    report.error(&format!("{path}.file"), message);
                }
            }
        }
        for (name, value) in [("queue", logger.queue), ("batch", logger.batch)] {
            if value == 0 {
                report.error(&format!("{path}.{name}"), "is 0; it must be at least 1");
            }
        }
    }
}

fn http_url(url: &str, path: &str, report: &mut Report<'_>) {
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => {}
        Ok(parsed) => report.error(path, format!("begins with `{}:`; write http:// or https://", parsed.scheme())),
        Err(error) => report.error(path, format!("is no URL ({error}); write https://host/path")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::settings::{ObjectKind, Settings, check::check, object_from_json};

    #[test]
    fn what_excludes_each_other_is_told() {
        let rows: [(ObjectKind, Value, &str); 9] = [
            (ObjectKind::Certificate, json!({"id": "a"}), "needs `file`"),
            (ObjectKind::TokenSource, json!({"id": "a"}), "needs `token_url`"),
            (ObjectKind::TokenSource, json!({"id": "a", "token": "t", "token_url": "https://a.test"}), "keep one"),
            (ObjectKind::TokenSource, json!({"id": "a", "token_url": "https://a.test"}), "needs `client_id`"),
            (ObjectKind::TokenSource, json!({"id": "a", "token_url": "ftp://a.test", "client_id": "c"}), "`ftp:`"),
            (ObjectKind::Logger, json!({"id": "a"}), "needs `url`"),
            (ObjectKind::Logger, json!({"id": "a", "url": "nonsense"}), "is no URL"),
            (ObjectKind::Logger, json!({"id": "a", "file": "/etc/x"}), "configuration file"),
            (ObjectKind::Logger, json!({"id": "a", "url": "http://a.test", "batch": 0}), "at least 1"),
        ];
        for (kind, value, said) in rows {
            let mut settings = Settings::default();
            settings.insert(object_from_json(kind, &value).expect("readable"));
            let problems: Vec<_> = check(&settings).iter().map(ToString::to_string).collect();
            assert!(problems.iter().any(|problem| problem.contains(said)), "{value}: {problems:?}");
        }
    }

    #[test]
    fn one_source_is_the_default() {
        let mut settings = Settings::default();
        for id in ["a", "b"] {
            let value = json!({"id": id, "token": "t", "default": true});
            settings.insert(object_from_json(ObjectKind::TokenSource, &value).expect("readable"));
        }
        assert_eq!(check(&settings).len(), 1);
    }
}
