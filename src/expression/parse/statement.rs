//! Statements.

use super::{
    Parsed, Parser,
    lexer::TokenKind,
    syntax::{Body, Catch, Expr, ExprKind, Label, Parameter, Pattern, Stmt, StmtKind, TypeRef},
};

impl Parser {
    /// Statements up to the end of the text.
    pub(super) fn statements_until_end(&mut self) -> Parsed<Vec<Stmt>> {
        let mut statements = Vec::new();
        while !matches!(self.peek(), TokenKind::End) {
            statements.push(self.statement()?);
        }
        Ok(statements)
    }

    /// `{ … }`.
    pub(super) fn braced(&mut self) -> Parsed<Vec<Stmt>> {
        self.expect("{")?;
        let mut statements = Vec::new();
        while !self.is("}") {
            if matches!(self.peek(), TokenKind::End) {
                return Err(self.trouble("expected `}`"));
            }
            statements.push(self.statement()?);
        }
        self.expect("}")?;
        Ok(statements)
    }

    fn statement(&mut self) -> Parsed<Stmt> {
        self.deeper(|parser| {
            let at = parser.offset();
            parser.statement_kind().map(|kind| Stmt { at, kind })
        })
    }

    pub(super) fn boxed(&mut self) -> Parsed<Box<Stmt>> {
        self.statement().map(Box::new)
    }

    fn condition(&mut self) -> Parsed<Expr> {
        self.expect("(")?;
        let condition = self.expression()?;
        self.expect(")")?;
        Ok(condition)
    }

    fn statement_kind(&mut self) -> Parsed<StmtKind> {
        if self.is("{") {
            return self.braced().map(StmtKind::Block);
        }
        if self.eat(";") {
            return Ok(StmtKind::Empty);
        }
        let word = match self.peek() {
            TokenKind::Name(word) => word.clone(),
            _ => String::new(),
        };
        match word.as_str() {
            "if" => self.if_statement(),
            "while" => {
                self.advance();
                Ok(StmtKind::While(self.condition()?, self.boxed()?))
            }
            "do" => self.do_statement(),
            "for" => self.for_statement(),
            "foreach" => self.foreach_statement(),
            "switch" => self.switch_statement(),
            "try" => self.try_statement(),
            "using" => self.using_statement(),
            "return" | "throw" => {
                self.advance();
                let value = if self.is(";") { None } else { Some(self.expression()?) };
                self.expect(";")?;
                Ok(if word == "return" { StmtKind::Return(value) } else { StmtKind::Throw(value) })
            }
            "break" | "continue" => {
                self.advance();
                self.expect(";")?;
                Ok(if word == "break" { StmtKind::Break } else { StmtKind::Continue })
            }
            "goto" | "lock" | "unsafe" | "fixed" | "yield" => Err(self.trouble("this statement is not supported")),
            _ => self.declaration_or_expression(),
        }
    }

    fn declaration_or_expression(&mut self) -> Parsed<StmtKind> {
        let kind = self.declaration_or_call()?;
        if !matches!(kind, StmtKind::Function(..)) {
            self.expect(";")?;
        }
        Ok(kind)
    }

    fn declaration_or_call(&mut self) -> Parsed<StmtKind> {
        self.eat_word("const");
        self.eat_word("static");
        let declared = self.attempt(|parser| {
            let of = parser.type_ref()?;
            let name = parser.name()?;
            let follows = ["=", ";", ",", "(", ":"].iter().any(|symbol| parser.is(symbol)) || parser.is_word("in");
            if follows { Ok((of, name)) } else { Err(parser.trouble("expected a declaration")) }
        });
        let Some((of, name)) = declared else {
            return match self.deconstruction() {
                Some(apart) => apart,
                None => self.expression().map(StmtKind::Expr),
            };
        };
        if self.is("(") {
            let parameters = self.parameters()?;
            let body = if self.eat("=>") {
                let value = self.expression()?;
                self.expect(";")?;
                Body::Expr(Box::new(value))
            } else {
                Body::Block(self.braced()?)
            };
            return Ok(StmtKind::Function(of, name, parameters, body));
        }
        let mut names = vec![(name, self.initial(&of)?)];
        while self.eat(",") {
            let name = self.name()?;
            names.push((name, self.initial(&of)?));
        }
        let of = if of.name == "var" && of.ranks == 0 { None } else { Some(of) };
        Ok(StmtKind::Local(of, names))
    }

    fn initial(&mut self, of: &TypeRef) -> Parsed<Option<Expr>> {
        if !self.eat("=") {
            return Ok(None);
        }
        if self.is("{") {
            return self.bare_array(of).map(Some);
        }
        self.expression().map(Some)
    }

