//! Where the configuration comes from: a file, a folder of files, a text at hand.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    document::{Format, MAX_SIZE},
    settings::Problem,
};

/// Where the configuration comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// One file; its ending names its format. A folder is taken as [`Source::Folder`].
    File(PathBuf),
    /// All `.yaml`, `.yml`, `.json` and `.toml` files at the top level of a folder, merged in the order of their
    /// names. Hidden files and OpenAPI documents are left alone.
    Folder(PathBuf),
    /// A text that was sent: files that it names are not opened, and `${file:...}` is refused, because its sender
    /// need not have the right to read this machine's files.
    Text {
        /// What to call it in messages.
        name: String,
        /// Its format.
        format: Format,
        /// The text.
        text: String,
    },
}

impl fmt::Debug for Source {
    /// Names only: the text may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Folder(path) => write!(f, "Folder({})", path.display()),
            Self::Text { name, .. } => write!(f, "Text({name})"),
        }
    }
}

/// The text of one configuration file.
pub struct Text {
    /// The file.
    pub name: Arc<PathBuf>,
    /// The folder that relative paths in it start from; none: it may name no file of this machine.
    pub folder: Option<PathBuf>,
    /// Its format.
    pub format: Format,
    /// Its text.
    pub text: String,
    /// It was found in a folder, where OpenAPI documents may lie beside it.
    pub in_folder: bool,
}

/// Reads all texts of a source.
///
/// # Errors
/// Every file that cannot be read.
pub fn texts(at: &Source) -> Result<Vec<Text>, Vec<Problem>> {
    match at {
        Source::File(path) if path.is_dir() => folder(path),
        Source::Folder(path) => folder(path),
        Source::File(path) => file(path, false).map(|text| vec![text]).map_err(|problem| vec![problem]),
        Source::Text { name, format, text } => Ok(vec![Text {
            name: Arc::new(PathBuf::from(name)),
            folder: None,
            format: *format,
            text: text.clone(),
            in_folder: false,
        }]),
    }
}

fn folder(path: &Path) -> Result<Vec<Text>, Vec<Problem>> {
    let mut names = names(path).map_err(|error| vec![unreadable(path, &error)])?;
    names.sort();
    if names.is_empty() {
        let message = format!("no .yaml, .yml, .json or .toml file in the folder `{}`", path.display());
        return Err(vec![Problem::new("", message)]);
    }
    let (mut texts, mut problems) = (Vec::new(), Vec::new());
    for name in names {
        match file(&name, true) {
            Ok(text) => texts.push(text),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

fn names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && Format::of(&path).is_some() && path.is_file() {
            names.push(path);
        }
    }
    Ok(names)
}

fn file(path: &Path, in_folder: bool) -> Result<Text, Problem> {
    let Some(format) = Format::of(path) else {
        let message = format!("the name of `{}` must end in .yaml, .yml, .json or .toml", path.display());
        return Err(Problem::new("", message));
    };
    Ok(Text { name: Arc::new(path.to_owned()), folder: Some(folder_of(path)), format, text: read(path)?, in_folder })
}

/// The folder of a file, from the root: what is found relative to it is found from wherever it is looked for later.
fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_owned())).unwrap_or_else(|| folder.to_owned())
}

fn read(path: &Path) -> Result<String, Problem> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    if bytes.len() > MAX_SIZE {
        let message = format!("`{}` has {} bytes; at most {MAX_SIZE} are read", path.display(), bytes.len());
        return Err(Problem::new("", message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new("", format!("`{}` is not UTF-8 text: see byte {at}", path.display()))
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new("", format!("cannot read `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_told_from_the_root() {
        for path in ["t.yaml", "below/t.yaml", "./below/t.yaml", "/etc/t.yaml"] {
            let folder = folder_of(Path::new(path));
            assert!(folder.is_absolute(), "{path}: {}", folder.display());
        }
        assert_eq!(folder_of(Path::new("/etc/t.yaml")), Path::new("/etc"));
    }
}
