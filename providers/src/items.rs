//! Parts of stored responses: the items and containers that an answer of the Responses API made, and how later requests
//! refer to them by their ids alone.
//!
//! Deliberately not here: whose they are, and references by keys that mean a stored object anywhere (`stored`).

use crate::{
    json::{Elements, Members, lenient, object},
    stored::{StoredKind, StoredRef},
};

/// Most items of one answer that are remembered.
const MOST_ITEMS: usize = 1_024;

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
    let is_stored = lenient::<bool>(response.get("store")).unwrap_or(true);
    let mut found = Vec::new();
    for item in objects(response, "output").into_iter().take(MOST_ITEMS) {
        if is_stored {
            found.extend(refs(StoredKind::Item, texts(&item, "id")));
        }
        found.extend(refs(StoredKind::Container, texts(&item, "container_id")));
    }
    found
}

/// An item that stands for another one: it says so, or is nothing but an id (`type` may be left out, and a message
/// without one has a role).
fn is_reference(item: &Members<'_>) -> bool {
    let kinds = texts(item, "type");
    kinds.iter().any(|kind| kind == "item_reference") || (kinds.is_empty() && item.get("role").is_none())
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
    fn an_answers_items_are_its_own_unless_it_is_not_stored() {
        let output = r#""output":[{"type":"reasoning","id":"rs_1"},{"type":"code_interpreter_call","id":"ci_1","container_id":"cntr_1"},{"type":"message","id":"msg_1","content":[{"id":"no","container_id":"no"}]}]"#;
        let all = ["item rs_1", "item ci_1", "container cntr_1", "item msg_1"];
        assert_eq!(read(&format!("{{{output}}}"), made), all);
        assert_eq!(read(&format!(r#"{{"store":true,{output}}}"#), made), all);
        assert_eq!(read(&format!(r#"{{"store":false,{output}}}"#), made), ["container cntr_1"]);
        assert!(read(r#"{"output":null}"#, made).is_empty());
    }
}
