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
    /// Operators of `least` rank and tighter.
    pub(super) fn binary(&mut self, least: usize) -> Parsed<Expr> {
        let mut left = self.unary()?;
        loop {
            if least <= RELATIONAL && (self.is_word("is") || self.is_word("as")) {
                left = self.type_test(left).and_then(|test| self.bounded(test))?;
                continue;
            }
            let Some((operator, rank)) = self.operator(least) else { return Ok(left) };
            left = if operator == "??" { self.coalesce(left)? } else { self.same_rank(left, operator, rank)? };
        }
    }

    /// `left ?? right`, which groups to the right.
    fn coalesce(&mut self, left: Expr) -> Parsed<Expr> {
        let at = left.at;
        let throws = self.is_word("throw");
        let right = self.deeper(|parser| if throws { parser.expression() } else { parser.binary(0) })?;
        Ok(Expr::new(at, ExprKind::Binary("??", Box::new(left), Box::new(right))))
    }

    /// The right side of an operator, and of those of its rank that follow.
    fn same_rank(&mut self, left: Expr, operator: &'static str, rank: usize) -> Parsed<Expr> {
        let mut rest = vec![(operator, self.deeper(|parser| parser.binary(rank + 1))?)];
        while let Some((operator, _)) = self.operator(rank) {
            rest.push((operator, self.deeper(|parser| parser.binary(rank + 1))?));
        }
        Ok(chain(left, rest))
    }

    /// Eats an operator of `least` rank or tighter.
    fn operator(&mut self, least: usize) -> Option<(&'static str, usize)> {
        let (symbol, length) = self.operator_here()?;
        let rank = RANKS.iter().position(|rank| rank.contains(&symbol)).filter(|rank| *rank >= least)?;
        self.at += length;
        RANKS[rank].iter().find(|known| **known == symbol).map(|known| (*known, rank))
    }

    /// The symbol here and how many tokens it takes: `>` is lexed alone, and may be the start of `>=` or `>>`.
    fn operator_here(&self) -> Option<(&'static str, usize)> {
        let TokenKind::Symbol(symbol) = self.peek() else { return None };
        if *symbol != ">" {
            return Some((symbol, 1));
        }
        let adjacent = |symbol: &str| {
            self.looks(1, symbol) && self.tokens.get(self.at + 1).is_some_and(|next| next.at == self.offset() + 1)
        };
        Some(if adjacent("=") || adjacent("==") || adjacent("=>") {
            (">=", 2)
        } else if self.is_shift_assignment() {
            return None;
        } else if adjacent(">") {
            (">>", 2)
        } else {
            (">", 1)
        })
    }

    /// `>>=`, which is three symbols.
    pub(super) fn is_shift_assignment(&self) -> bool {
        let adjacent =
            |ahead: usize| self.tokens.get(self.at + ahead).is_some_and(|next| next.at == self.offset() + ahead);
        self.is(">") && self.looks(1, ">") && self.looks(2, "=") && adjacent(1) && adjacent(2)
    }

    fn type_test(&mut self, left: Expr) -> Parsed<Expr> {
        let at = left.at;
        let value = Box::new(left);
        if self.eat_word("as") {
            let name = self.type_ref()?;
            return Ok(Expr::new(at, ExprKind::As(value, name)));
        }
        self.advance();
        let pattern = self.pattern()?;
        Ok(Expr::new(at, ExprKind::Is(value, Box::new(pattern))))
    }
}

fn chain(first: Expr, mut rest: Vec<(&'static str, Expr)>) -> Expr {
    let at = first.at;
    if rest.len() > 1 {
        return Expr::new(at, ExprKind::Chain(Box::new(first), rest));
    }
    match rest.pop() {
        Some((operator, right)) => Expr::new(at, ExprKind::Binary(operator, Box::new(first), Box::new(right))),
        None => first,
    }
}
