//! What the documents point to exists.

use std::{fs, path::Path};

use tollgate::{
    document::Format,
    settings::{Source, load},
};

use crate::source::{none, root};

const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];

/// Folders whose files are named in documents between backticks.
const FOLDERS: &[&str] =
    &["src/", "providers/", "tests/", "docs/", "config/", "migrations/", "examples/", "deploy/", "benches/"];

fn documents() -> Vec<(String, String)> {
    let mut paths: Vec<_> = DOCUMENTS.iter().map(|name| root().join(name)).collect();
    markdown_below(&root().join("docs"), &mut paths);
    markdown_below(&root().join("examples"), &mut paths);
    let name = |path: &Path| path.strip_prefix(root()).expect("under the root").display().to_string();
    paths
        .iter()
        .map(|path| (name(path), fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))))
        .collect()
}

fn markdown_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            markdown_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

/// Targets of relative links, without their anchors.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    relative.filter_map(|target| target.split('#').next()).collect()
}

/// Paths of this repository between backticks; those with a placeholder are left out.
fn paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter(|word| !word.contains([' ', '*', '{', '<', '…']))
        .filter_map(|word| word.split("::").next())
        .collect()
}

#[test]
fn relative_links_lead_somewhere() {
    let mut problems = Vec::new();
    for (name, text) in documents() {
        let folder = root().join(&name).parent().expect("a folder").to_owned();
        problems.extend(links(&text).iter().filter(|to| !folder.join(to).exists()).map(|to| format!("{name}: {to}")));
    }
    none(&problems, "Links to files that do not exist:");
}

#[test]
fn named_files_exist() {
    let mut problems = Vec::new();
    for (name, text) in documents() {
        problems.extend(
            paths(&text).iter().filter(|path| !root().join(path).exists()).map(|path| format!("{name}: {path}")),
        );
    }
    none(&problems, "Files named in documents that do not exist:");
}

/// Blocks of YAML in a document that are whole configurations.
fn configurations(text: &str) -> Vec<&str> {
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("version:")).collect()
}

#[test]
fn configurations_shown_in_documents_load() {
    let mut problems = Vec::new();
    let documents = documents();
    assert!(!configurations(&documents[0].1).is_empty(), "{} shows a configuration", documents[0].0);
    for (name, text) in documents {
        for block in configurations(&text) {
            let shown = Source::Text { name: name.clone(), format: Format::Yaml, text: block.to_owned() };
            let loaded = load(&shown, &|variable| Some(format!("the-value-of-{variable}")));
            problems.extend(loaded.err().into_iter().flatten().map(|problem| problem.to_string()));
        }
    }
    none(&problems, "Configurations in documents that do not load:");
}
