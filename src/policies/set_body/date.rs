//! The filter `Date`, as DotLiquid has it in C#: .NET's formats, and with a `%` those of `strftime`.
//!
//! Deliberately not here: what a date is and how it is written (`expression::value`).

use std::fmt;

use jiff::{civil, fmt::strtime};
use liquid_core::{
    Error, Expression, Filter, FilterReflection, ParseFilter, Result, Runtime, Value, ValueView,
    model::ScalarCow,
    parser::{FilterArguments, ParameterReflection},
};

use crate::expression::value::{
    DateTime, TimeKind,
    time::{SECOND, civil_of},
    time_format, time_parse,
};

/// The name under which a template's values hold the time; no template can spell it.
pub const NOW: &str = "\0now";

/// The filter, by one of its names.
#[derive(Clone, Copy, Debug)]
pub struct Date(pub &'static str);

impl FilterReflection for Date {
    fn name(&self) -> &str {
        self.0
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

impl ParseFilter for Date {
    fn parse(&self, mut arguments: FilterArguments<'_>) -> Result<Box<dyn Filter>> {
        Ok(Box::new(Formatting(arguments.positional.next())))
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self
    }
}

#[derive(Debug)]
struct Formatting(Option<Expression>);

impl fmt::Display for Formatting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Date")
    }
}

impl Filter for Formatting {
    /// What is no date stays as it is.
    fn evaluate(&self, input: &dyn ValueView, runtime: &dyn Runtime) -> Result<Value> {
        let text = input.to_kstr().into_owned();
        let format = match &self.0 {
            Some(format) => format.evaluate(runtime)?.to_kstr().into_owned(),
            None => String::default().into(),
        };
        let Some(time) = date_of(&text, runtime).filter(|_| !format.trim().is_empty()) else {
            return Ok(input.to_value());
        };
        let failed = |why: String| Error::with_msg(format!("`Date: \"{format}\"`: {why}"));
        let written = if format.contains('%') {
            let civil = civil_time(time).ok_or_else(|| failed("the year is out of range".to_owned()))?;
            strtime::format(format.as_str(), civil).map_err(|error| failed(error.to_string()))?
        } else {
            time_format::date(time, 0, &format).map_err(|thrown| failed(thrown.to_string()))?
        };
        Ok(Value::scalar(written))
    }
}

/// `now` and `today` are the gateway's time; all else is read as `DateTime.Parse` does.
fn date_of(text: &str, runtime: &dyn Runtime) -> Option<DateTime> {
    let now = text.eq_ignore_ascii_case("now") || text.eq_ignore_ascii_case("today");
    let text =
        if now { runtime.try_get(&[ScalarCow::new(NOW)])?.to_kstr().into_owned() } else { text.to_owned().into() };
    let (time, offset) = time_parse::parse(&text)?;
    Some(time_parse::in_utc(time, offset, TimeKind::Utc))
}

fn civil_time(time: DateTime) -> Option<civil::DateTime> {
    let date = civil_of(time.ticks);
    let small = |number: i64| i8::try_from(number).ok();
    let seconds = time.ticks / SECOND;
    let nanos = i32::try_from(time.ticks % SECOND * 100).ok()?;
    let date = civil::Date::new(i16::try_from(date.year).ok()?, small(date.month)?, small(date.day)?).ok()?;
    let (hour, minute, second) = (small(seconds / 3600 % 24)?, small(seconds / 60 % 60)?, small(seconds % 60)?);
    Some(date.to_datetime(civil::Time::new(hour, minute, second, nanos).ok()?))
}
