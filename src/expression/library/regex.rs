//! `Regex`: a backtracking engine with a limit. Compiled patterns stay with the expression.

use std::sync::Arc;

use super::{
    Call, Row, fixed, member,
    string::{number, units},
};
use crate::expression::{
    Kind, Thrown, Value,
    bounds::Budget,
    value::{GroupObject, Inner, MatchObject, RegexObject, guard},
};

type Outcome = Result<Value, Thrown>;

const R: Kind = Kind::Regex;
/// Steps of backtracking of one search; about 5 ms.
const BACKTRACKS: usize = 100_000;
/// What a search costs that may backtrack: 200 searches at the worst are within the bounds of an evaluation.
const BACKTRACKING: usize = 10_000;
/// What any other search costs, beside its text.
const LINEAR: usize = 20;
/// Patterns kept by one expression.
const KEPT: usize = 32;

pub(super) const ROWS: &[Row] = &[
    fixed(R, "new(pattern, [options], [timeout]): Regex", |c| {
        let pattern = c.text(0)?;
        regex(c, &pattern)
    }),
    fixed(R, "IsMatch(text, pattern, [options], [timeout]): bool", |c| with_static(c, is_match)),
    fixed(R, "Match(text, pattern, [options], [timeout]): Match", |c| with_static(c, first)),
    fixed(R, "Matches(text, pattern, [options], [timeout]): IEnumerable<Match>", |c| with_static(c, all)),
    fixed(R, "Replace(text, pattern, replacement, [options], [timeout]): string", |c| with_static(c, replace)),
    fixed(R, "Split(text, pattern, [options]): string[]", |c| with_static(c, split)),
    fixed(R, "Unescape(text): string", |c| {
        let text = unescaped(&c.text(0)?);
        c.new_text(text)
    }),
    fixed(R, "Escape(text): string", |c| {
        let text = fancy_regex::escape(&c.text(0)?).into_owned();
        c.new_text(text)
    }),
    member(R, "IsMatch(text): bool", is_match),
    member(R, "Match(text): Match", first),
    member(R, "Matches(text): IEnumerable<Match>", all),
    member(R, "Replace(text, replacement, [count]): string", replace),
    member(R, "Split(text): string[]", split),
    member(Kind::Group, "Success: bool", |c| Ok(Value::Bool(group(c)?.text.is_some()))),
    member(Kind::Group, "Value: string", |c| Ok(Value::Text(group(c)?.text.unwrap_or_default()))),
    member(Kind::Group, "Index: int", |c| group(c).map(|group| Value::Int(number(units(&group.input[..group.start]))))),
    member(Kind::Group, "Length: int", |c| Ok(Value::Int(number(units(&group(c)?.text.unwrap_or_default()))))),
    // The last one only: what a group found before in the same match is not kept.
    member(Kind::Group, "Captures: IEnumerable<Group>", |c| {
        let found = group(c)?;
        let captures = if found.text.is_some() { vec![Value::library(Inner::Group(found))] } else { Vec::new() };
        Ok(Value::sequence(captures))
    }),
    member(Kind::Group, "Name: string", |c| Ok(Value::Text(group(c)?.name))),
    member(Kind::Match, "Groups: Match", |c| Ok(c.this.clone())),
    member(Kind::Match, "Count: int", |c| match c.this.inner() {
        Some(Inner::Match(found)) => Ok(Value::Int(number(found.groups.len()))),
        _ => Ok(Value::Int(0)),
    }),
    member(Kind::Match, "NextMatch(): Match", next),
    member(Kind::Match, "Result(pattern): string", |c| {
        let pattern = c.text(0)?;
        let text = match c.this.inner() {
            Some(Inner::Match(found)) => expand(&pattern, found),
            _ => String::new(),
        };
        c.new_text(text)
    }),
];

/// Text without the backslashes that [`fancy_regex::escape`] and .NET put before signs.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                other => out.extend(other),
            },
            other => out.push(other),
        }
    }
    out
}

/// A match's group by number or name; one that failed when there is none.
pub(in crate::expression) fn group_of(found: &MatchObject, key: &Value) -> Value {
    let group = if let Some(at) = key.as_long() {
        usize::try_from(at).ok().and_then(|at| found.groups.get(at))
    } else {
        let name = key.to_text();
        found.groups.iter().find(|group| group.name == name)
    };
    let none = GroupObject { text: None, input: found.input.clone(), start: 0, name: key.to_text() };
    Value::library(Inner::Group(group.cloned().unwrap_or(none)))
}

fn group(c: &Call<'_, '_>) -> Result<GroupObject, Thrown> {
    match c.this.inner() {
        Some(Inner::Group(group)) => Ok(group.clone()),
        Some(Inner::Match(found)) => Ok(found.groups.first().cloned().unwrap_or(GroupObject {
            text: None,
            input: found.input.clone(),
            start: 0,
            name: "0".into(),
        })),
        _ => Err(Thrown::null("the match")),
    }
}

