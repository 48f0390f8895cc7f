//! JSONPath as `SelectToken` reads it: members, indexes, slices, wildcards, descent and filters.

use crate::expression::{
    Thrown, Value,
    bounds::Budget,
    value::{Json, Key, Places, json::MAX_DEPTH},
};

/// The tokens that a path leads to.
pub(super) fn select(root: &Json, path: &str, budget: &mut Budget, places: &mut Places) -> Result<Vec<Json>, Thrown> {
    let mut current = vec![root.clone()];
    let mut rest = path.trim().strip_prefix('$').unwrap_or(path.trim());
    while !rest.is_empty() {
        let deep = rest.starts_with("..");
        rest = rest.strip_prefix("..").or_else(|| rest.strip_prefix('.')).unwrap_or(rest);
        let (step, after) = next_step(rest)?;
        if after.len() == rest.len() {
            return Err(broken(path));
        }
        rest = after;
        let from = if deep { descend(&current, budget, places)? } else { current };
        current = Vec::new();
        for token in &from {
            budget.step(1)?;
            apply(&step, token, (budget, places), &mut current)?;
        }
    }
    Ok(current)
}

fn broken(path: &str) -> Thrown {
    Thrown::new("JsonException", format!("Unexpected character while parsing path: {path}"))
}

enum Step<'a> {
    All,
    Names(Vec<&'a str>),
    Indexes(Vec<i64>),
    /// From, to, and how far apart.
    Slice(Option<i64>, Option<i64>, usize),
    Filter(&'a str),
}

fn next_step(rest: &str) -> Result<(Step<'_>, &str), Thrown> {
    if !rest.starts_with('[') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let step = if &rest[..end] == "*" { Step::All } else { Step::Names(vec![&rest[..end]]) };
        return Ok((step, &rest[end..]));
    }
    let end = closing(rest).ok_or_else(|| broken(rest))?;
    let inner = rest[1..end].trim();
    let step = if inner == "*" {
        Step::All
    } else if let Some(filter) = inner.strip_prefix("?(").and_then(|filter| filter.strip_suffix(')')) {
        Step::Filter(filter.trim())
    } else if inner.starts_with(['\'', '"']) {
        Step::Names(split_outside(inner, ",").into_iter().map(unquoted).collect())
    } else if let Some((from, rest)) = inner.split_once(':') {
        let (to, every) = rest.split_once(':').unwrap_or((rest, ""));
        let every = every.trim().parse().ok().filter(|every| *every > 0).unwrap_or(1);
        Step::Slice(from.trim().parse().ok(), to.trim().parse().ok(), every)
    } else {
        let numbers = inner.split(',').map(|number| number.trim().parse()).collect::<Result<_, _>>();
        Step::Indexes(numbers.map_err(|_| broken(rest))?)
    };
    Ok((step, &rest[end + 1..]))
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inside = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) => quote = (open != letter).then_some(open),
            (None, '\'' | '"') => quote = Some(letter),
            (None, '/') if depth > 0 => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 1 => return Some(at),
            (None, ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn descend(tokens: &[Json], budget: &mut Budget, places: &mut Places) -> Result<Vec<Json>, Thrown> {
    let mut all = Vec::new();
    let mut pending: Vec<_> = tokens.iter().rev().map(|token| (token.clone(), 0)).collect();
    while let Some((token, depth)) = pending.pop() {
        budget.grow(32)?;
        if depth < MAX_DEPTH {
            pending.extend(places.children(&token).into_iter().rev().map(|child| (child, depth + 1)));
        }
        all.push(token);
    }
    Ok(all)
}

fn apply(
    step: &Step<'_>,
    token: &Json,
    (budget, places): (&mut Budget, &mut Places),
    out: &mut Vec<Json>,
) -> Result<(), Thrown> {
    match (step, token) {
        (Step::All, token) => out.extend(places.children(token)),
        (Step::Names(names), Json::Object(object)) => {
            let found = names.iter().filter_map(|name| Some((*name, object.get(name)?)));
            out.extend(found.map(|(name, found)| places.note(token, || Key::Name(name.into()), found)));
        }
        (Step::Indexes(indexes), Json::Array(array)) => {
            let at = |index: &i64| usize::try_from(*index).ok().and_then(|at| Some((at, array.get(at)?)));
            let found = indexes.iter().filter_map(at);
            out.extend(found.map(|(at, item)| places.note(token, || Key::At(at), item)));
        }
        (Step::Slice(from, to, every), Json::Array(array)) => {
            let items = places.children(&Json::Array(array.clone()));
            let place = |index: i64| {
                if index < 0 {
                    items.len().saturating_sub(usize::try_from(-index).unwrap_or(0))
                } else {
                    usize::try_from(index).unwrap_or(0).min(items.len())
                }
            };
            let (from, to) = (from.map_or(0, place), to.map_or(items.len(), place));
            out.extend(items.get(from..to).unwrap_or_default().iter().step_by(*every).cloned());
        }
        (Step::Filter(filter), token) => {
            for child in places.children(token) {
                budget.step(filter.len() / 4 + 1)?;
                if holds(filter, &child, budget, 0)? {
                    out.push(child);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

const OPERATORS: &[&str] = &["==", "!=", "<=", ">=", "=~", "<", ">"];

fn holds(filter: &str, token: &Json, budget: &mut Budget, depth: usize) -> Result<bool, Thrown> {
    if depth > 8 {
        return Err(broken(filter));
    }
    for (word, any) in [("||", true), ("&&", false)] {
        let parts = split_outside(filter, word);
        if parts.len() > 1 {
            for part in parts {
                if holds(part, token, budget, depth + 1)? == any {
                    return Ok(any);
                }
            }
            return Ok(!any);
        }
    }
    let filter = filter.trim();
    let found = OPERATORS.iter().find_map(|operator| {
        let parts = split_outside(filter, operator);
        (parts.len() == 2).then(|| (*operator, parts[0], parts[1]))
    });
    let Some((operator, left, right)) = found else {
        return Ok(!operand(filter, token, budget)?.is_empty());
    };
    if operator == "=~" {
        return matching(left, right, token, budget);
    }
    let (left, right) = (operand(left, token, budget)?, operand(right, token, budget)?);
    budget.step(left.len().saturating_mul(right.len()))?;
    Ok(left.iter().any(|left| right.iter().any(|right| compare(operator, left, right))))
}

/// `@.path =~ /pattern/i`.
fn matching(left: &str, right: &str, token: &Json, budget: &mut Budget) -> Result<bool, Thrown> {
    let (pattern, flags) = match right.trim().strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
        Some((pattern, flags)) => (pattern, flags.trim()),
        None => (unquoted(right), ""),
    };
    let pattern = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    for found in operand(left, token, budget)? {
        if super::regex::has_match(&pattern, &found.scalar().to_text(), budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Splits outside quotes and brackets.
fn split_outside<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let (mut depth, mut quote, mut from, mut parts, mut skip) = (0_i32, None, 0, Vec::new(), 0);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) => quote = (open != letter).then_some(open),
            // After a slash comes a pattern, in which brackets mean something else.
            (None, '\'' | '"' | '/') => quote = Some(letter),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth -= 1,
            _ if depth == 0 && at >= skip && text[at..].starts_with(word) => {
                parts.push(&text[from..at]);
                from = at + word.len();
                skip = from;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn operand(text: &str, token: &Json, budget: &mut Budget) -> Result<Vec<Json>, Thrown> {
    let text = text.trim();
    match text.strip_prefix('@') {
        Some("") => Ok(vec![token.clone()]),
        Some(path) => select(token, path, budget, &mut Places::default()),
        None => Json::parse(text).map(|json| vec![json]).map_err(|_| broken(text)),
    }
}

fn compare(operator: &str, left: &Json, right: &Json) -> bool {
    let both_null = matches!((left.plain(), right.plain()), (Json::Null, Json::Null));
    let (left, right) = (left.scalar(), right.scalar());
    let order = left.compare(&right);
    match operator {
        "==" => both_null || left.equals(&right),
        "!=" => !both_null && !left.equals(&right),
        _ if matches!(left, Value::Null) || matches!(right, Value::Null) => false,
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        _ => order.is_some_and(std::cmp::Ordering::is_ge),
    }
}
