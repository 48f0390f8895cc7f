//! Files of batches: one request per line, each of which reaches a model as surely as a request of its own.
//!
//! Deliberately not here: who may use which model, and whose the objects are that lines refer to.

use std::collections::{BTreeSet, HashSet};

use http::Method;

use crate::{
    BadBody,
    head::{check_spelling, read_json},
    json::{Members, lenient, object},
    recognise,
    stored::StoredRef,
};

/// What the lines of a batch file ask for.
#[derive(Default)]
pub(crate) struct BatchFile {
    /// The models that lines name.
    pub models: BTreeSet<String>,
    /// The stored objects that lines refer to, each once.
    pub stored_refs: Vec<StoredRef>,
}

/// Reads every line as if it were a request of its own.
pub(crate) fn read(file: &[u8]) -> Result<BatchFile, BadBody> {
    let mut batch = BatchFile::default();
    let mut known = HashSet::new();
    for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            let refs = batch.take(line).map_err(|why| BadBody::BatchLine { line: index + 1, why })?;
            batch.stored_refs.extend(refs.into_iter().filter(|named| known.insert((named.kind, named.id.clone()))));
        }
    }
    Ok(batch)
}

impl BatchFile {
    /// Takes one line; its stored objects come back. An error is in words for the caller.
    fn take(&mut self, line: &[u8]) -> Result<Vec<StoredRef>, String> {
        let members: Members<'_> = serde_json::from_slice(line).map_err(|_| "it is no JSON object".to_owned())?;
        if let Some(name) = members.duplicate() {
            return Err(format!("it has the member {name:?} twice"));
        }
        check_spelling(&members, &["body", "url", "method"]).map_err(|bad| bad.to_string())?;
        let url: String = lenient(members.get("url")).ok_or("\"url\" must be a string")?;
        let path = url.split('?').next().unwrap_or_default();
        // Azure's batches leave the version out of the path.
        let call = recognise(&Method::POST, path).or_else(|| recognise(&Method::POST, &format!("/v1{path}")));
        let surface = call.ok_or_else(|| format!("its url {path:?} is no endpoint that is served here"))?.surface;
        let body = members.get("body").filter(|raw| object(Some(raw)).is_some()).ok_or("\"body\" must be an object")?;
        let head = read_json(surface, body.get().as_bytes()).map_err(|bad| bad.to_string())?;
        match head.model {
            Some(model) => drop(self.models.insert(model)),
            None if surface.needs_model() => return Err("its body names no model".to_owned()),
            None => {}
        }
        Ok(head.stored_refs)
    }
}
