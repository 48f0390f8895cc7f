//! `${NAME}`, `${NAME:-default}` and `${file:PATH}` inside scalars; `$${` stands for a literal `${`.
//!
//! Only scalars that the parser has delivered are expanded and the result is never parsed again: no value can add
//! structure to a document.

use std::path::{Path, PathBuf};

/// Largest file that `${file:...}` reads, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Expands the scalars of one document.
pub struct Expander<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    folder: Option<&'a Path>,
    /// Files that were read, in the order of their first use.
    pub files: Vec<PathBuf>,
}

/// What a scalar became.
#[derive(Debug, PartialEq, Eq)]
pub enum Expanded {
    /// It contained nothing to expand or escape.
    Same,
    /// Its new text.
    Text {
        /// The text.
        text: String,
        /// The scalar was one expansion and nothing else: it may stand for a number or a switch.
        whole: bool,
    },
}

impl<'a> Expander<'a> {
    /// `folder` is what relative paths start from; none: no file of this machine is opened.
    pub fn new(env: &'a dyn Fn(&str) -> Option<String>, folder: Option<&'a Path>) -> Self {
        Self { env, folder, files: Vec::new() }
    }

    /// The path of a file that a setting names; none if no file may be opened.
    pub fn locate(&self, path: &str) -> Option<PathBuf> {
        self.folder.map(|folder| folder.join(path))
    }

    /// Expands a scalar.
    ///
    /// # Errors
    /// What cannot be expanded: a variable that is not set, a file that cannot be read, an unfinished `${`.
    pub fn expand(&mut self, text: &str) -> Result<Expanded, String> {
        if !text.contains("${") {
            return Ok(Expanded::Same);
        }
        let mut out = String::with_capacity(text.len());
        let (mut rest, mut expansions) = (text, 0);
        while let Some(start) = rest.find("${") {
            let (before, after) = (&rest[..start], &rest[start + 2..]);
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = after;
                continue;
            }
            out.push_str(before);
            let end = after
                .find('}')
                .ok_or_else(|| "`${` without `}`: close it, or write `$${` for a literal `${`".to_owned())?;
            out.push_str(&self.value(&after[..end])?);
            expansions += 1;
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        let whole = expansions == 1 && text.starts_with("${") && text.find('}') == Some(text.len() - 1);
        Ok(Expanded::Text { text: out, whole })
    }

    fn value(&mut self, inner: &str) -> Result<String, String> {
        if let Some(path) = inner.strip_prefix("file:") {
            return self.file(path);
        }
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        if !is_name(name) || default.is_some_and(|text| text.contains("${")) {
            return Err(format!(
                "`${{{inner}}}` is not ${{NAME}}, ${{NAME:-default}} or ${{file:PATH}}; \
                 write `$${{` for a literal `${{`"
            ));
        }
        match ((self.env)(name), default) {
            (Some(value), None) => Ok(value),
            (Some(value), Some(_)) if !value.is_empty() => Ok(value),
            (_, Some(default)) => Ok(default.to_owned()),
            (None, None) => {
                Err(format!("the environment variable `{name}` is not set; set it, or write `${{{name}:-default}}`"))
            }
        }
    }

    fn file(&mut self, path: &str) -> Result<String, String> {
        let path = self.locate(path).ok_or_else(|| {
            format!("`${{file:{path}}}` is read in configuration files only, not in a text that was sent")
        })?;
        let text = read_small(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        if !self.files.contains(&path) {
            self.files.push(path);
        }
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn read_small(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it has {size} bytes; at most {MAX_FILE} are read"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("a".into()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("x: [1]\n- ${A} # }".into()),
            _ => None,
        }
    }

    #[test]
    fn expansions_and_escapes() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("s"), "secret\r\n").expect("written");
        let mut expander = Expander::new(&env, Some(folder.path()));
        let whole = |text: &str| Ok(Expanded::Text { text: text.into(), whole: true });
        let part = |text: &str| Ok(Expanded::Text { text: text.into(), whole: false });
        let rows = [
            ("plain $A $ {A}", Ok(Expanded::Same)),
            ("${A}", whole("a")),
            ("${A}${A}", part("aa")),
            (" ${A}", part(" a")),
            ("${B:-}", whole("")),
            ("${B:-b c}", whole("b c")),
            ("${EMPTY}", whole("")),
            ("${EMPTY:-b}", whole("b")),
            ("$${A}", part("${A}")),
            ("$$${A}", part("$${A}")),
            ("${file:s}", whole("secret")),
            ("${TRICKY}", whole("x: [1]\n- ${A} # }")),
            ("${B}", Err("the environment variable `B` is not set; set it, or write `${B:-default}`".into())),
            ("${A", Err("`${` without `}`: close it, or write `$${` for a literal `${`".into())),
        ];
        for (text, wanted) in rows {
            assert_eq!(expander.expand(text), wanted, "{text}");
        }
        for text in ["${}", "${1A}", "${A B}", "${A-b}", "${A:-${B}}", "${file:none}"] {
            assert!(expander.expand(text).is_err(), "{text}");
        }
        assert_eq!(expander.files, [folder.path().join("s")]);
    }
}
