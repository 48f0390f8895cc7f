//! From text to a syntax tree. Nothing is looked up here: names are names.

mod creation;
mod expression;
mod height;
mod lexer;
mod number;
mod operators;
mod primary;
mod query;
mod statement;
mod strings;
pub(super) mod syntax;
mod tuple;
mod types;

use lexer::{Token, TokenKind};
use syntax::{Body, Expr, TypeRef};

use super::{Source, Trouble};

/// Deepest nesting of an expression or statement; each level of it is a few calls deep here and in the checker.
pub(super) const MAX_HEIGHT: u32 = 80;

/// Highest tree: long chains of members add to the nesting. A level takes a few hundred bytes of stack when the tree is
/// checked, evaluated and dropped.
const MAX_TREE: u32 = 250;

/// What parsing gives or the one place where it stopped.
type Parsed<T> = Result<T, Trouble>;

/// Parses an expression or the inside of a block.
pub(super) fn parse(source: Source<'_>) -> Parsed<Body> {
    let tokens = lexer::lex(source.text, 0)?;
    let mut parser = Parser { tokens, at: 0, height: 0, tests: false };
    let body = if source.is_block {
        let statements = parser.statements_until_end()?;
        Body::Block(statements)
    } else {
        Body::Expr(Box::new(parser.expression()?))
    };
    parser.end()?;
    Ok(body)
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    height: u32,
    /// Whether a type is read that a value is tested for: a `?` after it begins a conditional.
    tests: bool,
}

impl Parser {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at.min(self.tokens.len() - 1)].kind
    }

    fn look(&self, ahead: usize) -> &TokenKind {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].kind
    }

    fn offset(&self) -> usize {
        self.tokens[self.at.min(self.tokens.len() - 1)].at
    }

    fn advance(&mut self) -> TokenKind {
        let kind = self.peek().clone();
        self.at += 1;
        kind
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol)
    }

    fn looks(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.look(ahead), TokenKind::Symbol(found) if *found == symbol)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.trouble(&format!("expected `{symbol}`"))) }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Name(found) if found == word)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Parsed<String> {
        match self.peek() {
            TokenKind::Name(name) if !is_reserved(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.trouble("expected a name")),
        }
    }

    fn trouble(&self, expected: &str) -> Trouble {
        let found = match self.peek() {
            TokenKind::End => "the end".to_owned(),
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            _ => "a literal".to_owned(),
        };
        Trouble { offset: self.offset(), message: format!("{expected}, found {found}") }
    }

    fn end(&self) -> Parsed<()> {
        if matches!(self.peek(), TokenKind::End) {
            Ok(())
        } else {
            Err(self.trouble("expected the end of the expression"))
        }
    }

    /// Runs `parse` one level of nesting deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.height >= MAX_HEIGHT {
            let message = format!("the expression nests deeper than {MAX_HEIGHT} levels");
            return Err(Trouble { offset: self.offset(), message });
        }
        self.height += 1;
        let result = parse(self);
        self.height -= 1;
        result
    }

    /// Refuses a tree that loops of the grammar have made too high.
    fn bounded(&self, value: Expr) -> Parsed<Expr> {
        if value.height > MAX_TREE {
            return Err(self.trouble("expected a shorter chain of members; put a part of it into a variable"));
        }
        Ok(value)
    }

    /// Tries `parse` and goes back if it fails.
    fn attempt<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Option<T> {
        let (at, height) = (self.at, self.height);
        let result = parse(self).ok();
        if result.is_none() {
            (self.at, self.height) = (at, height);
        }
        result
    }
}

const RESERVED: &[&str] = &[
    "new", "return", "if", "else", "for", "foreach", "while", "do", "switch", "case", "break", "continue", "try",
    "catch", "finally", "throw", "is", "as", "in", "null", "true", "false", "typeof", "using", "goto", "lock",
];

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// What a type reference needs to be one level up.
pub(super) type Types = Vec<TypeRef>;
/// Parsed arguments.
pub(super) type Exprs = Vec<Expr>;
