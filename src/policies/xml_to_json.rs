//! `xml-to-json`: a body of XML as JSON.

use std::sync::Arc;

use futures_util::FutureExt;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value as Json};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict, body_text,
    catalogue::{AROUND, AttributeEntry, Content},
    set_body,
};

/// Deepest nesting that is converted.
const DEEPEST: usize = 128;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "xml-to-json",
    aliases: &[],
    sections: AROUND,
    attributes: &[
        AttributeEntry::required(
            "kind",
            "`direct`: the document as it is; `javascript-friendly`: without prefixes and declarations of namespaces.",
        )
        .dynamic()
        .one_of(&["direct", "javascript-friendly"]),
        AttributeEntry::required("apply", "`always`, or `content-type-xml`: only when the content type says XML.")
            .dynamic()
            .one_of(&["always", "content-type-xml"]),
        AttributeEntry::optional(
            "consider-accept-header",
            "true",
            "`true`: only when the caller's `Accept` asks for JSON. `false`: whatever it asks for.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "always-array-child-elements",
            "false",
            "`true`: child elements are lists even where there is one of a name.",
        )
        .dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Converts the body from XML to JSON. Elements become properties, repeated elements become lists. `direct` \
             writes attributes as `@name`, prefixes as `prefix$name` and the text beside them as `#text`; \
             `javascript-friendly` writes plain names and `text`. Values stay texts; an element with `xsi:nil` is null.",
    example: r#"<xml-to-json kind="direct" apply="always" consider-accept-header="false" />"#,
    build,
};

struct XmlToJson {
    kind: Dynamic<Arc<str>>,
    apply: Dynamic<Arc<str>>,
    considers_accept: Option<Dynamic<bool>>,
    lists: Option<Dynamic<bool>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(XmlToJson {
        kind: reading.dynamic("kind")?,
        apply: reading.dynamic("apply")?,
        considers_accept: reading.dynamic("consider-accept-header"),
        lists: reading.dynamic("always-array-child-elements"),
    }))
}

