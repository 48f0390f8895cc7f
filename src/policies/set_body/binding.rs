//! What a template sees: `body`, by its content type, and `context`.

use http::HeaderMap;
use liquid_core::{
    Object, Value,
    model::{self, KString},
};
use quick_xml::{
    Reader as XmlReader,
    events::{BytesStart, Event},
};
use serde_json::Value as Json;

use super::{
    super::{Body, Failure, Flow, query},
    Old,
    date::NOW,
};
use crate::expression::value::DateTime;

/// Deepest nesting of an XML body.
const DEEPEST: usize = 128;

/// How bodies are read.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// `xsi-nil="null"`.
    pub nil_is_null: bool,
}

impl Reader {
    /// `body` and `context`.
    pub fn globals(self, flow: &Flow<'_>, old: Option<&Old<'_>>) -> Result<Object, Failure> {
        let body = old.map_or(Ok(Value::Nil), |old| self.body(old))?;
        let now = Value::scalar(DateTime::from_timestamp(flow.services.clock.now()).to_iso());
        Ok([("body".into(), body), ("context".into(), context(flow)), (NOW.into(), now)].into_iter().collect())
    }

    /// JSON and XML by the content type; without one that says so, by the first character.
    fn body(self, old: &Old<'_>) -> Result<Value, Failure> {
        let start = old.bytes.iter().find(|byte| !byte.is_ascii_whitespace() && byte.is_ascii());
        let kind = old.content_type.to_ascii_lowercase();
        let is_json = kind.ends_with("/json") || kind.ends_with("+json");
        let is_xml = kind.ends_with("/xml") || kind.ends_with("+xml");
        match start {
            None => Ok(Value::Nil),
            Some(b'<') if !is_json => self.xml(old.bytes),
            Some(_) if is_xml => self.xml(old.bytes),
            Some(b'{' | b'[') => json(old.bytes),
            Some(_) if is_json => json(old.bytes),
            Some(_) => Ok(Value::scalar(String::from_utf8_lossy(old.bytes).into_owned())),
        }
    }

    fn xml(self, bytes: &[u8]) -> Result<Value, Failure> {
        let bad = |why: String| Failure::thrown("set-body", format!("The body is not XML: {why}"));
        let text = std::str::from_utf8(bytes).map_err(|error| bad(error.to_string()))?;
        let mut reader = XmlReader::from_str(text.trim_start_matches('\u{feff}'));
        let mut open = vec![Node::default()];
        loop {
            match reader.read_event().map_err(|error| bad(error.to_string()))? {
                Event::Start(_) if open.len() > DEEPEST => return Err(bad("it is nested too deeply".to_owned())),
                Event::Start(tag) => open.push(Node::of(&tag)),
                Event::Empty(tag) => self.close(Node::of(&tag), &mut open),
                Event::End(_) => {
                    let node = open.pop().unwrap_or_default();
                    self.close(node, &mut open);
                }
                Event::Text(text) => add(&mut open, &text),
                Event::CData(text) => add(&mut open, &text),
                Event::GeneralRef(name) => {
                    let text = format!("&{};", &*name);
                    add(&mut open, &quick_xml::escape::unescape(&text).map_err(|error| bad(error.to_string()))?);
                }
                Event::Eof if open.len() > 1 => return Err(bad("an element does not end".to_owned())),
                Event::Eof => return Ok(self.value(open.swap_remove(0))),
                _ => {}
            }
        }
    }

    fn close(self, node: Node, open: &mut [Node]) {
        let (name, value) = (node.name.clone(), self.value(node));
        if let Some(parent) = open.last_mut() {
            parent.push(&name, value);
        }
    }

    fn value(self, node: Node) -> Value {
        match (node.is_nil, node.children.is_empty()) {
            (true, _) if self.nil_is_null => Value::Nil,
            (true, _) => Value::scalar(""),
            (false, true) => Value::scalar(node.text),
            (false, false) => Value::Object(node.children),
        }
    }
}

#[derive(Default)]
struct Node {
    name: KString,
    text: String,
    children: Object,
    is_nil: bool,
}

impl Node {
    fn of(tag: &BytesStart<'_>) -> Self {
        let mut node = Self { name: local(tag.name().as_ref()).to_owned().into(), ..Self::default() };
        for attribute in tag.attributes().flatten() {
            let name = attribute.key.as_ref();
            if local(name) == "nil" && name.contains(':') && matches!(&*attribute.value, "true" | "1") {
                node.is_nil = true;
            }
        }
        node
    }

    /// Several of one name are a list.
    fn push(&mut self, name: &KString, value: Value) {
        match self.children.get_mut(name.as_str()) {
            None => {
                self.children.insert(name.clone(), value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(only) => {
                let first = std::mem::replace(only, Value::Nil);
                *only = Value::Array(vec![first, value]);
            }
        }
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn add(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

fn json(bytes: &[u8]) -> Result<Value, Failure> {
    let read: Json = serde_json::from_slice(bytes)
        .map_err(|error| Failure::thrown("set-body", format!("The body is not JSON: {error}")))?;
    Ok(value(&read))
}

fn value(json: &Json) -> Value {
    model::to_value(json).unwrap_or(Value::Nil)
}

fn context(flow: &Flow<'_>) -> Value {
    let request = &flow.request;
    let (path, query) = &request.original;
    let url = |path: &str, query: &str| {
        object([
            ("Scheme", Value::scalar(request.scheme.to_string())),
            ("Host", Value::scalar(request.host.to_string())),
            ("Port", Value::scalar(i64::from(request.port))),
            ("Path", Value::scalar(path.to_owned())),
            ("QueryString", Value::scalar(query.to_owned())),
            ("Query", pairs(query::pairs(query))),
            ("QueryParameters", pairs(query::pairs(query))),
        ])
    };
    let asked = object([
        ("Url", url(&request.path, &request.query)),
        ("OriginalUrl", url(path, query)),
        ("Method", Value::scalar(request.method.to_string())),
        ("OriginalMethod", Value::scalar(request.method.to_string())),
        ("IpAddress", Value::scalar(request.ip.map(|ip| ip.to_string()).unwrap_or_default())),
        ("MatchedParameters", pairs(request.matched.iter().cloned())),
        ("HasBody", Value::scalar(request.body.held().is_none_or(|bytes| !bytes.is_empty()))),
        ("Headers", headers(&request.headers)),
    ]);
    let answered = flow.response.as_ref().map_or(Value::Nil, |response| {
        object([
            ("StatusCode", Value::scalar(i64::from(response.status.as_u16()))),
            ("StatusReason", Value::scalar(response.reason().to_owned())),
            ("Method", Value::scalar(request.method.to_string())),
            ("HasBody", Value::scalar(response.body != Body::Consumed)),
            ("Headers", headers(&response.headers)),
        ])
    });
    let variables = pairs(flow.variables.iter().map(|(name, value)| (name.to_string(), value.to_text().to_string())));
    object([("Request", asked), ("Response", answered), ("Variables", variables)])
}

fn object<const N: usize>(names: [(&'static str, Value); N]) -> Value {
    Value::Object(names.into_iter().map(|(name, value)| (KString::from_static(name), value)).collect())
}

fn pairs(pairs: impl Iterator<Item = (String, String)>) -> Value {
    Value::Object(pairs.map(|(name, value)| (name.into(), Value::scalar(value))).collect())
}

fn headers(headers: &HeaderMap) -> Value {
    pairs(headers.keys().map(|name| {
        let lines: Vec<_> =
            headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
        (name.to_string(), lines.join(","))
    }))
}
