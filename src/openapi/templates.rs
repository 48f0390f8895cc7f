//! Matching request paths against path templates such as `/orders/{id}`.

use crate::model::OperationId;

/// What a lookup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// The operation.
    Found(&'a OperationId),
    /// Some template matches the path, none of them with this method.
    WrongMethod,
    /// No template matches the path.
    None,
}

/// A path template, split into segments. `{name}` stands for one segment, a `*` at the end for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Parameter,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('/').ok_or_else(|| format!("`{text}` does not start with `/`"))?;
        let segments = rest.split('/').map(|segment| match segment.starts_with('{') {
            true => Segment::Parameter,
            false => Segment::Literal(segment.into()),
        });
        Ok(Self { segments: segments.collect(), open: false })
    }

    /// Whether a path (as received, query removed) matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut parts = path.trim_start_matches('/').split('/');
        self.segments.iter().all(|segment| match (segment, parts.next()) {
            (Segment::Literal(text), Some(part)) => **text == *part,
            (Segment::Parameter, Some(part)) => !part.is_empty(),
            (_, None) => false,
        }) && (self.open || parts.next().is_none())
    }
}

/// Compiled templates of one API.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    rows: Vec<(String, Template, OperationId)>,
}

impl Templates {
    /// Compiles `(method, template, operation)` rows.
    ///
    /// # Errors
    /// The first template that cannot be read, or that says the same as an earlier one.
    pub fn compile(rows: impl IntoIterator<Item = (String, String, OperationId)>) -> Result<Self, String> {
        let rows = rows.into_iter().map(|(method, path, id)| Ok((method, Template::parse(&path)?, id)));
        Ok(Self { rows: rows.collect::<Result<_, String>>()? })
    }

    /// The operation for a method and a path (as received, query removed). Allocates nothing.
    #[must_use]
    pub fn lookup(&self, method: &str, path: &str) -> Match<'_> {
        let mut found = Match::None;
        for (wanted, template, id) in &self.rows {
            if template.matches(path) {
                if wanted == method {
                    return Match::Found(id);
                }
                found = Match::WrongMethod;
            }
        }
        found
    }
}
