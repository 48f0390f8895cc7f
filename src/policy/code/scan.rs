//! One pass over C# code, character by character, with just enough of its lexical rules to find the end: strings (plain,
//! verbatim, interpolated, nested), characters, comments, `#` lines.

use super::{Code, Open, Unclosed, Within};
use crate::policy::entity::{self, Entity};

/// How references in strings are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As characters, everywhere; the pass fails at the first character that shows that the code is not escaped, so
    /// that it never leaves the attribute or text in which it began.
    Escaped,
    /// As characters, except in strings that raw quotes began.
    AsItIs,
}

/// Strings inside holes inside strings: no one writes more.
const DEEPEST: usize = 32;
/// Longest expression, in bytes: a bound for the search when the end is missing. Azure takes documents of 256 KiB.
const LONGEST: usize = 1 << 20;

/// What the scanner is inside of.
#[derive(Clone, Copy, Debug)]
enum Inside {
    /// Code that ends at its closing bracket; `depth` counts open ones of the same sort.
    Code { open: char, close: char, depth: usize },
    /// A hole of an interpolated string: code up to `}`, or to a format behind `:`.
    Hole { depth: usize },
    /// The format of a hole.
    Format,
    /// A string.
    Quoted(Quoted),
}

#[derive(Clone, Copy, Debug)]
struct Quoted {
    verbatim: bool,
    holes: bool,
    /// References in it are characters.
    decodes: bool,
    start: usize,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    within: Within,
    spelling: Spelling,
    stack: Vec<Inside>,
    entities: Vec<(usize, Entity)>,
    has_raw: bool,
}

/// A character of the code and whether a reference stood for it.
#[derive(Clone, Copy)]
struct Unit {
    character: char,
    length: usize,
    entity: Option<Entity>,
}

pub(super) fn scan(text: &str, start: usize, within: Within, spelling: Spelling) -> Result<Code, Unclosed> {
    let (open, close) = match text.as_bytes().get(start + 1) {
        Some(b'(') => ('(', ')'),
        _ => ('{', '}'),
    };
    let stack = vec![Inside::Code { open, close, depth: 1 }];
    let mut scanner = Scanner { text, at: start + 2, within, spelling, stack, entities: Vec::new(), has_raw: false };
    while let Some(inside) = scanner.stack.last().copied() {
        if scanner.at - start > LONGEST {
            return Err(Unclosed { at: start, what: Open::TooLong });
        }
        let given_up = scanner.has_raw && spelling == Spelling::Escaped;
        let Some(unit) = scanner.peek().filter(|_| !given_up) else { return Err(scanner.unclosed(start)) };
        scanner.step(inside, unit)?;
    }
    if scanner.has_raw && spelling == Spelling::Escaped {
        return Err(Unclosed { at: start, what: Open::Expression });
    }
    Ok(Code { start, end: scanner.at, entities: scanner.entities })
}

