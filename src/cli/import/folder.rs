//! A folder as the extractors of APIOps write it: one subfolder a collection, one a resource, `*Information.json` with
//! Azure's properties. Both spellings of the collections are read (`named values` and `namedValues`), at any depth.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    found::{Document, Found, Place, Resource, Specification, Unread, items},
    names,
};
use crate::document::{self, Format, MAX_SIZE, Node, decoded};

/// Deepest folder that is looked into; an extract has eight levels.
const DEEPEST: usize = 24;

/// Collections by their folded name, with Azure's name of the kind.
const COLLECTIONS: &[(&str, &str)] = &[
    ("apis", "apis"),
    ("apiversionsets", "apiVersionSets"),
    ("authorizationproviders", "authorizationProviders"),
    ("authorizationservers", "authorizationServers"),
    ("backends", "backends"),
    ("caches", "caches"),
    ("certificates", "certificates"),
    ("diagnostics", "diagnostics"),
    ("documentations", "documentations"),
    ("gateways", "gateways"),
    ("groups", "groups"),
    ("identityproviders", "identityProviders"),
    ("loggers", "loggers"),
    ("mcpservers", "mcpServers"),
    ("namedvalues", "namedValues"),
    ("openidconnectproviders", "openidConnectProviders"),
    ("operations", "operations"),
    ("policyfragments", "policyFragments"),
    ("policyrestrictions", "policyRestrictions"),
    ("products", "products"),
    ("releases", "releases"),
    ("resolvers", "resolvers"),
    ("schemas", "schemas"),
    ("subscriptions", "subscriptions"),
    ("tagdescriptions", "tagDescriptions"),
    ("tags", "tags"),
    ("users", "users"),
    ("versionsets", "apiVersionSets"),
    ("wikis", "wikis"),
    ("workspaces", "workspaces"),
];

