//! What the OpenAPI document of an API says of the operation under way, for the policies that mock and validate.

use serde_json::Value as Json;

use super::Facts;

/// Deepest chain of references that is followed.
const DEEPEST: usize = 32;

/// An operation in its document.
#[derive(Clone, Copy)]
pub struct Definition<'d> {
    /// The document.
    pub document: &'d Json,
    item: &'d Json,
    operation: &'d Json,
}

/// A parameter.
#[derive(Clone, Copy)]
pub struct Parameter<'d> {
    /// Name.
    pub name: &'d str,
    /// `path`, `query` or `header`.
    pub place: &'d str,
    /// Whether it must be there.
    pub is_required: bool,
    /// Schema of its value.
    pub schema: &'d Json,
}

impl<'d> Definition<'d> {
    /// The operation under way; `None`: the API has no document, or it does not have the operation.
    #[must_use]
    pub fn of(facts: &'d Facts) -> Option<Self> {
        let document = facts.api.as_ref()?.openapi.as_deref()?;
        let operation = facts.operation.as_ref()?;
        let method = operation.method.to_ascii_lowercase();
        let template = shape(&operation.url_template);
        let paths = document.get("paths")?.as_object()?;
        let item = paths.iter().find(|(path, item)| shape(path) == template && item.get(&method).is_some())?.1;
        Some(Self { document, item, operation: item.get(&method)? })
    }

    /// Whether it is Swagger 2.0.
    #[must_use]
    pub fn is_swagger(&self) -> bool {
        self.document.get("swagger").is_some()
    }

    /// Whether schemas are those of OpenAPI 3.1 (JSON Schema 2020-12), and not of the older kind.
    #[must_use]
    pub fn is_modern(&self) -> bool {
        self.document.get("openapi").and_then(Json::as_str).is_some_and(|version| !version.starts_with("3.0"))
    }

    /// What a reference stands for; anything else is itself.
    #[must_use]
    pub fn resolve(&self, json: &'d Json) -> &'d Json {
        let mut here = json;
        for _ in 0..DEEPEST {
            let target = here.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
            match target.and_then(|pointer| self.document.pointer(pointer)) {
                Some(next) => here = next,
                None => break,
            }
        }
        here
    }

    /// The answer of a status: its own, that of its class (`2XX`), or `default`.
    #[must_use]
    pub fn response(&self, status: u16) -> Option<&'d Json> {
        let responses = self.operation.get("responses")?;
        let class = format!("{}XX", status / 100);
        let known = [status.to_string(), class.clone(), class.to_ascii_lowercase(), "default".to_owned()];
        known.iter().find_map(|key| responses.get(key)).map(|response| self.resolve(response))
    }

    /// Whether a status is named, alone or by its class.
    #[must_use]
    pub fn names_status(&self, status: u16) -> bool {
        let responses = self.operation.get("responses");
        let has = |key: &str| responses.is_some_and(|responses| responses.get(key).is_some());
        has(&status.to_string()) || has(&format!("{}XX", status / 100)) || has(&format!("{}xx", status / 100))
    }

    /// The body of the request, by content type: `None`, none is described.
    #[must_use]
    pub fn request_schema(&self, content_type: &str) -> Option<&'d Json> {
        if self.is_swagger() {
            let body = self.all_parameters().find(|parameter| parameter.get("in").is_some_and(|place| place == "body"));
            return body?.get("schema");
        }
        let body = self.resolve(self.operation.get("requestBody")?);
        self.media(body, content_type)?.get("schema")
    }

    /// The body of an answer, by content type.
    #[must_use]
    pub fn response_schema(&self, status: u16, content_type: &str) -> Option<&'d Json> {
        let response = self.response(status)?;
        if self.is_swagger() { response.get("schema") } else { self.media(response, content_type)?.get("schema") }
    }

    /// A schema of the document by its name.
    #[must_use]
    pub fn named_schema(&self, name: &str) -> Option<&'d Json> {
        let all = if self.is_swagger() {
            self.document.get("definitions")
        } else {
            self.document.pointer("/components/schemas")
        };
        all?.get(name)
    }

    /// Whether a content type is described for the request, or for the answer of a status.
    #[must_use]
    pub fn names_content(&self, status: Option<u16>, content_type: &str) -> bool {
        if self.is_swagger() {
            let list = if status.is_some() { "produces" } else { "consumes" };
            let list = self.operation.get(list).or_else(|| self.document.get(list)).and_then(Json::as_array);
            let fits = |one: &Json| one.as_str().is_some_and(|one| covers(one, content_type));
            return list.is_none_or(|list| list.iter().any(fits));
        }
        let place = match status {
            Some(status) => self.response(status),
            None => self.operation.get("requestBody").map(|body| self.resolve(body)),
        };
        place.is_some_and(|place| self.media(place, content_type).is_some())
    }

    /// The entry of a content type below `content`: exact, then by range.
    pub fn media(&self, place: &'d Json, content_type: &str) -> Option<&'d Json> {
        let content = place.get("content")?.as_object()?;
        let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let wanted = essence(content_type);
        let exact = content.iter().find(|(name, _)| essence(name) == wanted);
        exact.or_else(|| content.iter().find(|(name, _)| covers(name, content_type))).map(|(_, media)| media)
    }

    /// Headers of an answer.
    pub fn headers(&self, status: u16) -> impl Iterator<Item = (&'d str, &'d Json)> + use<'d> {
        let this = *self;
        let headers = self.response(status).and_then(|response| response.get("headers")).and_then(Json::as_object);
        headers.into_iter().flatten().map(move |(name, header)| (name.as_str(), this.resolve(header)))
    }

    /// Parameters of the operation, and of its path where the operation does not have its own.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter<'d>> {
        let mut found: Vec<Parameter<'d>> = Vec::new();
        for parameter in self.all_parameters() {
            let text = |name: &str| parameter.get(name).and_then(Json::as_str).unwrap_or_default();
            let (name, place) = (text("name"), text("in"));
            let is_known = found.iter().any(|known| known.name == name && known.place == place);
            if matches!(place, "path" | "query" | "header") && !is_known {
                let is_required = place == "path" || parameter.get("required").is_some_and(|required| required == true);
                let schema = parameter.get("schema").map_or(parameter, |schema| self.resolve(schema));
                found.push(Parameter { name, place, is_required, schema });
            }
        }
        found
    }

    fn all_parameters(&self) -> impl Iterator<Item = &'d Json> {
        let this = *self;
        let lists = [self.operation.get("parameters"), self.item.get("parameters")].into_iter().flatten();
        lists.filter_map(Json::as_array).flatten().map(move |parameter| this.resolve(parameter))
    }
}

/// A template without the names of its parameters, query and last slash.
fn shape(template: &str) -> String {
    let path = template.split('?').next().unwrap_or_default().trim_matches('/');
    let segments = path.split('/').map(|segment| match (segment.find('{'), segment.rfind('}')) {
        (Some(from), Some(to)) if from < to => format!("{}{{}}{}", &segment[..from], &segment[to + 1..]),
        _ => segment.to_ascii_lowercase(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Whether a media type or range (`application/*`) covers a content type.
fn covers(range: &str, content_type: &str) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (range, wanted) = (essence(range), essence(content_type));
    range == wanted
        || range == "*/*"
        || range.strip_suffix("/*").is_some_and(|kind| wanted.split('/').next() == Some(kind))
}
