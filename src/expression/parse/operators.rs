//! Binary operators by precedence. Operators of one rank make a chain, not a tree: sums are long.

use super::{
    Parsed, Parser,
    lexer::TokenKind,
    syntax::{Expr, ExprKind},
};

/// From the loosest to the tightest.
const RANKS: &[&[&str]] = &[
    &["??"],
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];
const RELATIONAL: usize = 7;

impl Parser {
    /// Operators of `rank` and tighter.
    pub(super) fn binary(&mut self, rank: usize) -> Parsed<Expr> {
        if rank >= RANKS.len() {
            return self.unary();
        }
        let first = self.binary(rank + 1)?;
        if rank == 0 && self.is("??") {
            let at = first.at;
            self.advance();
            let right =
                self.deeper(|parser| if parser.is_word("throw") { parser.expression() } else { parser.binary(0) })?;
            return Ok(Expr { at, kind: ExprKind::Binary("??", Box::new(first), Box::new(right)) });
        }
        let mut rest = Vec::new();
        let mut left = first;
        loop {
            if rank == RELATIONAL && (self.is_word("is") || self.is_word("as")) {
                left = self.type_test(chain(left, &mut rest))?;
                continue;
            }
            let Some(operator) = self.operator(rank) else { break };
            rest.push((operator, self.binary(rank + 1)?));
        }
        Ok(chain(left, &mut rest))
    }

    fn operator(&mut self, rank: usize) -> Option<&'static str> {
        // `>` is lexed alone; here it may be the start of `>=` or `>>`.
        if self.is(">") {
            let adjacent = |symbol: &str| {
                self.looks(1, symbol) && self.tokens.get(self.at + 1).is_some_and(|next| next.at == self.offset() + 1)
            };
            let (operator, length) = if adjacent("=") || adjacent("==") || adjacent("=>") {
                (">=", 2)
            } else if adjacent(">") {
                (">>", 2)
            } else {
                (">", 1)
            };
            let operator = RANKS[rank].iter().copied().find(|known| *known == operator)?;
            self.at += length;
            return Some(operator);
        }
        let TokenKind::Symbol(symbol) = self.peek() else { return None };
        let operator = RANKS[rank].iter().copied().find(|known| known == symbol)?;
        self.at += 1;
        Some(operator)
    }

    fn type_test(&mut self, left: Expr) -> Parsed<Expr> {
        let at = left.at;
        let value = Box::new(left);
        if self.eat_word("as") {
            let name = self.type_ref()?;
            return Ok(Expr { at, kind: ExprKind::As(value, name) });
        }
        self.advance();
        let pattern = self.pattern()?;
        Ok(Expr { at, kind: ExprKind::Is(value, Box::new(pattern)) })
    }
}

fn chain(first: Expr, rest: &mut Vec<(&'static str, Expr)>) -> Expr {
    let at = first.at;
    match rest.len() {
        0 => first,
        1 => {
            let (operator, right) = rest.remove(0);
            Expr { at, kind: ExprKind::Binary(operator, Box::new(first), Box::new(right)) }
        }
        _ => Expr { at, kind: ExprKind::Chain(Box::new(first), std::mem::take(rest)) },
    }
}
