//! Type references: qualified names, generic arguments, arrays, `?`.

use super::{Parsed, Parser, Types, lexer::TokenKind, syntax::TypeRef};
use crate::expression::types::Kind;

const KEYWORDS: &[&str] = &[
    "string", "int", "long", "bool", "double", "decimal", "char", "byte", "object", "float", "short", "uint", "ulong",
    "dynamic", "sbyte", "ushort",
];

/// Most `[]` of a type.
pub(super) const MAX_RANKS: usize = 8;

impl TypeRef {
    /// Whether only a type can stand here, not a value.
    pub(super) fn is_certainly_a_type(&self) -> bool {
        !self.args.is_empty() || self.ranks > 0 || KEYWORDS.contains(&self.name.as_str()) || self.is_known()
    }

    /// Whether the name is one of the language's types.
    pub(super) fn is_known(&self) -> bool {
        Kind::by_name(&self.name).is_some()
    }
}

impl Parser {
    /// A type.
    pub(super) fn type_ref(&mut self) -> Parsed<TypeRef> {
        self.deeper(|parser| {
            let mut base = parser.plain_type()?;
            if !parser.tests && parser.is("?") && !matches!(parser.look(1), TokenKind::Symbol("." | "[")) {
                parser.advance();
                base.nullable = true;
            }
            while parser.is("[") && parser.looks(1, "]") {
                parser.at += 2;
                base.ranks += 1;
            }
            if base.ranks > MAX_RANKS {
                return Err(parser.trouble("expected fewer dimensions"));
            }
            Ok(base)
        })
    }

    /// A type without array ranks, as after `new`.
    pub(super) fn plain_type(&mut self) -> Parsed<TypeRef> {
        if self.is("(") {
            return self.tuple_type();
        }
        let at = self.offset();
        let mut name = self.name()?;
        while self.is(".") && matches!(self.look(1), TokenKind::Name(_)) {
            self.advance();
            name = self.name()?;
        }
        let args = if self.is("<") { self.generic_arguments()? } else { Vec::new() };
        Ok(TypeRef { at, name, args, names: Vec::new(), ranks: 0, nullable: false })
    }

    /// `<A, B>`.
    pub(super) fn generic_arguments(&mut self) -> Parsed<Types> {
        self.expect("<")?;
        let mut args = Vec::new();
        loop {
            args.push(self.type_ref()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(">")?;
        Ok(args)
    }

    /// `(type)` before something that can be cast.
    pub(super) fn cast_head(&mut self) -> Option<TypeRef> {
        self.attempt(|parser| {
            parser.expect("(")?;
            let name = parser.type_ref()?;
            parser.expect(")")?;
            let follows = match parser.peek() {
                TokenKind::Name(word) => !matches!(word.as_str(), "is" | "as" | "switch"),
                TokenKind::Literal(_) | TokenKind::Interpolated(_) | TokenKind::Symbol("(" | "!" | "~") => true,
                TokenKind::Symbol("-" | "+") => KEYWORDS.contains(&name.name.as_str()),
                _ => false,
            };
            let is_type = name.is_certainly_a_type() || !parser.is("(") && follows;
            if follows && is_type { Ok(name) } else { Err(parser.trouble("expected a cast")) }
        })
    }
}