impl Scanner<'_> {
    /// The character here, references decoded where they stand for characters.
    fn peek(&self) -> Option<Unit> {
        self.peek_at(self.at)
    }

    fn peek_at(&self, at: usize) -> Option<Unit> {
        let rest = self.text.get(at..)?;
        let character = rest.chars().next()?;
        let entity = if character == '&' && self.decodes() { entity::at_start(rest) } else { None };
        Some(match entity {
            Some(found) => Unit { character: found.stands_for, length: found.length, entity },
            None => Unit { character, length: character.len_utf8(), entity },
        })
    }

    fn decodes(&self) -> bool {
        match self.stack.last() {
            Some(Inside::Quoted(quoted)) => quoted.decodes,
            _ => true,
        }
    }

    fn take(&mut self, unit: Unit) {
        match unit.entity {
            Some(entity) => self.entities.push((self.at, entity)),
            None => self.has_raw |= is_raw(unit.character, self.within),
        }
        self.at += unit.length;
    }

    /// Takes characters as long as they are these.
    fn take_all(&mut self, wanted: &str) -> bool {
        let mut at = self.at;
        for character in wanted.chars() {
            match self.peek_at(at) {
                Some(unit) if unit.character == character => at += unit.length,
                _ => return false,
            }
        }
        while self.at < at {
            if let Some(unit) = self.peek() {
                self.take(unit);
            }
        }
        true
    }

    fn step(&mut self, inside: Inside, unit: Unit) -> Result<(), Unclosed> {
        match inside {
            Inside::Quoted(quoted) => self.step_quoted(quoted, unit),
            Inside::Format => {
                if unit.character == '}' {
                    self.stack.pop();
                }
                self.take(unit);
                Ok(())
            }
            Inside::Code { .. } | Inside::Hole { .. } => self.step_code(inside, unit),
        }
    }

    fn step_code(&mut self, inside: Inside, unit: Unit) -> Result<(), Unclosed> {
        match unit.character {
            '"' | '$' | '@' => self.maybe_string(unit),
            '\'' => self.character(),
            '/' => self.maybe_comment(unit),
            '#' if self.begins_line() => {
                self.take_line();
                Ok(())
            }
            character => {
                self.bracket(inside, character);
                self.take(unit);
                Ok(())
            }
        }
    }

    /// Counts brackets; leaves the code at its last one.
    fn bracket(&mut self, inside: Inside, character: char) {
        let next = match inside {
            Inside::Code { open, close, depth } if character == open => {
                Some(Inside::Code { open, close, depth: depth + 1 })
            }
            Inside::Code { open, close, depth } if character == close => {
                (depth > 1).then(|| Inside::Code { open, close, depth: depth - 1 })
            }
            Inside::Hole { depth } => match character {
                '(' | '[' | '{' => Some(Inside::Hole { depth: depth + 1 }),
                '}' if depth == 0 => None,
                ')' | ']' | '}' => Some(Inside::Hole { depth: depth.saturating_sub(1) }),
                ':' if depth == 0 && !self.is_double_colon() => Some(Inside::Format),
                _ => return,
            },
            _ => return,
        };
        self.stack.pop();
        self.stack.extend(next);
    }

    /// `::` is a part of a name, not the beginning of a format.
    fn is_double_colon(&self) -> bool {
        self.text[self.at..].starts_with("::") || self.text[..self.at].ends_with(':')
    }

    fn maybe_string(&mut self, unit: Unit) -> Result<(), Unclosed> {
        let start = self.at;
        let (verbatim, holes) = match () {
            () if self.take_all("$@") || self.take_all("@$") => (true, true),
            () if self.take_all("$") => (false, true),
            () if self.take_all("@") => (true, false),
            () => (false, false),
        };
        let quote = if unit.character == '"' { Some(unit) } else { self.peek() };
        let Some(quote) = quote.filter(|quote| quote.character == '"') else { return Ok(()) };
        if self.stack.len() >= DEEPEST {
            return Err(Unclosed { at: start, what: Open::TooDeep });
        }
        self.take(quote);
        let decodes = quote.entity.is_some() || self.spelling == Spelling::Escaped;
        self.stack.push(Inside::Quoted(Quoted { verbatim, holes, decodes, start }));
        Ok(())
    }

    fn step_quoted(&mut self, quoted: Quoted, unit: Unit) -> Result<(), Unclosed> {
        match unit.character {
            '"' if quoted.verbatim && self.take_all("\"\"") => {}
            '{' if quoted.holes && self.take_all("{{") => {}
            '"' => {
                self.take(unit);
                self.stack.pop();
            }
            '{' if quoted.holes => {
                self.take(unit);
                self.stack.push(Inside::Hole { depth: 0 });
            }
            '\\' if !quoted.verbatim => {
                self.take(unit);
                if let Some(escaped) = self.peek() {
                    self.take(escaped);
                }
            }
            character if !quoted.verbatim && ends_line(character) => {
                return Err(Unclosed { at: quoted.start, what: Open::Line });
            }
            _ => self.take(unit),
        }
        Ok(())
    }

    /// A character in single quotes. What is none (`'abc'` is no C#) is left to the expression's own reader.
    fn character(&mut self) -> Result<(), Unclosed> {
        let start = self.at;
        self.take_next();
        if self.peek().is_some_and(|unit| unit.character == '\\') {
            self.take_next();
        }
        self.take_next();
        while let Some(unit) = self.peek() {
            if ends_line(unit.character) {
                break;
            }
            self.take(unit);
            if unit.character == '\'' {
                return Ok(());
            }
        }
        Err(Unclosed { at: start, what: Open::Character })
    }

    fn take_next(&mut self) {
        if let Some(unit) = self.peek() {
            self.take(unit);
        }
    }

    fn maybe_comment(&mut self, unit: Unit) -> Result<(), Unclosed> {
        let start = self.at;
        if self.take_all("//") {
            self.take_line();
        } else if self.take_all("/*") {
            while !self.take_all("*/") {
                let Some(unit) = self.peek() else { return Err(Unclosed { at: start, what: Open::Comment }) };
                self.take(unit);
            }
        } else {
            self.take(unit);
        }
        Ok(())
    }

    fn take_line(&mut self) {
        while let Some(unit) = self.peek()
            && !ends_line(unit.character)
        {
            self.take(unit);
        }
    }

    fn begins_line(&self) -> bool {
        self.text[..self.at].trim_end_matches([' ', '\t']).ends_with(ends_line)
    }

    /// What is open when the search ends: a string, or else the expression itself.
    fn unclosed(&self, start: usize) -> Unclosed {
        let string = self.stack.iter().find_map(|inside| match inside {
            Inside::Quoted(quoted) => Some(Unclosed { at: quoted.start, what: Open::String }),
            _ => None,
        });
        string.unwrap_or(Unclosed { at: start, what: Open::Expression })
    }
}

/// The line ends of C#.
fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character would have to be escaped at its place.
fn is_raw(character: char, within: Within) -> bool {
    let quote = match within {
        Within::Attribute(quote) => Some(char::from(quote)),
        Within::Content => None,
    };
    matches!(character, '<' | '&') || quote == Some(character)
}
