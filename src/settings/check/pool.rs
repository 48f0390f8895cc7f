//! Rules of pools and of models, which name pools or backends.

use std::collections::{HashMap, HashSet};

use tollgate_providers::Kind;

use super::{Index, Report};
use crate::{
    model::HumanDuration,
    settings::{Model, ObjectKind, Pool, Settings},
};

/// Checks all pools and models.
pub fn check(settings: &Settings, index: &Index<'_>, report: &mut Report<'_>) {
    for (at, pool) in settings.pools.iter().enumerate() {
        let path = format!("pools[{at}]");
        index.workspace(report, &path, pool.workspace.as_ref());
        members(pool, &path, index, report);
        if pool.retry.deadline == HumanDuration(std::time::Duration::ZERO) {
            report.error(&format!("{path}.retry.deadline"), "0 leaves no time; to try once only write `attempts: 1`");
        }
    }
    for (at, model) in settings.models.iter().enumerate() {
        self::model(model, &format!("models[{at}]"), index, report);
    }
    larger_contexts(settings, report);
}

fn members(pool: &Pool, path: &str, index: &Index<'_>, report: &mut Report<'_>) {
    if pool.members.is_empty() {
        report.error(&format!("{path}.members"), "the list is empty; at least 1 is needed");
    }
    let mut seen = HashSet::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for (at, member) in pool.members.iter().enumerate() {
        let at = format!("{path}.members[{at}]");
        let backend = (ObjectKind::Backend, member.backend.as_str());
        index.refer(report, &format!("{at}.backend"), pool.workspace.as_ref(), backend);
        if !seen.insert((&member.backend, &member.upstream_model)) {
            report
                .error(&at, format!("the backend `{}` is a member twice; raise its `weight` instead", member.backend));
        }
        kinds.extend(index.backend(member.backend.as_str()).map(|backend| backend.kind));
    }
    let plain = kinds.iter().filter(|kind| **kind == Kind::Http).count();
    if plain > 0 && kinds.iter().any(|kind| !matches!(kind, Kind::Http | Kind::Sim)) {
        let message = "members of kind http and of a model kind cannot stand in for each other; make two pools";
        report.error(&format!("{path}.members"), message);
    }
}

fn model(model: &Model, path: &str, index: &Index<'_>, report: &mut Report<'_>) {
    let home = model.workspace.as_ref();
    index.workspace(report, path, home);
    if model.name.is_empty() || model.name.len() > 256 || model.name.chars().any(char::is_control) {
        report.error(&format!("{path}.name"), "a model's name has 1 to 256 characters");
    }
    match (&model.pool, &model.backend) {
        (Some(_), Some(_)) => report.error(path, "either `pool` or `backend`, not both"),
        (None, None) => report.error(path, format!("who answers for `{}`? Write `pool` or `backend`", model.name)),
        (Some(id), None) => {
            index.refer(report, &format!("{path}.pool"), home, (ObjectKind::Pool, id.as_str()));
            let members = index.pool(id.as_str()).into_iter().flat_map(|pool| &pool.members);
            let plain =
                members.filter_map(|member| index.backend(member.backend.as_str())).find(|b| b.kind == Kind::Http);
            if let Some(backend) = plain {
                report.error(&format!("{path}.pool"), format!("its member `{}` is of kind http: {SPEAKS}", backend.id));
            }
        }
        (None, Some(id)) => {
            index.refer(report, &format!("{path}.backend"), home, (ObjectKind::Backend, id.as_str()));
            if index.backend(id.as_str()).is_some_and(|backend| backend.kind == Kind::Http) {
                report.error(&format!("{path}.backend"), format!("`{id}` is of kind http: {SPEAKS}"));
            }
        }
    }
    if model.upstream_model.as_deref() == Some("") {
        report.error(&format!("{path}.upstream_model"), "the name is empty; leave it out for the same name");
    }
    if let Some(larger) = &model.larger_context {
        index.refer(report, &format!("{path}.larger_context"), home, (ObjectKind::Model, larger));
    }
}

const SPEAKS: &str = "it does not speak a model API (kind openai-compatible does)";

/// `larger_context` leads on to another model; a circle would never end.
fn larger_contexts(settings: &Settings, report: &mut Report<'_>) {
    let next: HashMap<&str, &str> = settings
        .models
        .iter()
        .filter_map(|model| Some((model.name.as_str(), model.larger_context.as_deref()?)))
        .collect();
    for (at, model) in settings.models.iter().enumerate() {
        let mut name = model.name.as_str();
        for _ in 0..=next.len() {
            let Some(following) = next.get(name) else { break };
            name = following;
            if name == model.name {
                report.error(&format!("models[{at}].larger_context"), format!("leads back to `{name}` itself"));
                break;
            }
        }
    }
}
