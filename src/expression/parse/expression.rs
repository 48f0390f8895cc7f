//! Expressions above the operators: assignment, conditional, lambda, switch.

use super::{
    Parsed, Parser,
    lexer::TokenKind,
    syntax::{Arm, Body, Expr, ExprKind, Pattern},
};

const ASSIGNMENTS: &[(&str, &str)] = &[
    ("=", ""),
    ("+=", "+"),
    ("-=", "-"),
    ("*=", "*"),
    ("/=", "/"),
    ("%=", "%"),
    ("&=", "&"),
    ("|=", "|"),
    ("^=", "^"),
    ("??=", "??"),
    ("<<=", "<<"),
];

impl Parser {
    /// Any expression. What recurs is spread over small functions: their frames are what nesting costs.
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.deeper(Self::whole)
    }

    fn whole(&mut self) -> Parsed<Expr> {
        if self.is_word("throw") {
            return self.thrown();
        }
        if self.is_query() {
            return self.query();
        }
        match self.lambda_head() {
            Some(parameters) => self.lambda(parameters),
            None => self.conditional().and_then(|left| self.assignment(left)),
        }
    }

    fn thrown(&mut self) -> Parsed<Expr> {
        let at = self.offset();
        self.advance();
        self.expression().map(|value| Expr::new(at, ExprKind::Throw(Box::new(value))))
    }

    fn lambda(&mut self, parameters: Vec<String>) -> Parsed<Expr> {
        let at = self.offset();
        self.lambda_body().map(|body| Expr::new(at, ExprKind::Lambda(parameters, Box::new(body))))
    }

    fn assignment(&mut self, left: Expr) -> Parsed<Expr> {
        let at = left.at;
        let found = ASSIGNMENTS.iter().find(|(symbol, _)| self.eat(symbol)).map(|found| found.1);
        let found = found.or_else(|| self.is_shift_assignment().then_some(">>"));
        let Some(operator) = found else { return Ok(left) };
        self.at += if operator == ">>" { 3 } else { 0 };
        self.expression().map(|right| Expr::new(at, ExprKind::Assign(operator, Box::new(left), Box::new(right))))
    }

    /// `x =>`, `(x, y) =>`, `(string x) =>`, `delegate (x)`; the arrow is eaten.
    fn lambda_head(&mut self) -> Option<Vec<String>> {
        if matches!(self.peek(), TokenKind::Name(_)) && self.looks(1, "=>") {
            return self.attempt(|parser| {
                let name = parser.name()?;
                parser.expect("=>")?;
                Ok(vec![name])
            });
        }
        if !self.is("(") || !self.is_lambda_list() {
            return None;
        }
        self.attempt(|parser| {
            parser.expect("(")?;
            let mut names = Vec::new();
            while !parser.is(")") {
                let typed = parser.attempt(|parser| {
                    parser.type_ref()?;
                    parser.name()
                });
                names.push(match typed {
                    Some(name) => name,
                    None => parser.name()?,
                });
                if !parser.eat(",") {
                    break;
                }
            }
            parser.expect(")")?;
            parser.expect("=>")?;
            Ok(names)
        })
    }

    /// Whether the parenthesis that opens here is followed by an arrow, so that nothing is parsed twice.
    fn is_lambda_list(&self) -> bool {
        let mut depth = 0_u32;
        for ahead in 0.. {
            match self.look(ahead) {
                TokenKind::Symbol("(") => depth += 1,
                TokenKind::Symbol(")") if depth == 1 => return self.looks(ahead + 1, "=>"),
                TokenKind::Name(_) | TokenKind::Symbol("," | "<" | ">" | "[" | "]" | "." | "?") => {}
                _ => return false,
            }
            if depth > 1 {
                return false;
            }
        }
        false
    }

    fn lambda_body(&mut self) -> Parsed<Body> {
        if self.is("{") {
            return self.braced().map(Body::Block);
        }
        self.expression().map(|value| Body::Expr(Box::new(value)))
    }

    /// `c ? a : b` and all below.
    pub(super) fn conditional(&mut self) -> Parsed<Expr> {
        let condition = self.binary(0)?;
        if self.eat("?") { self.branches(condition) } else { Ok(condition) }
    }

    fn branches(&mut self, condition: Expr) -> Parsed<Expr> {
        let at = condition.at;
        let yes = self.expression().map(Box::new)?;
        self.expect(":")?;
        let no = self.expression().map(Box::new)?;
        Ok(Expr::new(at, ExprKind::Conditional(Box::new(condition), yes, no)))
    }

    /// The arms of `value switch { … }`, after the brace.
    pub(super) fn switch_arms(&mut self) -> Parsed<Vec<Arm>> {
        let mut arms = Vec::new();
        while !self.is("}") {
            let pattern = self.pattern()?;
            let guard = if self.eat_word("when") { Some(self.expression()?) } else { None };
            self.expect("=>")?;
            arms.push(Arm { pattern, guard, value: self.expression()? });
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(arms)
    }

    /// A pattern after `is`, `case` or in a switch expression.
    pub(super) fn pattern(&mut self) -> Parsed<Pattern> {
        let mut left = self.pattern_and()?;
        while self.eat_word("or") {
            left = self.deeper(|parser| Ok(Pattern::Or(Box::new(left), Box::new(parser.pattern_and()?))))?;
        }
        Ok(left)
    }

    fn pattern_and(&mut self) -> Parsed<Pattern> {
        let left = self.pattern_one()?;
        if self.eat_word("and") {
            return self.deeper(|parser| Ok(Pattern::And(Box::new(left), Box::new(parser.pattern_and()?))));
        }
        Ok(left)
    }

    fn pattern_one(&mut self) -> Parsed<Pattern> {
        if self.eat_word("not") {
            return self.deeper(|parser| Ok(Pattern::Not(Box::new(parser.pattern_one()?))));
        }
        if self.is_word("_") {
            self.advance();
            return Ok(Pattern::Any);
        }
        if self.is_word("var") {
            self.advance();
            return self.name().map(Pattern::Var);
        }
        for symbol in ["<=", "<", ">"] {
            if self.eat(symbol) {
                let operator = if symbol == ">" && self.eat("=") { ">=" } else { symbol };
                return Ok(Pattern::Compare(operator, self.binary(7)?));
            }
        }
        if let Some(items) = self.tuple_pattern() {
            return Ok(items);
        }
        let type_pattern = self.attempt(|parser| {
            parser.tests = true;
            let name = parser.type_ref();
            parser.tests = false;
            let name = name?;
            let variable = parser.attempt(Self::pattern_name);
            if variable.is_none() && !name.is_certainly_a_type() {
                return Err(parser.trouble("expected a type"));
            }
            Ok(Pattern::Type(name, variable))
        });
        match type_pattern {
            Some(pattern) => Ok(pattern),
            None => Ok(Pattern::Value(self.binary(7)?)),
        }
    }

    fn pattern_name(&mut self) -> Parsed<String> {
        if ["when", "or", "and"].iter().any(|word| self.is_word(word)) {
            return Err(self.trouble("expected a name"));
        }
        self.name()
    }
}