impl Policy for XmlToJson {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.convert(flow).boxed())
    }

    fn needs(&self) -> Needs {
        self.kind.needs().and(self.apply.needs())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

impl XmlToJson {
    async fn convert(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        if !self.applies(flow)? {
            return Ok(Verdict::Continue);
        }
        flow.hold(flow.body_needs()).await?;
        let style = Style {
            is_direct: self.kind.get(flow)?.trim() == "direct",
            lists: self.lists.as_ref().map_or(Ok(false), |lists| lists.get(flow))?,
        };
        if let Some(body) = body_text::of(flow) {
            let json = style.document(&body).map_err(|why| body_text::unfit("xml-to-json", why))?;
            body_text::put(flow, json.to_string(), Some("application/json"));
        }
        Ok(Verdict::Continue)
    }

    fn applies(&self, flow: &mut Flow<'_>) -> Result<bool, Failure> {
        let always = self.apply.get(flow)?.trim() == "always";
        let considers = self.considers_accept.as_ref().map_or(Ok(true), |considers| considers.get(flow))?;
        let is_xml = always || body_text::is_kind(set_body::content_type(body_text::headers(flow)), "xml");
        Ok(is_xml && (!considers || body_text::is_asked(flow, "json")))
    }
}

/// How documents are written.
#[derive(Clone, Copy)]
struct Style {
    is_direct: bool,
    lists: bool,
}

#[derive(Default)]
struct Node {
    name: String,
    text: String,
    members: Map<String, Json>,
    is_nil: bool,
}

impl Style {
    fn document(self, text: &str) -> Result<Json, String> {
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut open = vec![Node::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(_) if open.len() > DEEPEST => return Err("it is nested too deeply".to_owned()),
                Event::Start(tag) => open.push(self.node(&tag)?),
                Event::Empty(tag) => {
                    let node = self.node(&tag)?;
                    self.close(node, &mut open);
                }
                Event::End(_) => {
                    let node = open.pop().unwrap_or_default();
                    self.close(node, &mut open);
                }
                Event::Text(text) => add(&mut open, &text),
                Event::CData(text) => add(&mut open, &text),
                Event::GeneralRef(name) => {
                    let text = format!("&{};", &*name);
                    add(&mut open, &quick_xml::escape::unescape(&text).map_err(|error| error.to_string())?);
                }
                Event::Eof if open.len() > 1 => return Err("an element does not end".to_owned()),
                Event::Eof => {
                    let root = open.swap_remove(0);
                    return if root.members.is_empty() {
                        Err("it is not XML".to_owned())
                    } else {
                        Ok(Json::Object(root.members))
                    };
                }
                _ => {}
            }
        }
    }

    fn node(self, tag: &BytesStart<'_>) -> Result<Node, String> {
        let mut node = Node { name: self.name(tag.name().as_ref()), ..Node::default() };
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?.into_owned();
            let key = attribute.key.as_ref();
            let is_declaration = key == "xmlns" || key.starts_with("xmlns:");
            if key.ends_with(":nil") && value == "true" {
                node.is_nil = true;
            } else if self.is_direct {
                node.members.insert(format!("@{}", self.name(key)), value.into());
            } else if !is_declaration {
                node.members.insert(self.name(key), value.into());
            }
        }
        Ok(node)
    }

    fn name(self, name: &str) -> String {
        if self.is_direct {
            return name.replace(':', "$");
        }
        name.rsplit_once(':').map_or(name, |(_, local)| local).to_owned()
    }

    fn close(self, node: Node, open: &mut [Node]) {
        let is_root = open.len() == 1;
        let Some(parent) = open.last_mut() else { return };
        let (name, value) = (node.name.clone(), self.value(node));
        match parent.members.get_mut(&name) {
            None if self.lists && !is_root => {
                parent.members.insert(name, Json::Array(vec![value]));
            }
            None => {
                parent.members.insert(name, value);
            }
            Some(Json::Array(items)) => items.push(value),
            Some(only) => *only = Json::Array(vec![only.take(), value]),
        }
    }

    fn value(self, mut node: Node) -> Json {
        let text = node.text.trim();
        if node.is_nil && text.is_empty() {
            return Json::Null;
        }
        if node.members.is_empty() {
            return node.text.into();
        }
        if !text.is_empty() {
            node.members.insert(if self.is_direct { "#text" } else { "text" }.to_owned(), text.into());
        }
        Json::Object(node.members)
    }
}

fn add(open: &mut [Node], text: &str) {
    if let [_, .., node] = open {
        node.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Reply, Scene};

    const BODY: &str =
        r#"<?xml version="1.0"?><s:E xmlns:s="urn:s"><s:B id="1"><c>a &amp; b</c><c>2</c><d/>t</s:B></s:E>"#;

    #[test]
    fn xml_becomes_json() {
        let rows = [
            (
                "direct",
                "false",
                r##"{"s$E":{"@xmlns$s":"urn:s","s$B":{"@id":"1","c":["a & b","2"],"d":"","#text":"t"}}}"##,
            ),
            ("javascript-friendly", "false", r#"{"E":{"B":{"id":"1","c":["a & b","2"],"d":"","text":"t"}}}"#),
            ("javascript-friendly", "true", r#"{"E":{"B":[{"id":"1","c":["a & b","2"],"d":[""],"text":"t"}]}}"#),
        ];
        for (kind, lists, wanted) in rows {
            let text = format!(
                r#"<xml-to-json kind="{kind}" apply="content-type-xml" always-array-child-elements="{lists}" />"#
            );
            let reply = Reply::new(200, BODY).header("content-type", "text/xml");
            let played =
                Scene::new().section("outbound", &text).header("accept", "application/json").reply(reply).run();
            let (found, wanted): (serde_json::Value, serde_json::Value) =
                (serde_json::from_str(&played.body()).expect("JSON"), serde_json::from_str(wanted).expect("JSON"));
            assert_eq!(found, wanted);
            assert_eq!(played.header("content-type").as_deref(), Some("application/json"));
        }
    }

    #[test]
    fn what_is_not_xml_fails() {
        let text = r#"<xml-to-json kind="direct" apply="always" consider-accept-header="false" />"#;
        for body in ["{}", "<a", "<a></b>"] {
            let played = Scene::new().section("outbound", text).reply(Reply::new(200, body)).run();
            assert_eq!(played.status(), 500, "{body}");
        }
    }
}
