//! From the path of a setting in the merged configuration back to the file, line and column that wrote it.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use crate::{
    document::Mark,
    settings::{ObjectKind, Origin},
};

/// Where everything that was merged stood.
#[derive(Debug, Default)]
pub struct Places {
    files: Vec<Marks>,
    /// File and index there of each object, by its index after merging.
    items: HashMap<ObjectKind, Vec<(usize, usize)>>,
}

/// Where the settings of one file stand.
#[derive(Debug)]
struct Marks {
    file: Arc<PathBuf>,
    marks: HashMap<String, Mark>,
}

impl Places {
    /// Adds a file; gives its number.
    pub fn file(&mut self, file: &Arc<PathBuf>, marks: HashMap<String, Mark>) -> usize {
        self.files.push(Marks { file: Arc::clone(file), marks });
        self.files.len() - 1
    }

    /// Adds the next object of a kind: number `index` of its list in that file.
    pub fn item(&mut self, kind: ObjectKind, file: usize, index: usize) {
        self.items.entry(kind).or_default().push((file, index));
    }

    /// The origin of a merged setting, and its path inside its own file.
    pub fn locate(&self, path: &str) -> (Option<Origin>, String) {
        let Some((kind, merged, rest)) = split(path) else {
            return (self.files.iter().find_map(|file| file.find(path)), path.to_owned());
        };
        let item = self.items.get(&kind).and_then(|items| items.get(merged));
        let Some(&(file, index)) = item else { return (None, path.to_owned()) };
        let local = format!("{}[{index}]{rest}", kind.plural());
        (self.files[file].find(&local), local)
    }
}

impl Marks {
    /// The place of a setting, or of the nearest one around it.
    fn find(&self, path: &str) -> Option<Origin> {
        let mut path = path;
        loop {
            if let Some(mark) = self.marks.get(path) {
                return Some(Origin { file: Arc::clone(&self.file), line: mark.line, column: mark.column });
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// `pools[2].members[1]` is the pool number 2 and `.members[1]`.
pub fn split(path: &str) -> Option<(ObjectKind, usize, &str)> {
    let (plural, rest) = path.split_once('[')?;
    let (index, rest) = rest.split_once(']')?;
    Some((ObjectKind::of_plural(plural)?, index.parse().ok()?, rest))
}
