//! `json-to-xml`: a body of JSON as XML.

use std::{fmt::Write, sync::Arc};

use futures_util::FutureExt;
use quick_xml::escape::escape;
use serde_json::{Map, Value as Json};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict, body_text,
    catalogue::{AROUND, AttributeEntry, Content},
    set_body,
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "json-to-xml",
    aliases: &[],
    sections: AROUND,
    attributes: &[
        AttributeEntry::required("apply", "`always`, or `content-type-json`: only when the content type says JSON.")
            .dynamic()
            .one_of(&["always", "content-type-json"]),
        AttributeEntry::optional(
            "consider-accept-header",
            "true",
            "`true`: only when the caller's `Accept` asks for XML. `false`: whatever it asks for.",
        )
        .dynamic(),
        AttributeEntry::optional("parse-date", "true", "Read for compatibility: dates are copied as they are written."),
        AttributeEntry::optional("namespace-separator", "_", "What separates prefix and name in names of properties.")
            .dynamic(),
        AttributeEntry::absent(
            "namespace-prefix",
            "Properties whose name begins with it declare namespaces; usually `xmlns`.",
        )
        .dynamic(),
        AttributeEntry::absent("attribute-block-name", "An object of this name holds the attributes of its element.")
            .dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Converts the body from JSON to XML. Properties become elements, lists become repeated elements, `null` becomes \
             `xsi:nil`. An object with one property has its name as the root; anything else gets the root `Document`. \
             Characters that names of elements cannot have are written as `_xHHHH_`.",
    example: r##"<json-to-xml apply="always" consider-accept-header="false" namespace-separator=":" namespace-prefix="xmlns" attribute-block-name="#attrs" />"##,
    build,
};

struct JsonToXml {
    apply: Dynamic<Arc<str>>,
    considers_accept: Option<Dynamic<bool>>,
    separator: Option<Dynamic<Arc<str>>>,
    prefix: Option<Dynamic<Arc<str>>>,
    attributes: Option<Dynamic<Arc<str>>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    reading.switch("parse-date", true);
    Some(Box::new(JsonToXml {
        apply: reading.dynamic("apply")?,
        considers_accept: reading.dynamic("consider-accept-header"),
        separator: reading.dynamic("namespace-separator"),
        prefix: reading.dynamic("namespace-prefix"),
        attributes: reading.dynamic("attribute-block-name"),
    }))
}

impl Policy for JsonToXml {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.convert(flow).boxed())
    }

    fn needs(&self) -> Needs {
        self.apply.needs()
    }

    fn may_wait(&self) -> bool {
        true
    }
}

impl JsonToXml {
    async fn convert(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        if !self.applies(flow)? {
            return Ok(Verdict::Continue);
        }
        flow.hold(flow.body_needs()).await?;
        let mut text = |setting: &Option<Dynamic<Arc<str>>>| setting.as_ref().map(|one| one.get(flow)).transpose();
        let names = Names {
            separator: text(&self.separator)?.unwrap_or_else(|| "_".into()),
            prefix: text(&self.prefix)?,
            attributes: text(&self.attributes)?,
        };
        if let Some(body) = body_text::of(flow) {
            let json: Json = serde_json::from_str(&body).map_err(|error| body_text::unfit("json-to-xml", error))?;
            body_text::put(flow, names.document(&json), Some("application/xml"));
        }
        Ok(Verdict::Continue)
    }

    fn applies(&self, flow: &mut Flow<'_>) -> Result<bool, Failure> {
        let always = self.apply.get(flow)?.trim() == "always";
        let considers = self.considers_accept.as_ref().map_or(Ok(true), |considers| considers.get(flow))?;
        let is_json = always || body_text::is_kind(set_body::content_type(body_text::headers(flow)), "json");
        Ok(is_json && (!considers || body_text::is_asked(flow, "xml")))
    }
}

/// How names are read.
struct Names {
    separator: Arc<str>,
    prefix: Option<Arc<str>>,
    attributes: Option<Arc<str>>,
}

impl Names {
    fn document(&self, json: &Json) -> String {
        let mut out = String::new();
        match json {
            Json::Object(object) if object.len() == 1 && object.values().all(|value| !value.is_array()) => {
                self.members(object, &mut Vec::new(), &mut out);
            }
            Json::Array(items) => {
                let items: Map<_, _> = [("item".to_owned(), Json::Array(items.clone()))].into_iter().collect();
                self.element("Document", &Json::Object(items), &mut Vec::new(), &mut out);
            }
            _ => self.element("Document", json, &mut Vec::new(), &mut out),
        }
        out
    }

    fn members(&self, object: &Map<String, Json>, scope: &mut Vec<String>, out: &mut String) {
        for (name, value) in object.iter().filter(|(name, _)| !self.is_attribute(name)) {
            match value {
                Json::Array(items) if items.is_empty() => self.element(name, &Json::String(String::new()), scope, out),
                Json::Array(items) => items.iter().for_each(|item| self.element(name, item, scope, out)),
                _ => self.element(name, value, scope, out),
            }
        }
    }