/// All files below a folder, by path; links are not followed.
///
/// # Errors
/// A folder that cannot be listed.
pub fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    list(root, 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn list(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth > DEEPEST {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden {
            list(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() && !hidden {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// The text of a file, or why there is none.
///
/// # Errors
/// Why it cannot be read.
pub fn text(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > MAX_SIZE as u64 {
        return Err(format!("it has {size} bytes; at most {MAX_SIZE} are read"));
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    decoded(&bytes).map(Cow::into_owned).map_err(|broken| broken.to_string())
}

/// The owner that a file's path names: kind and names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Owner {
    kind: Vec<&'static str>,
    names: Vec<String>,
}

impl Owner {
    /// From the folders above a file. What stands before the first collection is the way to the extract.
    fn of(folders: &[&str]) -> Self {
        let mut owner = Self::default();
        let mut rest = folders;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            let Some(kind) = collection(first) else { continue };
            owner.kind.push(kind);
            // A resource's folder is its name; older extracts add a folder for version and revision.
            let end = after.iter().position(|folder| collection(folder).is_some()).unwrap_or(after.len()).max(1);
            let (name, below) = after.split_at(end.min(after.len()));
            if !name.is_empty() {
                owner.names.push(name.join("-"));
            }
            rest = below;
        }
        owner
    }

    fn kind(&self) -> String {
        self.kind.join("/")
    }

    /// Whether each part of the kind has its name: not for a file that lies in a collection's own folder.
    fn is_whole(&self) -> bool {
        self.kind.len() == self.names.len()
    }
}

fn collection(folder: &str) -> Option<&'static str> {
    let folded = names::folded(folder);
    COLLECTIONS.iter().find(|(name, _)| *name == folded).map(|(_, kind)| *kind)
}

/// Reads what an extract has under `root`.
pub fn read(root: &Path, files: &[PathBuf], found: &mut Found) {
    for file in files {
        let below = file.strip_prefix(root).unwrap_or(file);
        let parts: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
        let Some((name, folders)) = parts.split_last() else { continue };
        let owner = Owner::of(folders);
        if !owner.is_whole() {
            continue;
        }
        let place = Place::start_of(&parts.join("/"));
        take(file, name, owner, &place, found);
    }
}

fn take(file: &Path, name: &str, owner: Owner, place: &Place, found: &mut Found) {
    let read = |found: &mut Found| {
        let read = text(file);
        read.map_err(|reason| found.unread.push(Unread { place: place.clone(), reason })).ok()
    };
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    if stem == "policy" && ending == "xml" {
        let Some(text) = read(found) else { return };
        found.documents.push(Document { kind: owner.kind(), names: owner.names, text, place: place.clone() });
    } else if stem.ends_with("Information") && ending == "json" && !owner.names.is_empty() {
        let Some(text) = read(found) else { return };
        information(&text, owner, place, found);
    } else if stem == "specification" && owner.kind.last() == Some(&"apis") {
        let Some(text) = read(found) else { return };
        let ending = ending.to_ascii_lowercase();
        found.specifications.push(Specification { names: owner.names, ending, text, place: place.clone() });
    } else if ending == "json" && !owner.names.is_empty() && collection(stem).is_some() {
        let Some(text) = read(found) else { return };
        associations(&text, stem, &owner, place, found);
    }
}

fn information(text: &str, owner: Owner, place: &Place, found: &mut Found) {
    let Some(root) = json(text, place, found) else { return };
    let properties = root.get("properties").cloned().unwrap_or(root);
    found.resources.push(Resource { kind: owner.kind(), names: owner.names, properties, place: place.clone() });
}

/// `apis.json`, `groups.json`, `tags.json` beside a resource: a list of names.
fn associations(text: &str, stem: &str, owner: &Owner, place: &Place, found: &mut Found) {
    let (Some(root), Some(collection)) = (json(text, place, found), collection(stem)) else { return };
    for item in items(Some(&root)) {
        let Some(name) = item.get("name").and_then(Node::as_text).or_else(|| item.as_text()) else { continue };
        let mut names = owner.names.clone();
        names.push(name.to_owned());
        let kind = format!("{}/{collection}", owner.kind());
        found.resources.push(Resource { kind, names, properties: item.clone(), place: place.at(item.at) });
    }
}

fn json(text: &str, place: &Place, found: &mut Found) -> Option<Node> {
    match document::read(text.trim_start_matches('\u{FEFF}'), Format::Json) {
        Ok(root) => Some(root),
        Err(broken) => {
            let unread = broken.into_iter().map(|one| Unread { place: place.at(one.at), reason: one.message });
            found.unread.extend(unread);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_windows_writes_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("policy.xml");
        let wide: Vec<u8> = "\u{feff}<policies />".encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&file, wide).expect("written");
        assert_eq!(text(&file).as_deref(), Ok("<policies />"));
        fs::write(&file, b"<a>\n\xe9</a>").expect("written");
        assert_eq!(text(&file), Err("2:1: the byte 0xE9 is no UTF-8: save the file as UTF-8".to_owned()));
    }

    #[test]
    fn paths_name_their_owner_in_both_layouts() {
        let rows: &[(&[&str], &str, &[&str])] = &[
            (&[], "", &[]),
            (&["apimartifacts"], "", &[]),
            (&["apis", "echo;rev=2", "operations", "get"], "apis/operations", &["echo;rev=2", "get"]),
            (&["x", "named values", "key"], "namedValues", &["key"]),
            (&["namedValues", "key"], "namedValues", &["key"]),
            (&["version sets", "a"], "apiVersionSets", &["a"]),
            (&["policyFragments", "f"], "policyFragments", &["f"]),
            (&["workspaces", "w", "apis", "a"], "workspaces/apis", &["w", "a"]),
            (&["apis", "Old API", "Original", "1"], "apis", &["Old API-Original-1"]),
            (&["apis", "apis"], "apis", &["apis"]),
        ];
        for (folders, kind, names) in rows {
            let owner = Owner::of(folders);
            assert_eq!(
                (owner.kind().as_str(), owner.names.as_slice()),
                (*kind, names.map_strings().as_slice()),
                "{folders:?}"
            );
            assert!(owner.is_whole(), "{folders:?}");
        }
        assert!(!Owner::of(&["apis"]).is_whole());
    }

    trait MapStrings {
        fn map_strings(&self) -> Vec<String>;
    }

    impl MapStrings for &[&str] {
        fn map_strings(&self) -> Vec<String> {
            self.iter().map(|name| (*name).to_owned()).collect()
        }
    }
}
