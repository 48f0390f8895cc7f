//! The text of attributes and elements: decoded, and able to say where each of its characters was written.

use std::{fmt, sync::Arc};

use super::{Place, place::behind};
use crate::document::Mark;

/// Decoded text. Its `Debug` shows the place only: any text may hold a secret.
#[derive(Clone)]
pub struct Text {
    /// The text, entities decoded and lines ended by `\n`.
    pub value: String,
    /// The first character of the value as written (inside the quotes).
    pub place: Place,
    /// The text with the names of secret named values in place of their values, `{{name}}`; `None`: no secret is part
    /// of it.
    pub(super) masked: Option<Box<str>>,
    /// As read from XML, for printing it again unchanged.
    pub(super) raw: Option<Arc<Raw>>,
    pub(super) steps: Arc<[Step]>,
}

/// How a text was written in XML, and what that meant.
#[derive(PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) written: Box<str>,
    pub(super) value: Box<str>,
}

/// From `at` on (a byte offset in the decoded value) the text was written at `mark`, and goes on from there character by
/// character; a `fixed` step stays where it is, because its text was written otherwise (an entity, a named value).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: usize,
    pub(super) mark: Mark,
    pub(super) fixed: bool,
}

/// What a text is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Text that means itself.
    Literal,
    /// `@(...)`: the expression inside the parentheses.
    Inline(&'a str),
    /// `@{...}`: the statements inside the braces.
    Block(&'a str),
}

impl Text {
    /// Text that stands at one place and was not read from XML.
    #[must_use]
    pub fn new(value: impl Into<String>, place: Place) -> Self {
        Self { value: value.into(), place, masked: None, raw: None, steps: Arc::from([]) }
    }

    /// Whether a secret named value is part of the text: then only [`Text::shown`] may leave the process.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.masked.is_some()
    }

    /// The text for people's eyes: secrets are `{{name}}`.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.masked.as_deref().unwrap_or(&self.value)
    }

    /// Several texts as one; each character keeps its place.
    pub(super) fn joined<'a>(texts: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let told = texts.clone().find(|text| !text.value.trim().is_empty()).or_else(|| texts.clone().next());
        let mut whole = Self::new("", told.map_or_else(Place::unknown, |text| text.place.clone()));
        let mut steps = Vec::new();
        for text in texts {
            let at = whole.value.len();
            if text.steps.first().is_none_or(|step| step.at > 0) {
                steps.push(Step { at, mark: text.place.mark(), fixed: false });
            }
            steps.extend(text.steps.iter().map(|step| Step { at: at + step.at, ..*step }));
            if text.masked.is_some() || whole.masked.is_some() {
                whole.masked = Some(format!("{}{}", whole.shown(), text.shown()).into());
            }
            whole.value.push_str(&text.value);
        }
        whole.steps = steps.into();
        whole
    }

    /// Whether the text is an expression. Space around it is no part of it.
    #[must_use]
    pub fn kind(&self) -> Kind<'_> {
        let text = self.value.trim();
        if let Some(code) = text.strip_prefix("@(").and_then(|rest| rest.strip_suffix(')')) {
            return Kind::Inline(code);
        }
        text.strip_prefix("@{").and_then(|rest| rest.strip_suffix('}')).map_or(Kind::Literal, Kind::Block)
    }

    /// The byte offset in the value at which the code of an expression begins; 0 for a literal.
    #[must_use]
    pub fn code_start(&self) -> usize {
        match self.kind() {
            Kind::Literal => 0,
            Kind::Inline(_) | Kind::Block(_) => self.value.len() - self.value.trim_start().len() + 2,
        }
    }

    /// Where the character at a byte offset of the value was written.
    #[must_use]
    pub fn mark(&self, offset: usize) -> Mark {
        self.step(offset).mark
    }

    /// [`Text::mark`], given an earlier offset with its mark: texts with long lines are walked through once.
    pub(super) fn mark_behind(&self, (from, mark): (usize, Mark), offset: usize) -> Mark {
        let next = self.steps.partition_point(|step| step.at <= offset);
        let step = next.checked_sub(1).and_then(|index| self.steps.get(index));
        match step {
            _ if from > offset => self.mark(offset),
            Some(step) if step.fixed || step.at > from => self.mark(offset),
            _ => behind(mark, self.value.get(from..offset).unwrap_or_default()),
        }
    }

    /// The step that a part of the text from an offset on would begin with.
    pub(super) fn step(&self, offset: usize) -> Step {
        let next = self.steps.partition_point(|step| step.at <= offset);
        let first = Step { at: 0, mark: self.place.mark(), fixed: false };
        let step = next.checked_sub(1).and_then(|index| self.steps.get(index)).copied().unwrap_or(first);
        let moved = if step.fixed { "" } else { self.value.get(step.at..offset).unwrap_or_default() };
        Step { at: offset, mark: behind(step.mark, moved), fixed: step.fixed }
    }

    /// [`Text::mark`] with the document's name.
    #[must_use]
    pub fn place_at(&self, offset: usize) -> Place {
        Place::new(&self.place.file, self.mark(offset))
    }

    /// The place of a byte offset inside the code of an expression, as the compiler of expressions counts.
    #[must_use]
    pub fn place_in_code(&self, offset: usize) -> Place {
        self.place_at(self.code_start() + offset)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text at {}", self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Text {
        Text::new(value, Place { file: "p.xml".into(), line: 3, column: 5 })
    }

    #[test]
    fn whole_values_are_expressions() {
        let rows = [
            ("a", Kind::Literal, 0),
            ("@(1)", Kind::Inline("1"), 2),
            ("\n @{ return 1; }\n", Kind::Block(" return 1; "), 4),
            ("a @(1)", Kind::Literal, 0),
            ("@(1", Kind::Literal, 0),
            ("@(", Kind::Literal, 0),
            ("@()", Kind::Inline(""), 2),
        ];
        for (value, kind, start) in rows {
            assert_eq!((text(value).kind(), text(value).code_start()), (kind, start), "{value}");
        }
    }

    #[test]
    fn offsets_have_places() {
        let rows = [(0, 3, 5), (2, 3, 7), (3, 4, 1), (5, 4, 2), (99, 3, 5)];
        for (offset, line, column) in rows {
            assert_eq!(text("ab\nüc").mark(offset), Mark { line, column }, "{offset}");
        }
    }

    #[test]
    fn joined_texts_keep_their_places() {
        let mut later = text("cd");
        later.place.line = 9;
        later.masked = Some("{{x}}".into());
        let whole = Text::joined([text("ab"), later].iter());
        assert_eq!((&*whole.value, whole.shown(), whole.is_secret()), ("abcd", "ab{{x}}", true));
        assert_eq!(whole.mark(1), Mark { line: 3, column: 6 });
        assert_eq!(whole.mark(3), Mark { line: 9, column: 6 });
    }

    #[test]
    fn debug_shows_no_text() {
        assert_eq!(format!("{:?}", text("hunter2")), "text at p.xml:3:5");
    }
}
