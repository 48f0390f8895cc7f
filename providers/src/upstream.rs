//! Where a recognised call lives at a backend: path and query as they are sent.
//!
//! Lives here: how each backend kind spells a call. Deliberately not here: hosts, credentials and bodies.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Call, Family, Kind, Style, Surface};

/// Bytes of a model's name that stay as they are in a path (RFC 3986 `pchar` without the ones that proxies treat
/// specially, plus the slash that some vendors' model names contain).
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b':').remove(b'@');

/// The same for a name that must stay one segment, such as a deployment's.
const IN_SEGMENT: &AsciiSet = &IN_PATH.add(b'/');

/// Bytes of a value that stay as they are in a query (RFC 3986 `unreserved`).
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The backend that a call is about to be sent to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What speaks there.
    pub kind: Kind,
    /// Path of the backend's url, such as `/v1`; empty or `/` for none.
    pub base_path: &'a str,
    /// The upstream model or Azure deployment.
    pub model: Option<&'a str>,
    /// The backend's `api_version`, Azure only.
    pub api_version: Option<&'a str>,
    /// The caller's query without `?`, keys already removed, otherwise verbatim.
    pub query: Option<&'a str>,
}

impl Call {
    /// Path and query of this call at `to`.
    #[must_use]
    pub fn upstream(&self, to: &Target<'_>) -> String {
        let base = to.base_path.trim_end_matches('/');
        match (to.kind, self.surface.family()) {
            (Kind::Sim, _) => self.as_spelled(to),
            (_, Family::Gemini) => with_query(format!("{base}{}", self.gemini_path(to)), to.query),
            (_, Family::Anthropic) => {
                with_query(format!("{}/v1{}", base.strip_suffix("/v1").unwrap_or(base), self.tail), to.query)
            }
            (Kind::AzureOpenAi, Family::OpenAi) => self.at_azure(base, to),
            (_, Family::OpenAi) => self.at_openai(base, to),
        }
    }

    /// Whether the body must carry the upstream model: everywhere but on Gemini's and Azure deployments' paths.
    #[must_use]
    pub fn model_in_body(&self, to: &Target<'_>) -> bool {
        let deployment = to.kind == Kind::AzureOpenAi && self.deployment_at(to).is_some();
        self.surface.family() != Family::Gemini && !deployment
    }

    /// The caller's own spelling, with the model in its place: simulated backends take every style.
    fn as_spelled(&self, to: &Target<'_>) -> String {
        match (self.style, to.model.or(self.model.as_deref())) {
            (Style::Gemini, _) => with_query(self.gemini_path(to), to.query),
            (Style::AzureDeployment, Some(model)) if self.model.is_some() => {
                with_query(format!("/openai/deployments/{}{}", in_segment(model), self.tail), to.query)
            }
            _ => with_query(format!("{}{}", self.root, self.tail), to.query),
        }
    }

    fn gemini_path(&self, to: &Target<'_>) -> String {
        let root = if self.style == Style::Gemini { self.root } else { "/v1beta" };
        let model = to.model.or(self.model.as_deref()).unwrap_or_default();
        format!("{root}/models/{}:{}", in_path(model.strip_prefix("models/").unwrap_or(model)), self.tail)
    }

    fn at_openai(&self, base: &str, to: &Target<'_>) -> String {
        let azure = matches!(self.style, Style::AzureDeployment | Style::AzureV1);
        let query = to.query.map(|query| if azure { without(query, &["api-version"]) } else { query.to_owned() });
        let query = self.realtime_query(query, "model", to.model);
        with_query(format!("{base}{}", self.tail), query.as_deref())
    }

