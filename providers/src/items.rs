//! Parts of answers that later requests refer to by their ids alone: the items and containers that an answer of the
//! Responses API made, and the container that one of Anthropic's Messages ran code in.
//!
//! Deliberately not here: whose they are, and references by keys that mean a stored object anywhere (`stored`).

use crate::{
    json::{Elements, Members, lenient, object},
    stored::{StoredKind, StoredRef},
};

/// Most items of one answer that are remembered.
const MOST_ITEMS: usize = 1_024;
/// Most containers of one message that are remembered: it has one.
const MOST_CONTAINERS: usize = 8;

/// What the `input` and `tools` of a request refer to.
pub(crate) fn referred(members: &Members<'_>) -> Vec<StoredRef> {
    let mut found = Vec::new();
    for item in objects(members, "input") {
        let ids = if is_reference(&item) { texts(&item, "id") } else { Vec::new() };
        found.extend(refs(StoredKind::Item, ids));
        found.extend(refs(StoredKind::Container, texts(&item, "container_id")));
    }
    for tool in objects(members, "tools") {
        found.extend(refs(StoredKind::Container, texts(&tool, "container")));
        let environments = tool.0.iter().filter(|(key, _)| key == "environment");
        for environment in environments.filter_map(|(_, raw)| object(Some(raw))) {
            found.extend(refs(StoredKind::Container, texts(&environment, "container_id")));
        }
    }
    found
}

/// What a response made: its containers, and its items unless it is not stored.
pub(crate) fn made(response: &Members<'_>) -> Vec<StoredRef> {
    let is_stored = is_stored(response);
    let items = objects(response, "output").into_iter().take(MOST_ITEMS);
    items.flat_map(|item| made_by(&item, is_stored)).collect()
}

/// Whether later requests can refer to the items of a response: the provider's default.
pub(crate) fn is_stored(response: &Members<'_>) -> bool {
    lenient::<bool>(response.get("store")).unwrap_or(true)
}

/// What one item of a response stands for: itself, where it is stored, and the container that its code ran in.
fn made_by(item: &Members<'_>, is_stored: bool) -> Vec<StoredRef> {
    let itself = if is_stored { texts(item, "id") } else { Vec::new() };
    refs(StoredKind::Item, itself).chain(refs(StoredKind::Container, texts(item, "container_id"))).collect()
}

/// Adds what a finished item of a streamed response stands for to what is known; the response's end may never come.
pub(crate) fn add(made: &mut Vec<StoredRef>, item: &Members<'_>, is_stored: bool) {
    if made.len() < MOST_ITEMS {
        made.extend(made_by(item, is_stored));
    }
}

/// Adds the container that a streamed message tells of to what is known; there is one, told once or again.
pub(crate) fn add_container(made: &mut Vec<StoredRef>, holder: &Members<'_>) {
    for found in container(holder) {
        if made.len() < MOST_CONTAINERS && !made.contains(&found) {
            made.push(found);
        }
    }
}

/// The container of Anthropic's Messages that a request goes on in, or that an answer ran code in: its id, or an object
/// with its id.
pub(crate) fn container(holder: &Members<'_>) -> Vec<StoredRef> {
    let named = holder.0.iter().filter(|(key, _)| key == "container");
    let ids = named.flat_map(|(_, raw)| match lenient(Some(raw)) {
        Some(id) => vec![id],
        None => object(Some(raw)).map(|container| texts(&container, "id")).unwrap_or_default(),
    });
    refs(StoredKind::Container, ids.collect()).collect()
}

/// An item that stands for another one: it says so, or is nothing but an id (`type` may be left out, and a message
/// without one has a role and content).
fn is_reference(item: &Members<'_>) -> bool {
    let kinds = texts(item, "type");
    let lacks = |name| item.get(name).is_none_or(|raw| raw.get() == "null");
    kinds.iter().any(|kind| kind == "item_reference") || (kinds.is_empty() && (lacks("role") || lacks("content")))
}

/// The objects of an array, however often the array is given.
fn objects<'a>(members: &Members<'a>, name: &str) -> Vec<Members<'a>> {
    let arrays = members.0.iter().filter(|(key, _)| key == name);
    let elements = arrays.filter_map(|(_, raw)| lenient::<Elements<'a>>(Some(raw)));
    elements.flat_map(|elements| elements.0).filter_map(|raw| object(Some(raw))).collect()
}