/// The compiled pattern with the options among the arguments.
fn regex(c: &mut Call<'_, '_>, pattern: &Arc<str>) -> Outcome {
    let options = c.args.iter().find_map(|arg| match arg {
        Value::Enum(Kind::RegexOptions, options) => Some(*options),
        _ => None,
    });
    let key = (pattern.clone(), options.unwrap_or(0));
    if let Some(found) = guard(c.machine.regexes).0.get(&key) {
        return Ok(found.clone());
    }
    c.machine.budget.step(500 + pattern.len().saturating_mul(50))?;
    let flags: String = [(1, 'i'), (2, 'm'), (16, 's'), (32, 'x')]
        .iter()
        .filter(|flag| key.1 & flag.0 != 0)
        .map(|flag| flag.1)
        .collect();
    let flags = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
    let built = fancy_regex::RegexBuilder::new(&format!("{flags}{}", translated(pattern)))
        .backtrack_limit(BACKTRACKS)
        .delegate_size_limit(2 << 20)
        .build()
        .map_err(|error| Thrown::new("RegexParseException", format!("Invalid pattern '{pattern}': {error}")))?;
    let price = if backtracks(pattern) { BACKTRACKING } else { LINEAR };
    let made = Value::library(Inner::Regex(RegexObject { regex: built, pattern: pattern.clone(), price }));
    let mut kept = guard(c.machine.regexes);
    if kept.0.len() < KEPT {
        kept.0.insert(key, made.clone());
    }
    Ok(made)
}

/// .NET's `(?<name>…)` and `\z` are understood; `\Z` and `(?'name'…)` are spelt otherwise here.
fn translated(pattern: &str) -> String {
    let pattern = pattern.replace("\\Z", "(?=\\n?\\z)");
    let mut parts = pattern.split("(?'");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("(?<");
        out.push_str(&part.replacen('\'', ">", 1));
    }
    out
}

/// Whether the pattern needs the backtracking engine: it looks around, refers back or is atomic. All else is linear.
fn backtracks(pattern: &str) -> bool {
    let refers = |pair: &[u8]| pair[0] == b'\\' && (matches!(pair[1], b'1'..=b'9' | b'k' | b'G' | b'Z'));
    ["(?=", "(?!", "(?<=", "(?<!", "(?>", "(?(", "++", "*+", "?+"].iter().any(|word| pattern.contains(word))
        || pattern.as_bytes().windows(2).any(refers)
}

/// Whether a text has a match; for the filters of JSONPath.
pub(super) fn has_match(pattern: &str, text: &str, budget: &mut Budget) -> Result<bool, Thrown> {
    budget.step(500 + pattern.len().saturating_mul(50) + text.len() / 4)?;
    budget.step(if backtracks(pattern) { BACKTRACKING } else { LINEAR })?;
    let built = fancy_regex::RegexBuilder::new(&translated(pattern))
        .backtrack_limit(BACKTRACKS)
        .delegate_size_limit(2 << 20)
        .build()
        .map_err(|error| Thrown::new("RegexParseException", format!("Invalid pattern '{pattern}': {error}")))?;
    built.is_match(text).map_err(|error| failed(&error))
}

/// Moves the pattern of a static call into the receiver.
fn with_static(c: &mut Call<'_, '_>, run: super::Native) -> Outcome {
    let pattern = c.text(1)?;
    c.this = regex(c, &pattern)?;
    c.args.remove(1);
    run(c)
}

fn compiled(value: &Value) -> Result<&RegexObject, Thrown> {
    match value.inner() {
        Some(Inner::Regex(regex)) => Ok(regex),
        _ => Err(Thrown::null("the Regex")),
    }
}

fn failed(error: &fancy_regex::Error) -> Thrown {
    Thrown::new("RegexMatchTimeoutException", format!("The regular expression takes too long: {error}"))
}

fn is_match(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.text(0)?;
    let price = compiled(&c.this)?.price;
    c.machine.budget.step(text.len() / 4 + price)?;
    let found = compiled(&c.this)?.regex.is_match(&*text);
    found.map(Value::Bool).map_err(|error| failed(&error))
}

fn no_match(text: &Arc<str>, regex: &Value) -> Value {
    let next = text.len() + 1;
    Value::library(Inner::Match(MatchObject { groups: Vec::new(), input: text.clone(), regex: regex.clone(), next }))
}