    fn element(&self, name: &str, value: &Json, scope: &mut Vec<String>, out: &mut String) {
        let depth = scope.len();
        let attributes = self.attributes_of(value, scope);
        let name = self.name(name, scope);
        out.push('<');
        out.push_str(&name);
        for (name, value) in attributes {
            out.extend([" ", &name, "=\"", &escape(value.as_str()), "\""]);
        }
        let mut inside = String::new();
        match value {
            Json::Object(object) => self.members(object, scope, &mut inside),
            Json::Array(items) => items.iter().for_each(|item| self.element("item", item, scope, &mut inside)),
            Json::Null => out.push_str(" xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""),
            other => inside.push_str(&escape(text(other))),
        }
        if inside.is_empty() {
            out.push_str(" />");
        } else {
            out.extend([">", &inside, "</", &name, ">"]);
        }
        scope.truncate(depth);
    }

    fn is_attribute(&self, name: &str) -> bool {
        self.attributes.as_deref() == Some(name) || self.declared(name).is_some()
    }

    /// The prefix that a property declares; empty: the default namespace.
    fn declared<'n>(&self, name: &'n str) -> Option<&'n str> {
        let rest = name.strip_prefix(self.prefix.as_deref().filter(|prefix| !prefix.is_empty())?)?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix(&*self.separator) }
    }

    /// Attributes and declarations; declared prefixes are added to the scope.
    fn attributes_of(&self, value: &Json, scope: &mut Vec<String>) -> Vec<(String, String)> {
        let Json::Object(object) = value else { return Vec::new() };
        let mut found = Vec::new();
        for (name, value) in object {
            if let Some(prefix) = self.declared(name) {
                scope.push(prefix.to_owned());
                let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{}", encoded(prefix)) };
                found.push((name, text(value)));
            }
        }
        let block = self.attributes.as_deref().and_then(|name| object.get(name)).and_then(Json::as_object);
        let block = block.into_iter().flatten();
        found.extend(block.map(|(name, value)| (self.name(name, scope), text(value))));
        found
    }

    /// A prefix counts where it has been declared; `xml` is declared everywhere.
    fn name(&self, name: &str, scope: &[String]) -> String {
        match name.split_once(&*self.separator) {
            Some((prefix, local)) if prefix == "xml" || scope.iter().any(|known| known == prefix) => {
                format!("{}:{}", encoded(prefix), encoded(local))
            }
            _ => encoded(name),
        }
    }
}

/// A value as text; switches as .NET writes them.
fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// A name that XML allows (the escapes of `XmlConvert.EncodeLocalName`).
fn encoded(name: &str) -> String {
    let mut made = String::new();
    for (at, c) in name.chars().enumerate() {
        let fits = c.is_alphabetic() || c == '_' || at > 0 && (c.is_alphanumeric() || c == '-' || c == '.');
        if fits {
            made.push(c);
        } else {
            write!(made, "_x{:04X}_", u32::from(c)).expect("writing to a string cannot fail");
        }
    }
    if made.is_empty() { "_".to_owned() } else { made }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Reply, Scene};

    fn converted(attributes: &str, accept: &str, body: &'static str) -> (String, Option<String>) {
        let text = format!("<json-to-xml {attributes} />");
        let reply = Reply::new(200, body).header("content-type", "application/json");
        let played = Scene::new().section("outbound", &text).header("accept", accept).reply(reply).run();
        (played.body(), played.header("content-type"))
    }

    #[test]
    fn json_becomes_xml() {
        let rows = [
            (
                r#"{"a":1,"b":[true,null],"c":[],"d e":"<&"}"#,
                r#"<Document><a>1</a><b>True</b><b xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" /><c /><d_x0020_e>&lt;&amp;</d_x0020_e></Document>"#,
            ),
            (r#"{"root":{"x":"y"}}"#, "<root><x>y</x></root>"),
            ("[1,2]", "<Document><item>1</item><item>2</item></Document>"),
            (
                r##"{"s:E":{"xmlns:s":"urn:s","#attrs":{"id":"1"},"s:B":{"u:v":""}}}"##,
                r#"<s:E xmlns:s="urn:s" id="1"><s:B><u_x003A_v /></s:B></s:E>"#,
            ),
        ];
        let attributes = r##"apply="always" consider-accept-header="false" namespace-separator=":" namespace-prefix="xmlns" attribute-block-name="#attrs""##;
        for (body, wanted) in rows {
            assert_eq!(converted(attributes, "*/*", body), (wanted.to_owned(), Some("application/xml".to_owned())));
        }
    }

    #[test]
    fn who_does_not_ask_for_xml_gets_json() {
        let body = r#"{"a":{"b":1}}"#;
        let rows = [("application/json", false), ("text/html, application/xml;q=0.9", true), ("text/xml", true)];
        for (accept, is_xml) in rows {
            let (found, _) = converted(r#"apply="content-type-json""#, accept, body);
            assert_eq!(found.starts_with('<'), is_xml, "{accept}");
        }
    }
}
