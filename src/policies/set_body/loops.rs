//! `for`, and APIM's `JSONArrayFor`: the same with a comma between rounds.

use std::io::Write;

use liquid_core::{
    BlockReflection, Expression, Language, ParseBlock, Renderable, Result, Runtime, TagBlock, TagTokenIter, Value,
    ValueView,
    error::ResultLiquidReplaceExt,
    model::ScalarCow,
    parser::TryMatchToken,
    runtime::{Interrupt, InterruptRegister, Template},
};

use super::runtime::Frame;

/// Most rounds of one loop.
const MOST_ROUNDS: i64 = 1_000_000;

/// What stands between rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commas {
    /// Nothing.
    None,
    /// A comma.
    Between,
}

/// The block.
#[derive(Clone, Copy, Debug)]
pub struct Loop(pub Commas);

impl BlockReflection for Loop {
    fn start_tag(&self) -> &'static str {
        if self.0 == Commas::Between { "JSONArrayFor" } else { "for" }
    }

    fn end_tag(&self) -> &'static str {
        if self.0 == Commas::Between { "endJSONArrayFor" } else { "endfor" }
    }

    fn description(&self) -> &'static str {
        ""
    }
}

impl ParseBlock for Loop {
    fn parse(
        &self,
        mut arguments: TagTokenIter<'_>,
        mut tokens: TagBlock<'_, '_>,
        language: &Language,
    ) -> Result<Box<dyn Renderable>> {
        let name = arguments.expect_next("A name expected.")?.expect_identifier().into_result()?.to_owned();
        arguments.expect_next("\"in\" expected.")?.expect_str("in").into_result_custom_msg("\"in\" expected.")?;
        let over = over(&mut arguments)?;
        let mut rounds = Rounds { name, over, commas: self.0, ..Rounds::default() };
        while let Some(token) = arguments.next() {
            match token.as_str() {
                "limit" => rounds.limit = Some(setting(&mut arguments)?),
                "offset" => rounds.offset = Some(setting(&mut arguments)?),
                "reversed" => rounds.is_reversed = true,
                _ => return Err(token.raise_custom_error("\"limit\", \"offset\" or \"reversed\" expected.")),
            }
        }
        rounds.body = Template::new(tokens.parse_all(language)?);
        tokens.assert_empty();
        Ok(Box::new(rounds))
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self
    }
}

fn over(arguments: &mut TagTokenIter<'_>) -> Result<Over> {
    match arguments.expect_next("A list or a range expected.")?.expect_value() {
        TryMatchToken::Matches(list) => Ok(Over::List(list)),
        TryMatchToken::Fails(token) => {
            let (from, to) = token.expect_range().into_result()?;
            Ok(Over::Range(from, to))
        }
    }
}

/// `limit: 3`.
fn setting(arguments: &mut TagTokenIter<'_>) -> Result<Expression> {
    arguments.expect_next("\":\" expected.")?.expect_str(":").into_result_custom_msg("\":\" expected.")?;
    arguments.expect_next("A value expected.")?.expect_value().into_result()
}

#[derive(Debug)]
enum Over {
    List(Expression),
    Range(Expression, Expression),
}

#[derive(Debug)]
struct Rounds {
    name: String,
    over: Over,
    limit: Option<Expression>,
    offset: Option<Expression>,
    is_reversed: bool,
    commas: Commas,
    body: Template,
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            name: String::new(),
            over: Over::List(Expression::Literal(Value::Nil)),
            limit: None,
            offset: None,
            is_reversed: false,
            commas: Commas::None,
            body: Template::new(Vec::new()),
        }
    }
}

impl Rounds {
    fn items(&self, runtime: &dyn Runtime) -> Result<Vec<Value>> {
        let mut items = match &self.over {
            Over::List(list) => items(list.evaluate(runtime)?.into_owned(), self.commas),
            Over::Range(from, to) => {
                let (from, to) = (whole(from, runtime)?.unwrap_or(0), whole(to, runtime)?.unwrap_or(-1));
                (from..=to.min(from.saturating_add(MOST_ROUNDS))).map(Value::scalar).collect()
            }
        };
        let offset = self.offset.as_ref().map(|offset| whole(offset, runtime)).transpose()?.flatten();
        items.drain(..position(offset.unwrap_or(0)).min(items.len()));
        if let Some(limit) = self.limit.as_ref().map(|limit| whole(limit, runtime)).transpose()?.flatten() {
            items.truncate(position(limit));
        }
        if self.is_reversed {
            items.reverse();
        }
        Ok(items)
    }
}

fn position(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

fn whole(expression: &Expression, runtime: &dyn Runtime) -> Result<Option<i64>> {
    Ok(expression.evaluate(runtime)?.as_scalar().as_ref().and_then(ScalarCow::to_integer))
}

/// What a loop goes over. An element of XML has its children under their names: `JSONArrayFor` goes over all of them,
/// `for` over pairs of name and value, as DotLiquid does with a hash.
fn items(value: Value, commas: Commas) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Object(object) if commas == Commas::Between => {
            let lists = object.into_iter().map(|(_, value)| match value {
                Value::Array(items) => items,
                other => vec![other],
            });
            lists.flatten().collect()
        }
        Value::Object(object) => {
            object.into_iter().map(|(name, value)| Value::Array(vec![Value::scalar(name), value])).collect()
        }
        Value::Scalar(scalar) if commas == Commas::Between && !scalar.to_kstr().trim().is_empty() => {
            vec![Value::Scalar(scalar)]
        }
        _ => Vec::new(),
    }
}

impl Renderable for Rounds {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let items = self.items(runtime)?;
        let count = items.len();
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 && self.commas == Commas::Between {
                writer.write_all(b",").replace("the output is too large")?;
            }
            let names = [(self.name.clone(), item), ("forloop".to_owned(), about(at, count))].into();
            self.body.render_to(writer, &Frame { below: runtime, names })?;
            if matches!(runtime.registers().get_mut::<InterruptRegister>().reset(), Some(Interrupt::Break)) {
                break;
            }
        }
        Ok(())
    }
}

/// `forloop`.
fn about(at: usize, count: usize) -> Value {
    let number = |number: usize| Value::scalar(i64::try_from(number).unwrap_or(i64::MAX));
    Value::Object(
        [
            ("index".into(), number(at + 1)),
            ("index0".into(), number(at)),
            ("rindex".into(), number(count - at)),
            ("rindex0".into(), number(count - at - 1)),
            ("length".into(), number(count)),
            ("first".into(), Value::scalar(at == 0)),
            ("last".into(), Value::scalar(at + 1 == count)),
        ]
        .into_iter()
        .collect(),
    )
}
