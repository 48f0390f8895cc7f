//! The policy documents of a configuration, compiled once: each request takes those of its scopes, the narrowest
//! first.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use crate::{
    model::{ApiId, BackendId, OperationId, PoolId, ProductId, WorkspaceId},
    outbound::{Backend, Pool},
    policies::{
        self, Compiled, Named, Pipeline, Trouble,
        compile::{Known, OnUnsupported},
        link::Target,
    },
    policy::{self, Place, Scope},
    settings::{self, ObjectKind, Origin, PolicySource, Problem, Settings},
};

use super::parts::Parts;

/// What runs where no document says otherwise: the request is sent.
const BUILT_IN: &str = "<policies><inbound /><backend><forward-request /></backend><outbound /><on-error /></policies>";

/// The documents of a configuration.
#[derive(Default)]
pub struct Documents {
    global: Option<Arc<Compiled>>,
    workspaces: HashMap<WorkspaceId, Arc<Compiled>>,
    products: HashMap<ProductId, Arc<Compiled>>,
    apis: HashMap<ApiId, Arc<Compiled>>,
    operations: HashMap<ApiId, HashMap<OperationId, Arc<Compiled>>>,
    built_in: Option<Arc<Compiled>>,
    /// What is odd but allowed.
    pub warnings: Vec<String>,
}

/// Whose documents a request falls under.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holders<'a> {
    /// The API.
    pub api: Option<&'a ApiId>,
    /// Its workspace.
    pub workspace: Option<&'a WorkspaceId>,
    /// The operation.
    pub operation: Option<&'a OperationId>,
    /// The product.
    pub product: Option<&'a ProductId>,
}

impl Documents {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.global.is_none()
            && self.workspaces.is_empty()
            && self.products.is_empty()
            && self.apis.is_empty()
            && self.operations.is_empty()
    }

    /// The documents that apply; `None`: there are none.
    #[must_use]
    pub fn pipeline(&self, of: Holders<'_>) -> Option<Pipeline> {
        if self.is_empty() {
            return None;
        }
        let operations = of.api.and_then(|api| self.operations.get(api));
        let scopes = [
            operations.and_then(|operations| operations.get(of.operation?)),
            of.api.and_then(|api| self.apis.get(api)),
            of.product.and_then(|product| self.products.get(product)),
            of.workspace.and_then(|workspace| self.workspaces.get(workspace)),
            self.global.as_ref(),
        ];
        let documents: Vec<_> = scopes.into_iter().flatten().cloned().collect();
        if documents.is_empty() {
            return None;
        }
        Some(Pipeline::new(documents.into_iter().chain(self.built_in.clone()).collect()))
    }
}

/// Reads and compiles the documents of `settings`; `known` is what they may refer to.
pub(super) fn compile(settings: &Settings, known: &dyn Known) -> Result<Documents, Vec<Problem>> {
    let parts = Parts::of(settings).map_err(|problems| in_fragments(settings, problems))?;
    let mut reading = Reading { settings, known, parts, documents: Documents::default(), problems: Vec::new() };
    reading.all();
    if reading.problems.is_empty() { Ok(reading.documents) } else { Err(reading.problems) }
}

/// Whose document it is: kind and id; `None`: the whole gateway's.
type Owner<'a> = Option<(ObjectKind, &'a str)>;

