//! Who refers to whom: everything named exists, once, and is visible from the workspace that names it.

use std::collections::{HashMap, hash_map::Entry};

use super::Report;
use crate::{
    model::WorkspaceId,
    settings::{Backend, ObjectKind, Pool, Settings, read::suggest},
};

/// All objects by kind and id.
pub struct Index<'a> {
    homes: HashMap<(ObjectKind, &'a str), Option<&'a WorkspaceId>>,
    backends: HashMap<&'a str, &'a Backend>,
    pools: HashMap<&'a str, &'a Pool>,
}

impl<'a> Index<'a> {
    /// Indexes the settings.
    pub fn of(settings: &'a Settings) -> Self {
        let ids = ObjectKind::ALL.into_iter().flat_map(|kind| {
            let count = settings.count(kind);
            (0..count).filter_map(move |at| Some(((kind, settings.id_at(kind, at)?), settings.home_at(kind, at))))
        });
        Self {
            homes: ids.collect(),
            backends: settings.backends.iter().map(|backend| (backend.id.as_str(), backend)).collect(),
            pools: settings.pools.iter().map(|pool| (pool.id.as_str(), pool)).collect(),
        }
    }

    /// A backend by id.
    pub fn backend(&self, id: &str) -> Option<&'a Backend> {
        self.backends.get(id).copied()
    }

    /// A pool by id.
    pub fn pool(&self, id: &str) -> Option<&'a Pool> {
        self.pools.get(id).copied()
    }

    /// Checks a reference from an object of the workspace `from` (none: shared); false if there is no such object.
    pub fn refer(
        &self,
        report: &mut Report<'_>,
        path: &str,
        from: Option<&WorkspaceId>,
        (kind, id): (ObjectKind, &str),
    ) -> bool {
        let name = kind.singular();
        match self.homes.get(&(kind, id)) {
            Some(Some(home)) if from != Some(*home) => {
                let who = from.map_or_else(|| "shared objects".into(), |from| format!("the workspace `{from}`"));
                report.error(path, format!("the {name} `{id}` belongs to the workspace `{home}`: {who} cannot use it"));
                true
            }
            Some(_) => true,
            None if report.is_unread(kind, id) => false,
            None => {
                report.error(path, format!("there is no {name} `{id}`{}", self.hint(kind, id)));
                false
            }
        }
    }

    /// Checks that a workspace exists.
    pub fn workspace(&self, report: &mut Report<'_>, path: &str, id: Option<&WorkspaceId>) {
        if let Some(id) = id {
            self.refer(report, &format!("{path}.workspace"), None, (ObjectKind::Workspace, id.as_str()));
        }
    }

    fn hint(&self, kind: ObjectKind, id: &str) -> String {
        let mut ids: Vec<_> = self.homes.keys().filter(|(other, _)| *other == kind).map(|(_, id)| *id).collect();
        ids.sort_unstable();
        suggest::nearest(id, ids).map_or_else(String::new, |id| format!("; did you mean `{id}`?"))
    }
}

/// Two objects of one kind with one id.
pub fn duplicates(settings: &Settings, report: &mut Report<'_>) {
    for kind in ObjectKind::ALL {
        let mut seen = HashMap::new();
        for at in 0..settings.count(kind) {
            let Some(id) = settings.id_at(kind, at) else { continue };
            let path = format!("{}[{at}]", kind.plural());
            match seen.entry(id) {
                Entry::Vacant(entry) => drop(entry.insert(path)),
                Entry::Occupied(first) => {
                    let first = report.place(first.get());
                    report.error(&path, format!("the {} `{id}` is declared twice: first at {first}", kind.singular()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{Api, Backend, Workspace, check};

    use super::*;

    #[test]
    fn without_files_problems_name_objects_by_id() {
        let mut settings = Settings::default();
        settings.backends.push(Backend::new("sim", tollgate_providers::Kind::Sim));
        settings.backends.push(Backend::new("sim", tollgate_providers::Kind::Sim));
        settings.apis.push(Api::http("echo", "/echo", "simm"));
        let problems: Vec<_> = check(&settings).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "backends[sim]: the backend `sim` is declared twice: first at backends[sim]",
                "apis[echo].backend: there is no backend `simm`; did you mean `sim`?",
            ]
        );
    }

    #[test]
    fn shared_objects_are_seen_everywhere_and_others_at_home_only() {
        let mut settings = Settings::default();
        for id in ["a", "b"] {
            settings.workspaces.push(Workspace { id: id.into(), title: None, policy: None });
        }
        let home = |id: &str| Some(WorkspaceId::from(id));
        settings.backends.push(Backend::new("shared", tollgate_providers::Kind::Sim));
        settings.backends.push(Backend { workspace: home("a"), ..Backend::new("own", tollgate_providers::Kind::Sim) });
        for (id, backend, workspace) in [("1", "shared", "a"), ("2", "own", "a"), ("3", "own", "b")] {
            let api = Api { workspace: home(workspace), ..Api::http(id, &format!("/{id}"), backend) };
            settings.apis.push(api);
        }
        settings.apis.push(Api::http("4", "/4", "own"));
        let problems: Vec<_> = check(&settings).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "apis[3].backend: the backend `own` belongs to the workspace `a`: the workspace `b` cannot use it",
                "apis[4].backend: the backend `own` belongs to the workspace `a`: shared objects cannot use it",
            ]
        );
    }
}
