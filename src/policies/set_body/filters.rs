//! Filters by DotLiquid's names in C# (`Upcase`), and by Liquid's (`upcase`).
//!
//! `Replace`, `ReplaceFirst`, `Remove` and `RemoveFirst` take regular expressions, as DotLiquid's do: templates rely on
//! it to escape quotes and line ends for JSON.

use std::fmt;

use fancy_regex::Regex;
use liquid_core::{
    Error, Expression, Filter, FilterReflection, ParseFilter, Result, Runtime, Value, ValueView,
    parser::{FilterArguments, ParameterReflection},
};
use liquid_lib::stdlib;

use super::date::Date;

/// Every filter, by every name.
pub fn all() -> Vec<Box<dyn ParseFilter>> {
    let mut filters: Vec<Box<dyn ParseFilter>> = Vec::new();
    for (pascal, filter) in standard() {
        filters.push(Box::new(Named(pascal, filter.clone())));
        filters.push(filter);
    }
    for pattern in [
        Pattern { name: "Replace", only_first: false, removes: false },
        Pattern { name: "replace", only_first: false, removes: false },
        Pattern { name: "ReplaceFirst", only_first: true, removes: false },
        Pattern { name: "replace_first", only_first: true, removes: false },
        Pattern { name: "Remove", only_first: false, removes: true },
        Pattern { name: "remove", only_first: false, removes: true },
        Pattern { name: "RemoveFirst", only_first: true, removes: true },
        Pattern { name: "remove_first", only_first: true, removes: true },
    ] {
        filters.push(Box::new(pattern));
    }
    filters.extend(["Date", "date"].map(|name| Box::new(Date(name)) as Box<dyn ParseFilter>));
    filters
}

fn standard() -> Vec<(&'static str, Box<dyn ParseFilter>)> {
    vec![
        ("Abs", Box::new(stdlib::Abs)),
        ("Append", Box::new(stdlib::Append)),
        ("AtLeast", Box::new(stdlib::AtLeast)),
        ("AtMost", Box::new(stdlib::AtMost)),
        ("Capitalize", Box::new(stdlib::Capitalize)),
        ("Ceil", Box::new(stdlib::Ceil)),
        ("Compact", Box::new(stdlib::Compact)),
        ("Concat", Box::new(stdlib::Concat)),
        ("Default", Box::new(stdlib::Default)),
        ("DividedBy", Box::new(stdlib::DividedBy)),
        ("Downcase", Box::new(stdlib::Downcase)),
        ("Escape", Box::new(stdlib::Escape)),
        ("H", Box::new(stdlib::Escape)),
        ("EscapeOnce", Box::new(stdlib::EscapeOnce)),
        ("First", Box::new(stdlib::First)),
        ("Floor", Box::new(stdlib::Floor)),
        ("Join", Box::new(stdlib::Join)),
        ("Last", Box::new(stdlib::Last)),
        ("Lstrip", Box::new(stdlib::Lstrip)),
        ("Map", Box::new(stdlib::Map)),
        ("Minus", Box::new(stdlib::Minus)),
        ("Modulo", Box::new(stdlib::Modulo)),
        ("NewlineToBr", Box::new(stdlib::NewlineToBr)),
        ("Plus", Box::new(stdlib::Plus)),
        ("Prepend", Box::new(stdlib::Prepend)),
        ("Reverse", Box::new(stdlib::Reverse)),
        ("Round", Box::new(stdlib::Round)),
        ("Rstrip", Box::new(stdlib::Rstrip)),
        ("Size", Box::new(stdlib::Size)),
        ("Slice", Box::new(stdlib::Slice)),
        ("Sort", Box::new(stdlib::Sort)),
        ("SortNatural", Box::new(stdlib::SortNatural)),
        ("Split", Box::new(stdlib::Split)),
        ("Strip", Box::new(stdlib::Strip)),
        ("StripHtml", Box::new(stdlib::StripHtml)),
        ("StripNewlines", Box::new(stdlib::StripNewlines)),
        ("Times", Box::new(stdlib::Times)),
        ("Truncate", Box::new(stdlib::Truncate)),
        ("TruncateWords", Box::new(stdlib::TruncateWords)),
        ("Uniq", Box::new(stdlib::Uniq)),
        ("Upcase", Box::new(stdlib::Upcase)),
        ("UrlDecode", Box::new(stdlib::UrlDecode)),
        ("UrlEncode", Box::new(stdlib::UrlEncode)),
        ("Where", Box::new(stdlib::Where)),
    ]
}

/// A filter by another name.
#[derive(Clone)]
struct Named(&'static str, Box<dyn ParseFilter>);

impl FilterReflection for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn description(&self) -> &str {
        self.1.reflection().description()
    }

    fn positional_parameters(&self) -> &'static [ParameterReflection] {
        self.1.reflection().positional_parameters()
    }

    fn keyword_parameters(&self) -> &'static [ParameterReflection] {
        self.1.reflection().keyword_parameters()
    }
}

impl ParseFilter for Named {
    fn parse(&self, arguments: FilterArguments<'_>) -> Result<Box<dyn Filter>> {
        self.1.parse(arguments)
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self
    }
}

/// A filter that replaces what a regular expression finds.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    name: &'static str,
    only_first: bool,
    removes: bool,
}

impl FilterReflection for Pattern {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &'static str {
        ""
    }

    fn positional_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }

    fn keyword_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }
}

impl ParseFilter for Pattern {
    fn parse(&self, mut arguments: FilterArguments<'_>) -> Result<Box<dyn Filter>> {
        let mut next = || arguments.positional.next();
        let missing = || Error::with_msg(format!("`{}` needs what to look for", self.name));
        let find = next().ok_or_else(missing)?;
        let put = if self.removes { None } else { next() };
        Ok(Box::new(Replacing { pattern: *self, find, put }))
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self
    }
}

#[derive(Debug)]
struct Replacing {
    pattern: Pattern,
    find: Expression,
    put: Option<Expression>,
}

impl fmt::Display for Replacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pattern.name)
    }
}

impl Filter for Replacing {
    fn evaluate(&self, input: &dyn ValueView, runtime: &dyn Runtime) -> Result<Value> {
        let text = input.to_kstr();
        let find = self.find.evaluate(runtime)?.to_kstr().into_owned();
        let put = match &self.put {
            Some(put) => put.evaluate(runtime)?.to_kstr().into_owned(),
            None => String::default().into(),
        };
        if find.is_empty() {
            return Ok(Value::scalar(text.into_owned()));
        }
        let failed = |error: fancy_regex::Error| Error::with_msg(format!("`{}`: {error}", self.pattern.name));
        let regex = Regex::new(&find).map_err(failed)?;
        let limit = usize::from(self.pattern.only_first);
        let replaced = regex.try_replacen(&text, limit, net_replacement(&put).as_str()).map_err(failed)?;
        Ok(Value::scalar(replaced.into_owned()))
    }
}

/// A replacement as .NET writes it, in the spelling of this program's engine: `$1` reads as many digits as there are and
/// not the letters behind them.
fn net_replacement(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        made.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        match rest.as_bytes().first() {
            _ if digits > 0 => {
                made.extend(["${", &rest[..digits], "}"]);
                rest = &rest[digits..];
            }
            Some(b'{') => made.push('$'),
            Some(b'&') => {
                made.push_str("${0}");
                rest = &rest[1..];
            }
            Some(b'$') => {
                made.push_str("$$");
                rest = &rest[1..];
            }
            _ => made.push_str("$$"),
        }
    }
    made + rest
}
