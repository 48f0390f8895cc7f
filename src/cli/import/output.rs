//! Writing the result to a folder. What is there already is never overwritten, so that no edit is lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::convert::Converted;
use crate::cli::exit::Failure;

/// Writes everything below `out`, which must be new or empty; gives it back.
pub fn write(out: &Path, converted: &Converted) -> Result<PathBuf, Failure> {
    let used = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if used {
        return Err(Failure::failed(format!("{} is not empty; name another folder with --out", out.display())));
    }
    let mut report = converted.report.to_json();
    report["version"] = 1.into();
    let own = [
        ("tollgate.yaml", converted.settings.clone()),
        ("import-report.md", converted.report.to_markdown()),
        ("import-report.json", format!("{report:#}\n")),
    ];
    let others = converted.files.iter().map(|(path, text)| (path.as_str(), text));
    for (path, text) in own.iter().map(|(path, text)| (*path, text)).chain(others) {
        file(&out.join(path), text)?;
    }
    Ok(out.to_owned())
}

fn file(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    fs::write(path, text).map_err(cannot)
}
