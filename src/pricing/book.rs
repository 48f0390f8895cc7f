//! All prices of one configuration: what a call cost, and what it may cost at worst.

use std::{collections::HashMap, path::Path, sync::Arc};

use tollgate_providers::{Kind, Usage};
use url::Url;

use super::{
    overrides::{Overrides, Own, Subject},
    sheet::{Sheet, Steps},
    table::{Query, Table, Tables},
    unpriced::Unpriced,
};
use crate::{
    exchange::Cost,
    model::{BackendId, Timestamp, money::CURRENCY},
    settings::{Backend, Price, Settings},
};

/// Largest file of prices that is read, in bytes: today's has 800 kB.
const LARGEST_TABLE: u64 = 32 << 20;

/// A call whose price is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The callers' name of the model; `None`: a call of a plain API.
    pub model: Option<&'a str>,
    /// The model as the backend was asked for it.
    pub upstream_model: Option<&'a str>,
    /// Who answers.
    pub backend: &'a BackendId,
    /// When the request began.
    pub at: Timestamp,
    /// Whether it belongs to a batch.
    pub batch: bool,
    /// The service tier that the answer names, such as `flex`; unknown words count as the standard one.
    pub service_tier: Option<&'a str>,
}

/// What a call costs at worst, in 10⁻⁹ USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worst {
    /// Of a million prompt tokens.
    pub input_per_million: i64,
    /// Of a million generated tokens.
    pub output_per_million: i64,
    /// Of the call itself.
    pub request: i64,
}

/// The price in use for one model at one backend, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The callers' name.
    pub model: String,
    /// Its name at the backend.
    pub upstream_model: String,
    /// Who answers.
    pub backend: BackendId,
    /// The prices and their version; `None`: unpriced.
    pub price: Option<(Steps, Arc<str>)>,
}

/// All prices of one configuration.
pub struct Book {
    overrides: Overrides,
    table: Arc<Table>,
    backends: HashMap<BackendId, Vendor>,
    tables: Tables,
    currency: Arc<str>,
    simulated: Arc<str>,
}

/// How a backend is known in the table.
struct Vendor {
    kind: Kind,
    /// Its identifier in the table.
    provider: Option<&'static str>,
    /// Where the kind does not say who it is: a public address that the table may know.
    url: Option<String>,
}

impl Vendor {
    fn of(backend: &Backend) -> Self {
        let url = backend.url.clone().filter(|url| backend.kind == Kind::OpenAiCompatible && is_public(url));
        Self { kind: backend.kind, provider: provider(backend.kind), url }
    }

    fn is_in_table(&self) -> bool {
        self.provider.is_some() || self.url.is_some()
    }
}

/// Whether a URL names a host that a vendor may have: no address, no name of a machine nearby.
fn is_public(url: &str) -> bool {
    let url = Url::parse(url).ok();
    url.is_some_and(|url| url.domain().is_some_and(|name| name.contains('.')))
}

/// The price that was found.
enum Priced<'a> {
    Own(&'a Own),
    Simulated,
    Table(Arc<Steps>),
}

impl Book {
    /// The prices of `settings`. Relative files start at `base`.
    ///
    /// # Errors
    /// The price whose table cannot be used, and why.
    pub fn new(settings: &Settings, tables: &Tables, base: &Path) -> Result<Self, (String, String)> {
        let given = settings.prices.iter().find(|price| price.is_table());
        let table = match given {
            Some(price) => read(price, tables, base).map_err(|message| (price.id.to_string(), message))?,
            None => tables.built_in(),
        };
        let vendors = settings.backends.iter().map(|backend| (backend.id.clone(), Vendor::of(backend)));
        let backends = vendors.collect();
        Ok(Self { overrides: Overrides::of(settings), table, backends, ..Self::empty(tables) })
    }

    /// No prices but the table's, and no backends.
    #[must_use]
    pub fn empty(tables: &Tables) -> Self {
        Self {
            overrides: Overrides::default(),
            table: tables.built_in(),
            backends: HashMap::new(),
            tables: tables.clone(),
            currency: CURRENCY.into(),
            simulated: "sim".into(),
        }
    }

    /// What that usage cost; `None`: the model has no price, which is remembered.
    #[must_use]
    pub fn price(&self, asked: &Asked<'_>, usage: &Usage) -> Option<Cost> {
        let Some(priced) = self.find(asked) else {
            self.tables.met.note(asked.backend, asked.name(), asked.at);
            return None;
        };
        self.tables.met.forget(asked.backend, asked.name());
        let nanos = priced.steps(asked.batch).at(usage.input_total()).cost(usage);
        Some(Cost { nanos, currency: self.currency.clone(), price_version: self.version(&priced) })
    }

    /// What a call with a prompt of at most `input` tokens costs at worst; `None`: the model has no price. `audio`:
    /// prompt or answer may carry audio, which costs many times as much as text.
    #[must_use]
    pub fn rates(&self, asked: &Asked<'_>, input: u64, audio: bool) -> Option<Worst> {
        let priced = self.find(asked)?;
        let steps = priced.steps(asked.batch);
        let reached = steps.above.iter().filter(|(above, _)| input > *above).map(|(_, sheet)| sheet);
        let mut worst = Worst::default();
        for sheet in std::iter::once(&steps.base).chain(reached) {
            worst.input_per_million = worst.input_per_million.max(sheet.worst_input(audio));
            worst.output_per_million = worst.output_per_million.max(sheet.worst_output(audio));
            worst.request = worst.request.max(sheet.worst_request());
        }
        Some(worst)
    }

