//! From files to [`Settings`]: finding, reading, merging, checking, all problems at once.

mod merge;
mod place;
mod source;
#[cfg(test)]
mod tests;

pub(super) use place::split;
pub use source::Source;

use std::path::PathBuf;

use super::{
    Problem, Settings,
    check::{self, Report},
    problem,
};
use merge::Merge;

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
/// Relative paths of certificates, OpenAPI documents and `${file:...}` start at the file that names them.
///
/// # Errors
/// Every problem found, in the order of files and positions.
pub fn load(at: &Source, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Problem>> {
    let mut merge = Merge::default();
    for text in source::texts(at)? {
        merge.add(&text, env);
    }
    let (found, mut warnings) = judge(&merge);
    let mut problems = merge.problems;
    problems.extend(found);
    if !problems.is_empty() {
        problem::sort(&mut problems);
        return Err(problems);
    }
    problem::sort(&mut warnings);
    Ok(Loaded { settings: merge.settings, files: merge.files, warnings })
}

/// Problems and warnings of what was merged, with the defaults that will apply. After a syntax error references
/// cannot be judged: what they refer to may stand behind it.
fn judge(merge: &Merge) -> (Vec<Problem>, Vec<Problem>) {
    let mut report = Report::new(&merge.unread, Box::new(|path| merge.places.locate(path)));
    if merge.complete {
        check::run(&super::with_defaults(merge.settings.clone()), &mut report);
    }
    (report.problems, report.warnings)
}