/// The strings of that name: a server may take the first or the last of them.
fn texts(members: &Members<'_>, name: &str) -> Vec<String> {
    let named = members.0.iter().filter(|(key, _)| key == name);
    named.filter_map(|(_, raw)| lenient(Some(raw))).collect()
}

fn refs(kind: StoredKind, ids: Vec<String>) -> impl Iterator<Item = StoredRef> {
    ids.into_iter().filter(|id| !id.is_empty()).map(move |id| StoredRef { kind, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, of: fn(&Members<'_>) -> Vec<StoredRef>) -> Vec<String> {
        let members: Members<'_> = serde_json::from_str(text).expect("an object");
        of(&members).into_iter().map(|found| format!("{} {}", found.kind.word(), found.id)).collect()
    }

    #[test]
    fn references_are_found_however_they_are_written() {
        let message = r#"{"type":"message","id":"msg_0","role":"assistant","content":[]}"#;
        for (body, expected) in [
            (r#"{"input":"text"}"#.to_owned(), &[][..]),
            (format!(r#"{{"input":[{message},{{"role":"user","content":"x","id":"u"}}]}}"#), &[]),
            (r#"{"input":[{"type":"item_reference","id":"rs_1"}]}"#.to_owned(), &["item rs_1"]),
            (r#"{"input":[{"id":"msg_1"},{"id":"msg_2","type":null}]}"#.to_owned(), &["item msg_1", "item msg_2"]),
            (
                r#"{"input":[{"id":"msg_1","role":null,"content":"x"},{"id":"msg_2","role":"user"}]}"#.to_owned(),
                &["item msg_1", "item msg_2"],
            ),
            (r#"{"input":[{"id":"a","type":"x","type":"item_reference","id":"b"}]}"#.to_owned(), &["item a", "item b"]),
            (r#"{"input":[{"type":"item\u005freference","i\u0064":"rs_2"}]}"#.to_owned(), &["item rs_2"]),
            (
                r#"{"input":[{"type":"code_interpreter_call","id":"ci_1","container_id":"cntr_1","code":""}]}"#
                    .to_owned(),
                &["container cntr_1"],
            ),
            (
                r#"{"tools":[{"type":"code_interpreter","container":"cntr_2"},{"container":{"type":"auto"}}]}"#
                    .to_owned(),
                &["container cntr_2"],
            ),
            (
                r#"{"tools":[{"type":"shell","environment":{"type":"container_reference","container_id":"cntr_3"}}]}"#
                    .to_owned(),
                &["container cntr_3"],
            ),
        ] {
            assert_eq!(read(&body, referred), expected, "{body}");
        }
    }

    #[test]
    fn a_container_is_named_by_its_id_or_in_an_object() {
        for (body, expected) in [
            (r#"{"messages":[{"role":"user","content":{"container":"no"}}]}"#, &[][..]),
            (r#"{"container":null}"#, &[]),
            (r#"{"container":{"skills":[{"skill_id":"pdf"}]}}"#, &[]),
            (r#"{"container":"container_1"}"#, &["container container_1"]),
            (r#"{"contain\u0065r":{"id":"container_2","skills":[]}}"#, &["container container_2"]),
            (r#"{"container":{"id":"a","id":"b"}}"#, &["container a", "container b"]),
        ] {
            assert_eq!(read(body, container), expected, "{body}");
        }
    }

    #[test]
    fn an_answers_items_are_its_own_unless_it_is_not_stored() {
        let output = r#""output":[{"type":"reasoning","id":"rs_1"},{"type":"code_interpreter_call","id":"ci_1","container_id":"cntr_1"},{"type":"message","id":"msg_1","content":[{"id":"no","container_id":"no"}]}]"#;
        let all = ["item rs_1", "item ci_1", "container cntr_1", "item msg_1"];
        assert_eq!(read(&format!("{{{output}}}"), made), all);
        assert_eq!(read(&format!(r#"{{"store":true,{output}}}"#), made), all);
        assert_eq!(read(&format!(r#"{{"store":false,{output}}}"#), made), ["container cntr_1"]);
        assert!(read(r#"{"output":null}"#, made).is_empty());
    }
}