/// The first match from a byte on.
fn match_from(
    c: &mut Call<'_, '_>,
    regex: &Value,
    text: &Arc<str>,
    from: usize,
) -> Result<Option<MatchObject>, Thrown> {
    if from > text.len() {
        return Ok(None);
    }
    let object = compiled(regex)?;
    c.machine.budget.step(object.price)?;
    let compiled = &object.regex;
    let found = compiled.captures_from_pos(&**text, from).map_err(|error| failed(&error))?;
    // What was searched is paid for: up to the match, or all of it.
    let end = found.as_ref().and_then(|found| found.get(0)).map_or(text.len(), |whole| whole.end());
    c.machine.budget.step(end.saturating_sub(from) / 4 + 1)?;
    let Some(found) = found else { return Ok(None) };
    let names: Vec<_> = compiled.capture_names().collect();
    let group = |at: usize| {
        let name = names.get(at).copied().flatten().map_or_else(|| at.to_string().into(), Arc::from);
        let part = found.get(at);
        let start = part.map_or(0, |part| part.start());
        GroupObject { text: part.map(|part| part.as_str().into()), input: text.clone(), start, name }
    };
    let groups: Vec<_> = (0..found.len()).map(group).collect();
    let whole = found.get(0).map_or((from, from), |whole| (whole.start(), whole.end()));
    let step = text[whole.1..].chars().next().map_or(1, char::len_utf8);
    let next = if whole.0 == whole.1 { whole.1 + step } else { whole.1 };
    c.machine.budget.grow(groups.len() * 64)?;
    Ok(Some(MatchObject { groups, input: text.clone(), regex: regex.clone(), next }))
}

fn first(c: &mut Call<'_, '_>) -> Outcome {
    let (text, regex) = (c.text(0)?, c.this.clone());
    let found = match_from(c, &regex, &text, 0)?;
    Ok(found.map_or_else(|| no_match(&text, &regex), |found| Value::library(Inner::Match(found))))
}

fn next(c: &mut Call<'_, '_>) -> Outcome {
    let Some(Inner::Match(found)) = c.this.inner() else { return Err(Thrown::null("the match")) };
    let (text, regex, from) = (found.input.clone(), found.regex.clone(), found.next);
    let found = match_from(c, &regex, &text, from)?;
    Ok(found.map_or_else(|| no_match(&text, &regex), |found| Value::library(Inner::Match(found))))
}

fn matches(c: &mut Call<'_, '_>) -> Result<Vec<MatchObject>, Thrown> {
    let (text, regex) = (c.text(0)?, c.this.clone());
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(one) = match_from(c, &regex, &text, from)? {
        from = one.next;
        found.push(one);
    }
    Ok(found)
}

fn all(c: &mut Call<'_, '_>) -> Outcome {
    let found = matches(c)?.into_iter().map(|found| Value::library(Inner::Match(found)));
    Ok(Value::sequence(found.collect()))
}

/// Where each match is, in bytes.
fn spans(found: &[MatchObject]) -> Vec<(usize, usize)> {
    let place = |found: &MatchObject| {
        let group = found.groups.first()?;
        Some((group.start, group.start + group.text.as_ref().map_or(0, |text| text.len())))
    };
    found.iter().filter_map(place).collect()
}

fn replace(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.text(0)?;
    let found = matches(c)?;
    let most =
        if matches!(c.arg(2), Value::Int(_)) { usize::try_from(c.int(2)?).unwrap_or(usize::MAX) } else { usize::MAX };
    let with = c.arg(1);
    let places = spans(&found);
    let (mut out, mut at) = (String::new(), 0);
    for (found, (from, to)) in found.into_iter().zip(places).take(most) {
        out.push_str(&text[at..from]);
        let part = match &with {
            Value::Lambda(_) => c.machine.invoke(&with, &[Value::library(Inner::Match(found))])?.to_text().to_string(),
            pattern => expand(&pattern.to_text(), &found),
        };
        c.machine.budget.grow(part.len() + from - at)?;
        out.push_str(&part);
        at = to;
    }
    out.push_str(&text[at..]);
    c.new_text(out)
}

/// `$1`, `${name}`, `$&`, `$$`.
fn expand(pattern: &str, found: &MatchObject) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (key, length) = if digits > 0 {
            (&rest[..digits], digits)
        } else if let Some(end) = rest.strip_prefix('{').and_then(|inner| inner.find('}')) {
            (&rest[1..=end], end + 2)
        } else if rest.starts_with('&') {
            ("0", 1)
        } else {
            out.push('$');
            rest = rest.strip_prefix('$').unwrap_or(rest);
            continue;
        };
        let value = key.parse::<i64>().map_or_else(|_| Value::from(key), Value::Long);
        out.push_str(&group_of(found, &value).to_text());
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

fn split(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.text(0)?;
    let found = matches(c)?;
    let (mut parts, mut at) = (Vec::new(), 0);
    for (found, (from, to)) in found.iter().zip(spans(&found)) {
        parts.push(Value::from(&text[at..from]));
        parts.extend(found.groups.iter().skip(1).filter_map(|group| group.text.clone()).map(Value::Text));
        at = to;
    }
    parts.push(Value::from(&text[at..]));
    Ok(Value::array(parts))
}
