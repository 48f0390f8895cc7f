//! Compiling, and what a compiled expression offers.

use std::sync::Mutex;

use super::{
    Bounds, Host, Thrown, Type, Value, check,
    eval::{Code, Machine, Regexes},
    parse,
    value::{Handle, Places},
};

/// The text of an expression, without `@` and its brackets.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What stands between the brackets.
    pub text: &'a str,
    /// `@{ … }` with statements, instead of `@( … )`.
    pub is_block: bool,
}

impl<'a> Source<'a> {
    /// `@(text)`.
    pub fn inline(text: &'a str) -> Self {
        Self { text, is_block: false }
    }

    /// `@{text}`.
    pub fn block(text: &'a str) -> Self {
        Self { text, is_block: true }
    }
}

/// Why an expression cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Bytes from the start of [`Source::text`].
    pub offset: usize,
    /// What is wrong and, if it can be guessed, what was meant.
    pub message: String,
}

/// What must be at hand before the expression runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// It reads the request's body.
    pub request_body: bool,
    /// It reads the response's body.
    pub response_body: bool,
    /// It consumes a body: it reads one without `preserveContent`.
    pub consumes: bool,
}

/// A compiled expression; sharing it between threads is free.
pub struct Expression {
    code: Code,
    slots: usize,
    needs: Needs,
    /// It asks where tokens of JSON are.
    places: bool,
    result: Type,
    regexes: Mutex<Regexes>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expression").field("result", &self.result).field("needs", &self.needs).finish_non_exhaustive()
    }
}

/// Compiles an expression: lexes, parses, resolves every name and checks types as far as they are known.
///
/// # Errors
/// All problems that could be found, in their order.
pub fn compile(source: Source<'_>) -> Result<Expression, Vec<Trouble>> {
    let body = parse::parse(source).map_err(|trouble| vec![trouble])?;
    let checked = check::check(&body, source.text.len())?;
    Ok(Expression {
        code: checked.code,
        slots: checked.slots,
        needs: checked.needs,
        places: checked.places,
        result: checked.result,
        regexes: Mutex::default(),
    })
}

impl Expression {
    /// Its value for one exchange.
    ///
    /// # Errors
    /// What the expression throws, and running out of `bounds`.
    pub fn evaluate(&self, host: &mut dyn Host, bounds: &Bounds) -> Result<Value, Thrown> {
        let mut machine = Machine::new(host, bounds, self.slots, &self.regexes);
        if self.places {
            machine.places = Places::new(true);
        }
        let value = machine.run(&self.code)?;
        // What follows wants the text of an address, and has no host to ask.
        let value = if matches!(value, Value::Handle(Handle::Url(_))) { machine.settled(&value) } else { value };
        Ok(if self.places { value.without_places() } else { value })
    }

    /// The bodies that must be buffered before.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The value, if it is written down.
    pub fn constant(&self) -> Option<&Value> {
        self.code.constant()
    }

    /// The type of the value, if it is known.
    pub fn result_type(&self) -> Option<Type> {
        (!self.result.kind.is_open()).then(|| self.result.clone())
    }
}
