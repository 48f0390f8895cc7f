//! Rules of the cache of models' answers: choices that need each other, and a warning where teams share answers.

use tollgate_providers::Family;

use super::{Report, text};
use crate::{
    model::BackendId,
    settings::{CacheRules, CacheScope, Caching, Embeddings, SemanticMode, Settings},
};

/// Smallest memory that is worth having: 1 MiB.
const LEAST_ROOM: u64 = 1 << 20;

/// Checks `cache`, and what products and models say of it.
pub fn check(settings: &Settings, report: &mut Report<'_>) {
    if let Some(cache) = &settings.cache {
        whole(cache, report);
        endpoint(cache, settings, report);
    }
    let products = settings.products.iter().enumerate();
    let products = products.map(|(at, product)| (format!("products[{at}].cache"), product.cache.as_ref()));
    let models = settings.models.iter().enumerate();
    let models = models.map(|(at, model)| (format!("models[{at}].cache"), model.cache.as_ref()));
    for (path, rules) in products.chain(models) {
        if let Some(rules) = rules {
            part(settings.cache.as_ref(), rules, &path, report);
        }
    }
}

fn whole(cache: &Caching, report: &mut Report<'_>) {
    if let Some(semantic) = &cache.semantic {
        match (semantic.mode, semantic.threshold) {
            (SemanticMode::ThresholdOnly, None) => report.error(
                "cache.semantic.threshold",
                "`threshold-only` needs a threshold: the least similarity from 0 to 1, such as 0.95",
            ),
            (SemanticMode::ThresholdOnly, Some(_)) | (_, None) => {}
            (_, Some(_)) => report.error(
                "cache.semantic.threshold",
                "is only for `mode: threshold-only`; the other modes have measured limits of their own: remove it",
            ),
        }
    }
    if cache.ttl.0.is_zero() {
        report.error("cache.ttl", "0 keeps nothing; write `enabled: false` to switch the cache off");
    }
    if cache.max_size.0 < LEAST_ROOM {
        report.error("cache.max_size", format!("{} is too small; at least 1MiB is kept", cache.max_size));
    }
    for (at, name) in cache.vary_by_headers.iter().enumerate() {
        if let Some(message) = text::header_name(name) {
            report.error(&format!("cache.vary_by_headers[{at}]"), message);
        }
    }
    let shares = match cache.scope {
        CacheScope::Subscription => return,
        CacheScope::Product => "every subscription of a product",
        CacheScope::Api => "every caller of an API",
    };
    report.warn("cache.scope", format!("{shares} can be given answers that another one's prompts led to"));
}

/// An endpoint must exist and have embeddings in the form that is read.
fn endpoint(cache: &Caching, settings: &Settings, report: &mut Report<'_>) {
    let Some(semantic) = &cache.semantic else { return };
    if let Embeddings::Backend(at) = &semantic.embeddings {
        speaks(&at.backend, "cache.semantic.embeddings.backend", "embeddings", settings, report);
    }
    let Some(judge) = &semantic.judge else { return };
    speaks(&judge.backend, "cache.semantic.judge.backend", "chat completions", settings, report);
    if !matches!(semantic.mode, SemanticMode::Strict | SemanticMode::Balanced) {
        let message = "is only for `mode: strict` and `balanced`; the others ask nobody: remove it";
        report.error("cache.semantic.judge", message);
    }
    if !(0.0..=1.0).contains(&judge.least) {
        let message = format!("{} is no similarity; write one from 0 to 1, such as 0.8", judge.least);
        report.error("cache.semantic.judge.least", message);
    }
}

fn speaks(id: &BackendId, path: &str, what: &str, settings: &Settings, report: &mut Report<'_>) {
    match settings.backends.iter().find(|backend| backend.id == *id) {
        None => report.error(path, format!("there is no backend `{id}`")),
        Some(backend) if !backend.kind.speaks(Family::OpenAi) => {
            report.error(path, format!("`{id}` has no {what} in OpenAI's form; name one that does"));
        }
        Some(_) => {}
    }
}

