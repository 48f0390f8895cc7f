//! Where the characters of a YAML scalar were written, as far as the document's text tells.
//!
//! The reader of documents knows where each scalar begins. Block scalars are followed line by line, others until the
//! first escape or line break; from there on places point at the beginning of what is not known better.

use crate::{
    document::Mark,
    policy::{Place, Text, text::Step},
};

/// The lines of a document.
pub(super) struct Lines<'a>(Vec<&'a str>);

impl<'a> Lines<'a> {
    pub(super) fn of(source: &'a str) -> Self {
        Self(source.trim_start_matches('\u{feff}').lines().collect())
    }

    /// The text behind a mark on its line.
    fn behind(&self, mark: Mark) -> Option<&'a str> {
        let line = self.0.get(mark.line.checked_sub(1)?)?;
        let (at, _) = line.char_indices().nth(mark.column.checked_sub(1)?)?;
        line.get(at..)
    }

    /// The indicator of the block scalar whose first line that is not empty begins at a mark.
    fn indicator(&self, mark: Mark) -> Option<char> {
        let above = self.0.get(..mark.line.checked_sub(1)?)?;
        let line = above.iter().rev().find(|line| !line.trim().is_empty())?;
        let header = line.split(" #").next().unwrap_or_default().trim_end().rsplit([' ', '\t']).next()?;
        let indicator = header.chars().next().filter(|first| matches!(first, '|' | '>'))?;
        header[1..].chars().all(|character| "123456789+-".contains(character)).then_some(indicator)
    }

    /// A scalar with its places; `place` is where the reader says that it begins: at its quote, or at the first line of
    /// a block that is not empty.
    pub(super) fn text(&self, value: String, place: Place, plain: bool) -> Text {
        let start = place.mark();
        let block = if plain { None } else { self.indicator(start) };
        let steps = match (block, self.behind(start).and_then(|text| text.chars().next())) {
            (Some('|'), _) => self.literal(&value, start),
            (Some(_), _) | (None, None) => vec![Step { at: 0, mark: start, fixed: true }],
            (None, Some(quote @ ('"' | '\''))) => {
                self.line(&value, Mark { column: start.column + 1, ..start }, Some(quote))
            }
            (None, Some(_)) => self.line(&value, start, None),
        };
        let mut text = Text::new(value, place);
        if let Some(first) = steps.first() {
            text.place = Place::new(&text.place.file, first.mark);
        }
        text.steps = steps.into();
        text
    }

    /// A scalar on one line: what is written as it is, up to the first difference.
    fn line(&self, value: &str, start: Mark, quote: Option<char>) -> Vec<Step> {
        let written = self.behind(start).unwrap_or_default().chars();
        let escapes = |character: &char| Some(*character) == quote || (quote == Some('"') && *character == '\\');
        let same = value.chars().zip(written).take_while(|(value, written)| value == written && !escapes(written));
        let (at, columns) = same.fold((0, 0), |(at, columns), (value, _)| (at + value.len_utf8(), columns + 1));
        let mut steps = vec![Step { at: 0, mark: start, fixed: false }];
        if at < value.len() {
            steps.push(Step { at, mark: Mark { column: start.column + columns, ..start }, fixed: true });
        }
        steps
    }

    /// A literal block: each line behind the same indentation.
    fn literal(&self, value: &str, start: Mark) -> Vec<Step> {
        let mut at = 0;
        let mut steps = Vec::new();
        let empty = value.len() - value.trim_start_matches('\n').len();
        let top = start.line.saturating_sub(empty).max(1);
        for (index, line) in value.split('\n').enumerate() {
            let number = top + index;
            let written = self.0.get(number - 1).copied().unwrap_or_default();
            let indentation = written.strip_suffix(line).map_or(0, |before| before.chars().count());
            steps.push(Step { at, mark: Mark { line: number, column: indentation + 1 }, fixed: false });
            at += line.len() + 1;
        }
        steps
    }
}