    /// `int[] a = { 1, 2 }`.
    fn bare_array(&mut self, of: &TypeRef) -> Parsed<Expr> {
        if of.ranks == 0 {
            return Err(self.trouble("expected a value; write `new[] { … }` for an array"));
        }
        let at = self.offset();
        let item = TypeRef { ranks: of.ranks - 1, ..of.clone() };
        let items = self.braced_list()?;
        Ok(Expr::new(at, ExprKind::NewArray(Some(item), None, items)))
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        self.expect("(")?;
        let mut parameters = Vec::new();
        while !self.is(")") {
            let (of, name) = (self.type_ref()?, self.name()?);
            let default = if self.eat("=") { Some(self.expression()?) } else { None };
            parameters.push(Parameter { of, name, default });
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(parameters)
    }

    /// A chain of `else if` is one statement, however long.
    fn if_statement(&mut self) -> Parsed<StmtKind> {
        let mut branches = Vec::new();
        let mut last = None;
        while last.is_none() {
            self.advance();
            branches.push((self.condition()?, self.statement()?));
            if !self.eat_word("else") {
                break;
            }
            if !self.is_word("if") {
                last = Some(self.boxed()?);
            }
        }
        Ok(StmtKind::If(branches, last))
    }

    fn do_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let body = self.boxed()?;
        if !self.eat_word("while") {
            return Err(self.trouble("expected `while`"));
        }
        let condition = self.condition()?;
        self.expect(";")?;
        Ok(StmtKind::Do(body, condition))
    }

    fn for_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        self.expect("(")?;
        let mut first = Vec::new();
        while !self.is(";") {
            let at = self.offset();
            first.push(Stmt { at, kind: self.declaration_or_call()? });
            if !self.eat(",") {
                break;
            }
        }
        self.expect(";")?;
        let condition = if self.is(";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        let mut step = Vec::new();
        while !self.is(")") {
            step.push(self.expression()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(StmtKind::For(first, condition, step, self.boxed()?))
    }

    fn foreach_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        self.expect("(")?;
        if let Some(parts) = self.foreach_parts() {
            return parts;
        }
        let of = self.type_ref()?;
        let name = self.name()?;
        if !self.eat_word("in") {
            return Err(self.trouble("expected `in`"));
        }
        let items = self.expression()?;
        self.expect(")")?;
        let of = if of.name == "var" { None } else { Some(of) };
        Ok(StmtKind::ForEach(of, name, items, self.boxed()?))
    }

    fn switch_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let value = self.condition()?;
        self.expect("{")?;
        let mut sections = Vec::new();
        while !self.is("}") {
            let mut labels = Vec::new();
            while let Some(label) = self.label()? {
                labels.push(label);
            }
            if labels.is_empty() {
                return Err(self.trouble("expected `case` or `default`"));
            }
            let mut body = Vec::new();
            while !(self.is("}") || self.is_word("case") || self.is_word("default") && self.looks(1, ":")) {
                body.push(self.statement()?);
            }
            sections.push((labels, body));
        }
        self.expect("}")?;
        Ok(StmtKind::Switch(value, sections))
    }

    fn label(&mut self) -> Parsed<Option<Label>> {
        if self.is_word("default") && self.looks(1, ":") {
            self.at += 2;
            return Ok(Some((Pattern::Any, None)));
        }
        if !self.eat_word("case") {
            return Ok(None);
        }
        let pattern = self.pattern()?;
        let guard = if self.eat_word("when") { Some(self.expression()?) } else { None };
        self.expect(":")?;
        Ok(Some((pattern, guard)))
    }

    fn try_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let body = self.braced()?;
        let mut catches = Vec::new();
        while self.eat_word("catch") {
            let (mut class, mut name, mut when) = (None, None, None);
            if self.eat("(") {
                class = Some(self.type_ref()?);
                name = if self.is(")") { None } else { Some(self.name()?) };
                self.expect(")")?;
            }
            if self.eat_word("when") {
                when = Some(self.condition()?);
            }
            catches.push(Catch { class, name, when, body: self.braced()? });
        }
        let finally = if self.eat_word("finally") { Some(self.braced()?) } else { None };
        if catches.is_empty() && finally.is_none() {
            return Err(self.trouble("expected `catch` or `finally`"));
        }
        Ok(StmtKind::Try(body, catches, finally))
    }

    fn using_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let at = self.offset();
        if !self.is("(") {
            return self.declaration_or_expression();
        }
        self.expect("(")?;
        let kind = self.declaration_or_call()?;
        self.expect(")")?;
        Ok(StmtKind::Using(Box::new(Stmt { at, kind }), self.boxed()?))
    }
}