struct Reading<'a> {
    settings: &'a Settings,
    known: &'a dyn Known,
    parts: Parts,
    documents: Documents,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn all(&mut self) {
        let settings = self.settings;
        let global = settings.policies.global.as_ref();
        self.documents.global = global.and_then(|source| self.one(source, None, Scope::Global));
        for workspace in &settings.workspaces {
            let owner = Some((ObjectKind::Workspace, workspace.id.as_str()));
            let document = workspace.policy.as_ref().and_then(|source| self.one(source, owner, Scope::Workspace));
            self.documents.workspaces.extend(document.map(|document| (workspace.id.clone(), document)));
        }
        for product in &settings.products {
            let owner = Some((ObjectKind::Product, product.id.as_str()));
            let document = product.policy.as_ref().and_then(|source| self.one(source, owner, Scope::Product));
            self.documents.products.extend(document.map(|document| (product.id.clone(), document)));
        }
        for api in &settings.apis {
            self.api(api);
        }
        if !self.documents.is_empty() {
            let built_in = PolicySource::of_xml(BUILT_IN);
            self.documents.built_in = self.one(&built_in, None, Scope::Global);
        }
    }

    fn api(&mut self, api: &settings::Api) {
        let owner = Some((ObjectKind::Api, api.id.as_str()));
        let document = api.policy.as_ref().and_then(|source| self.one(source, owner, Scope::Api));
        self.documents.apis.extend(document.map(|document| (api.id.clone(), document)));
        let own =
            api.operations.iter().filter_map(|operation| Some((operation.id.as_str(), operation.policy.as_ref()?)));
        let by_id = api.operation_policies.iter().map(|(id, source)| (id.as_str(), source));
        for (id, source) in own.chain(by_id) {
            if let Some(document) = self.one(source, owner, Scope::Operation) {
                self.documents.operations.entry(api.id.clone()).or_default().insert(id.into(), document);
            }
        }
    }

    /// Reads, completes and compiles one document.
    fn one(&mut self, source: &PolicySource, owner: Owner<'_>, scope: Scope) -> Option<Arc<Compiled>> {
        let name = self.name(source, owner);
        let document = match self.parts.complete(source, &name) {
            Ok(document) => document,
            Err(problems) => {
                self.refuse(owner, problems.into_iter().map(|problem| (problem.place, problem.message)));
                return None;
            }
        };
        let on_unsupported = match self.settings.policies.on_unsupported {
            settings::OnUnsupported::Refuse => OnUnsupported::Refuse,
            settings::OnUnsupported::FailWhenReached => OnUnsupported::FailWhenReached,
        };
        match policies::compile(&document, scope, self.known, on_unsupported) {
            Ok((compiled, warnings)) => {
                let told = warnings.iter().map(|warning| format!("{}: {}", warning.place, warning.message));
                self.documents.warnings.extend(told);
                Some(Arc::new(compiled))
            }
            Err(troubles) => {
                self.refuse(owner, troubles.into_iter().map(|Trouble { place, message }| (place, message)));
                None
            }
        }
    }

    fn refuse(&mut self, owner: Owner<'_>, found: impl Iterator<Item = (Place, String)>) {
        let path = owner.map_or_else(|| "policies".to_owned(), |(kind, id)| format!("{}.{id}.policy", kind.plural()));
        self.problems.extend(found.map(|(place, message)| located(&path, &place, message)));
    }

    /// The name of a document in places: its file, or the file that it stands in.
    fn name(&self, source: &PolicySource, owner: Owner<'_>) -> String {
        let origin = owner.and_then(|(kind, id)| self.settings.origins.get(&(kind, id.to_owned())));
        match (&source.file, origin, owner) {
            (Some(file), _, _) => file.clone(),
            (None, Some(origin), _) => origin.file.display().to_string(),
            (None, None, Some((kind, id))) => format!("{}/{id}", kind.path()),
            (None, None, None) => self.only_file().unwrap_or_else(|| "policies.global".to_owned()),
        }
    }

    /// The configuration file, where there is one and no more: what belongs to no object has no origin of its own.
    fn only_file(&self) -> Option<String> {
        let mut files = self.settings.origins.values().map(|origin| &origin.file);
        let first = files.next()?;
        files.all(|file| file == first).then(|| first.display().to_string())
    }
}

fn in_fragments(settings: &Settings, problems: Vec<(String, policy::Problem)>) -> Vec<Problem> {
    let kind = ObjectKind::PolicyFragment;
    let told = problems.into_iter().map(|(id, problem)| {
        let mut told = located(&format!("{}.{id}.policy", kind.plural()), &problem.place, problem.message);
        if told.origin.as_ref().is_some_and(|origin| !origin.file.exists()) {
            told.origin = settings.origins.get(&(kind, id)).cloned();
        }
        told
    });
    told.collect()
}

fn located(path: &str, place: &Place, message: String) -> Problem {
    let (file, mark) = (Arc::new(PathBuf::from(&*place.file)), place.mark());
    let origin = Origin { file, line: mark.line, column: mark.column };
    Problem { origin: Some(origin), path: path.to_owned(), message }
}

/// What documents may refer to.
pub(super) struct Names<'a> {
    /// Certificates, token sources, loggers, services.
    pub(super) named: &'a Arc<Named>,
    /// Backends by id.
    pub(super) backends: &'a HashMap<BackendId, Arc<Backend>>,
    /// Pools by id.
    pub(super) pools: &'a HashMap<PoolId, Arc<Pool>>,
    /// Everything else.
    pub(super) settings: &'a Settings,
}

impl Known for Names<'_> {
    fn backend(&self, id: &str) -> Option<Target> {
        if self.pools.contains_key(&PoolId::from(id)) {
            return Some(Target::Pool(id.into()));
        }
        self.backends.contains_key(&BackendId::from(id)).then(|| Target::Backend(id.into()))
    }

    fn names(&self, kind: &str) -> Vec<String> {
        match kind {
            "backend" => {
                let backends = self.backends.keys().map(ToString::to_string);
                backends.chain(self.pools.keys().map(ToString::to_string)).collect()
            }
            "fragment" => self.settings.policy_fragments.iter().map(|fragment| fragment.id.clone()).collect(),
            "certificate" => self.named.certificates().map(|(id, _)| id.to_owned()).collect(),
            "logger" => self.named.logger_ids().map(ToOwned::to_owned).collect(),
            "token source" => self.settings.token_sources.iter().map(|source| source.id.clone()).collect(),
            _ => Vec::new(),
        }
    }

    fn named(&self) -> Arc<Named> {
        self.named.clone()
    }
}