    /// Models that were used and have no price, since the start of the process.
    #[must_use]
    pub fn unpriced(&self) -> Vec<Unpriced> {
        self.tables.met.list()
    }

    /// The version of the table in use.
    #[must_use]
    pub fn table_version(&self) -> &Arc<str> {
        self.table.version()
    }

    /// To be called when a request for `backend` begins, so that a price is at hand when it ends: decoding the table
    /// takes tens of milliseconds and some megabytes, which a gateway that never asks for one is spared. Returns at
    /// once.
    pub fn prepare(&self, backend: &BackendId) {
        if self.backends.get(backend).is_some_and(Vendor::is_in_table) {
            self.table.prepare();
        }
    }

    /// The price of every model at every backend that may answer it, at that moment.
    #[must_use]
    pub fn list(&self, settings: &Settings, at: Timestamp) -> Vec<Listed> {
        let mut all = Vec::new();
        for model in &settings.models {
            let own = model.upstream_model.as_deref().unwrap_or(&model.name);
            for (backend, upstream) in answerers(settings, model) {
                let upstream = upstream.unwrap_or(own);
                let asked = Asked {
                    model: Some(&model.name),
                    upstream_model: Some(upstream),
                    backend,
                    at,
                    batch: false,
                    service_tier: None,
                };
                let price = self.find(&asked).map(|priced| (priced.steps(false).clone(), self.version(&priced)));
                let (model, backend) = (model.name.clone(), backend.clone());
                all.push(Listed { model, upstream_model: upstream.to_owned(), backend, price });
            }
        }
        all
    }

    fn find(&self, asked: &Asked<'_>) -> Option<Priced<'_>> {
        let vendor = self.backends.get(asked.backend)?;
        let subject = Subject {
            model: asked.model,
            upstream_model: asked.upstream_model,
            backend: asked.backend.as_str(),
            kind: vendor.kind,
            at: asked.at,
        };
        if let Some(own) = self.overrides.find(&subject) {
            return Some(Priced::Own(own));
        }
        if vendor.kind == Kind::Sim {
            return Some(Priced::Simulated);
        }
        self.in_table(vendor, asked).map(Priced::Table)
    }

    /// Azure's deployments have names of their own: where one is unknown, the callers' name is tried.
    fn in_table(&self, vendor: &Vendor, asked: &Asked<'_>) -> Option<Arc<Steps>> {
        if !vendor.is_in_table() {
            return None;
        }
        let (provider, url) = (vendor.provider, vendor.url.as_deref());
        let (at, batch, tier) = (asked.at, asked.batch, asked.service_tier.and_then(known_tier));
        let of = |model: &str| self.table.steps(&Query { provider, url, model, at, batch, tier });
        let own = asked.model.filter(|_| vendor.kind == Kind::AzureOpenAi);
        asked.upstream_model.and_then(of).or_else(|| own.and_then(of))
    }

    fn version(&self, priced: &Priced<'_>) -> Arc<str> {
        match priced {
            Priced::Own(own) => own.version.clone(),
            Priced::Simulated => self.simulated.clone(),
            Priced::Table(_) => self.table.version().clone(),
        }
    }
}

impl Asked<'_> {
    fn name(&self) -> &str {
        self.upstream_model.or(self.model).unwrap_or("-")
    }
}

/// What simulated models cost.
static FREE: Steps = Steps {
    base: Sheet {
        input: 0,
        cached_input: 0,
        cache_write: 0,
        audio_input: 0,
        image_input: 0,
        output: 0,
        reasoning: 0,
        audio_output: 0,
        request: 0,
        discount: 0,
    },
    above: Vec::new(),
};

impl Priced<'_> {
    fn steps(&self, batch: bool) -> &Steps {
        match self {
            Self::Own(own) => own.steps(batch),
            Self::Simulated => &FREE,
            Self::Table(steps) => steps,
        }
    }
}

/// The vendor's identifier in the table.
const fn provider(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::OpenAi => Some("openai"),
        Kind::AzureOpenAi => Some("azure"),
        Kind::Anthropic => Some("anthropic"),
        Kind::Gemini => Some("google"),
        Kind::Bedrock => Some("aws"),
        Kind::Ollama | Kind::OpenAiCompatible | Kind::Http | Kind::Sim => None,
    }
}

/// Service tiers with prices of their own.
fn known_tier(word: &str) -> Option<&'static str> {
    ["flex", "priority", "fast"].into_iter().find(|known| *known == word)
}

/// Who may answer for a model, and the model's name there where the pool's member says so.
fn answerers<'a>(settings: &'a Settings, model: &'a crate::settings::Model) -> Vec<(&'a BackendId, Option<&'a str>)> {
    let single = model.backend.iter().map(|backend| (backend, None));
    let pool = settings.pools.iter().filter(|pool| model.pool.as_ref() == Some(&pool.id));
    let members = pool.flat_map(|pool| &pool.members);
    let members = members.map(|member| (&member.backend, member.upstream_model.as_deref()));
    single.chain(members).collect()
}

fn read(price: &Price, tables: &Tables, base: &Path) -> Result<Arc<Table>, String> {
    if let Some(text) = &price.table {
        return tables.given(price.id.as_str(), text);
    }
    let path = base.join(price.table_file.as_deref().unwrap_or(Path::new("")));
    let unreadable = |error: std::io::Error| format!("table_file {}: {error}", path.display());
    let size = std::fs::metadata(&path).map_err(unreadable)?.len();
    if size > LARGEST_TABLE {
        return Err(format!("table_file {}: {size} bytes; at most {LARGEST_TABLE} are read", path.display()));
    }
    tables.given(price.id.as_str(), &std::fs::read_to_string(&path).map_err(unreadable)?)
}