    fn at_azure(&self, base: &str, to: &Target<'_>) -> String {
        let base = base.strip_suffix("/openai/v1").or_else(|| base.strip_suffix("/openai")).unwrap_or(base);
        let version = self.azure_version(to);
        let rest = to.query.map(|query| without(query, &["api-version"]));
        let classic = self.is_classic(to);
        let (path, named) = match (classic, self.deployment_at(to)) {
            (true, Some(deployment)) => {
                (format!("{base}/openai/deployments/{}{}", in_segment(deployment), self.tail), "deployment")
            }
            (true, None) => (format!("{base}/openai{}", self.tail), "deployment"),
            (false, _) => (format!("{base}/openai/v1{}", self.tail), "model"),
        };
        let rest = self.realtime_query(rest, named, to.model);
        with_query(path, joined(version.as_deref(), rest.as_deref()).as_deref())
    }

    /// The caller's own `api-version` when it speaks Azure's style, else the backend's.
    fn azure_version(&self, to: &Target<'_>) -> Option<String> {
        let own = || pairs(to.query?).find(|pair| name_of(pair) == "api-version");
        let speaks_azure = matches!(self.style, Style::AzureDeployment | Style::AzureV1);
        let configured = || {
            let wanted = self.style != Style::AzureV1;
            to.api_version.filter(|_| wanted).map(|version| format!("api-version={}", in_query(version)))
        };
        own().filter(|_| speaks_azure).map(str::to_owned).or_else(configured)
    }

    /// Whether this goes to Azure's dated surface (`/openai/deployments/...`) rather than `/openai/v1`.
    fn is_classic(&self, to: &Target<'_>) -> bool {
        match self.style {
            Style::AzureDeployment => true,
            Style::AzureV1 => false,
            // "v1", "preview" and "latest" are versions of the undated surface.
            _ => to.api_version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())),
        }
    }

    /// The deployment to name in the path of Azure's dated surface, on the surfaces that want one.
    fn deployment_at<'a>(&'a self, to: &Target<'a>) -> Option<&'a str> {
        let wants = matches!(
            self.surface,
            Surface::ChatCompletions
                | Surface::Completions
                | Surface::Embeddings
                | Surface::Images
                | Surface::Audio
                | Surface::Moderations
                | Surface::Rerank
        );
        let named = to.model.or(self.model.as_deref());
        named.filter(|_| self.is_classic(to) && (wants || self.model.is_some()))
    }

    /// Realtime names its model in the query: replace whichever name the caller used.
    fn realtime_query(&self, query: Option<String>, name: &str, model: Option<&str>) -> Option<String> {
        let Some(model) = model.filter(|_| self.surface == Surface::Realtime) else { return query };
        let rest = without(query.as_deref().unwrap_or_default(), &["model", "deployment"]);
        joined(Some(&format!("{name}={}", in_query(model))), Some(&rest))
    }
}

/// The model that a realtime call asks for: `model=` of OpenAI or `deployment=` of Azure.
#[must_use]
pub fn realtime_model(query: &str) -> Option<String> {
    let value = |wanted: &str| pairs(query).find(|pair| name_of(pair) == wanted)?.split_once('=').map(|(_, v)| v);
    let raw = value("model").or_else(|| value("deployment"))?.replace('+', " ");
    percent_decode_str(&raw).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|pair| !pair.is_empty())
}

/// A pair's name, decoded so that `api%2Dversion` cannot pass for something else.
fn name_of(pair: &str) -> std::borrow::Cow<'_, str> {
    percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy()
}

fn without(query: &str, names: &[&str]) -> String {
    pairs(query).filter(|pair| !names.contains(&&*name_of(pair))).collect::<Vec<_>>().join("&")
}

fn joined(first: Option<&str>, second: Option<&str>) -> Option<String> {
    let parts: Vec<&str> = [first, second].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("&"))
}

fn with_query(path: String, query: Option<&str>) -> String {
    match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

fn in_path(name: &str) -> String {
    utf8_percent_encode(name, IN_PATH).to_string()
}

fn in_segment(name: &str) -> String {
    utf8_percent_encode(name, IN_SEGMENT).to_string()
}

fn in_query(value: &str) -> String {
    utf8_percent_encode(value, IN_QUERY).to_string()
}