fn part(cache: Option<&Caching>, rules: &CacheRules, path: &str, report: &mut Report<'_>) {
    let Some(cache) = cache else {
        report.error(path, "changes `cache`, which is not there; add `cache: {}` at the top level");
        return;
    };
    let threshold = cache.semantic.as_ref().and_then(|semantic| semantic.threshold);
    if rules.mode == Some(SemanticMode::ThresholdOnly) && threshold.is_none() {
        report.error(&format!("{path}.mode"), "`threshold-only` needs `cache.semantic.threshold`");
    }
    if rules.ttl.is_some_and(|ttl| ttl.0.is_zero()) {
        report.error(&format!("{path}.ttl"), "0 keeps nothing; write `enabled: false` to switch the cache off");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::settings::quick_start;

    /// Problems and warnings of a configuration with this `cache`, and what its first model says.
    fn said(cache: Option<Value>, model: Option<Value>) -> Vec<String> {
        let mut settings = quick_start();
        settings.cache = cache.map(|cache| serde_json::from_value(cache).expect("a cache"));
        settings.models[0].cache = model.map(|rules| serde_json::from_value(rules).expect("rules"));
        let unread = HashSet::new();
        let mut report = Report::new(&unread, Box::new(|path| (None, path.to_owned())));
        check(&settings, &mut report);
        let lines = report.problems.iter().chain(&report.warnings);
        lines.map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
    }

    #[test]
    fn what_does_not_fit_together_is_told_with_the_fix() {
        let table = [
            (json!({}), ""),
            (json!({"semantic": {"mode": "strict", "embeddings": "builtin"}}), ""),
            (json!({"semantic": {"mode": "threshold-only", "threshold": 0.9}}), ""),
            (json!({"semantic": {"mode": "threshold-only"}}), "cache.semantic.threshold: `threshold-only` needs"),
            (json!({"semantic": {"mode": "strict", "threshold": 0.9}}), "cache.semantic.threshold: is only for"),
            (
                json!({"semantic": {"embeddings": {"backend": "nobody", "upstream_model": "e"}}}),
                "cache.semantic.embeddings.backend: there is no backend `nobody`",
            ),
            (json!({"semantic": {"embeddings": {"model": "/models/minilm"}}}), ""),
            (
                json!({"semantic": {"judge": {"backend": "nobody", "upstream_model": "j"}}}),
                "cache.semantic.judge.backend: there is no backend `nobody`",
            ),
            (
                json!({"semantic": {"mode": "loose", "judge": {"backend": "sim", "upstream_model": "j"}}}),
                "cache.semantic.judge: is only for `mode: strict`",
            ),
            (
                json!({"semantic": {"judge": {"backend": "sim", "upstream_model": "j", "least": 80.0}}}),
                "cache.semantic.judge.least: 80 is no similarity",
            ),
            (json!({"ttl": "0ms"}), "cache.ttl: 0 keeps nothing"),
            (json!({"max_size": "1kB"}), "cache.max_size: "),
            (json!({"vary_by_headers": ["a b"]}), "cache.vary_by_headers[0]: "),
            (json!({"scope": "product"}), "cache.scope: every subscription of a product"),
            (json!({"scope": "api"}), "cache.scope: every caller of an API"),
        ];
        for (cache, wanted) in table {
            let said = said(Some(cache.clone()), None);
            match wanted {
                "" => assert!(said.is_empty(), "{cache}: {said:?}"),
                wanted => assert!(matches!(said.as_slice(), [one] if one.starts_with(wanted)), "{cache}: {said:?}"),
            }
        }
        assert!(
            said(None, Some(json!({"ttl": "1h"})))[0]
                .starts_with("models[0].cache: changes `cache`, which is not there")
        );
        assert!(
            said(Some(json!({})), Some(json!({"mode": "threshold-only"})))[0].starts_with("models[0].cache.mode: ")
        );
    }
}
