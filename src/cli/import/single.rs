//! Policy documents as files of their own: a collection of samples, the templates of a Terraform project.

use std::path::{Path, PathBuf};

use super::{
    folder,
    found::{Document, Found, Place},
    unread,
};

/// Endings of files that may hold a document.
const ENDINGS: [&str; 4] = ["xml", "tpl", "tftpl", "tmpl"];

/// Whether a file may hold a document by its name.
pub fn is_document_name(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    ENDINGS.contains(&ending.as_str())
}

/// Reads the documents and fragments among the files.
pub fn read(root: &Path, files: &[PathBuf], found: &mut Found) {
    for file in files.iter().filter(|file| is_document_name(file)) {
        let below = file.strip_prefix(root).unwrap_or(file);
        let name = below.to_string_lossy().replace('\\', "/");
        let place = Place::start_of(&name);
        match folder::text(file) {
            Ok(text) => found.documents.extend(document(&name, text, place)),
            Err(reason) => found.unread.push(unread(place, reason)),
        }
    }
}

/// A document by its root element; nothing for XML of another kind.
fn document(name: &str, text: String, place: Place) -> Option<Document> {
    let kind = match root(&text)? {
        "fragment" => "policyFragments",
        "policies" => "file",
        _ => return None,
    };
    let id = match kind {
        "file" => name.to_owned(),
        _ => name.rsplit('/').next().unwrap_or(name).split('.').next().unwrap_or_default().to_owned(),
    };
    Some(Document { kind: kind.to_owned(), names: vec![id], text, place })
}

/// The name of the first element of an XML text.
#[must_use]
pub fn root(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{FEFF}').trim_start();
    loop {
        let (open, close) = match rest {
            _ if rest.starts_with("<!--") => ("<!--", "-->"),
            _ if rest.starts_with("<?") => ("<?", "?>"),
            // What is behind it is refused, and not passed over as if it were no policy document.
            _ if rest.starts_with("<!") => ("<!", if declares_entities(rest) { "]>" } else { ">" }),
            _ => break,
        };
        let (_, after) = rest[open.len()..].split_once(close)?;
        rest = after.trim_start();
    }
    // Templates may begin with a directive or a line of text.
    let start = rest.find(['<'])?;
    let name = rest[start + 1..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?;
    (!name.is_empty()).then_some(name)
}

/// Whether a document type declaration has a part in brackets.
fn declares_entities(text: &str) -> bool {
    let bracket = text.find('[').unwrap_or(usize::MAX);
    text.find('>').is_some_and(|end| bracket < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_found_behind_comments() {
        let rows = [
            ("<policies/>", Some("policies")),
            ("\u{FEFF}<?xml version=\"1.0\"?>\n<!-- <x> --><fragment>", Some("fragment")),
            ("<project>", Some("project")),
            ("<!-- open", None),
            ("<!DOCTYPE x>\n<policies>", Some("policies")),
            ("<!DOCTYPE x [<!ENTITY a \"b>\"><!ENTITY c SYSTEM 'd'>]><policies>", Some("policies")),
            ("", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(root(text), wanted, "{text}");
        }
    }
}
