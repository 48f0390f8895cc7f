//! A counter as people read it, and what they ask of it: how much to raise it by, and until when.

use serde_json::{Map, Value, json};

use super::{
    params::{PAGED, Params, Unanswered},
    span,
    table::Table,
};
use crate::{
    limits::{Counted, CounterView, Limits, Period, Raise, Reserve, Window},
    model::{HumanCount, HumanMoney, HumanSize, Timestamp, money::decimal},
};

/// The fields of a counter, in the order of CSV.
const COLUMNS: &[&str] = &[
    "id",
    "account",
    "rule",
    "key",
    "measure",
    "window",
    "time_zone",
    "limit",
    "used",
    "reserved",
    "remaining",
    "open",
    "window_start",
    "resets_at",
    "reserve",
    "shadow",
    "models",
    "raised_by",
    "raised_until",
    "raise_reason",
];

/// What a table for people shows.
const SHOWN: &[&str] =
    &["account", "measure", "window", "limit", "used", "reserved", "remaining", "resets_at", "raised_by", "shadow"];

/// Longest reason that is kept, in bytes.
const LONGEST_REASON: usize = 500;

/// Answers `quotas`: the counters of this process, by account. Parameters: `account`, the beginning of the accounts
/// that are wanted, `measure`, `limit`, `after`.
///
/// # Errors
/// A parameter that is wrong or unknown.
pub fn quotas(limits: &Limits, params: &Params) -> Result<Table, Unanswered> {
    params.only(&[PAGED, &["account", "measure"]])?;
    let (limit, after) = (params.limit()?, params.get("after"));
    let mut views = limits.views();
    views.retain(|view| params.get("account").is_none_or(|start| view.account.starts_with(start)));
    views.retain(|view| params.get("measure").is_none_or(|wanted| measure(view.rule.counted) == wanted));
    views.retain(|view| after.is_none_or(|after| &*view.account > after));
    let next = views.get(limit).and_then(|_| views.get(limit - 1)).map(|last| last.account.to_string());
    let items = views.iter().take(limit).map(counter).collect();
    Ok(Table { head: Map::new(), columns: COLUMNS.to_vec(), shown: SHOWN.to_vec(), next, items })
}

/// The columns of [`quotas`]: all of them, and those that a table shows.
#[must_use]
pub const fn quota_columns() -> (&'static [&'static str], &'static [&'static str]) {
    (COLUMNS, SHOWN)
}

/// A counter. Amounts are in units of its measure, money in 10⁻⁹ of the currency's unit.
#[must_use]
pub fn counter(view: &CounterView) -> Value {
    let rule = &view.rule;
    let raise = view.raise.as_ref();
    let (window, zone) = window(&rule.window);
    json!({
        "id": path_name(&view.account),
        "account": &*view.account,
        "rule": &*rule.id,
        "key": view.key(),
        "measure": measure(rule.counted),
        "window": window,
        "time_zone": zone,
        "limit": view.limit,
        "used": view.used,
        "reserved": view.reserved,
        "remaining": view.remaining,
        "open": view.open,
        "window_start": view.window.map(|(start, _)| start.to_string()),
        "resets_at": view.resets_at.to_string(),
        "reserve": reserve(rule.reserve),
        "shadow": rule.shadow,
        "models": rule.models.as_ref().map(|models| models.iter().map(|model| &**model).collect::<Vec<_>>()),
        "raised_by": raise.map(|raise| raise.amount),
        "raised_until": raise.map(|raise| raise.until.to_string()),
        "raise_reason": raise.map(|raise| &*raise.reason),
    })
}

/// An account as one segment of a path. An encoded slash or backslash is refused in paths, because servers disagree
/// about what it means: as in JSON Pointer (RFC 6901) `/` is written `~1` and `~` is `~0`, and `\` is `~2`.
#[must_use]
pub fn path_name(account: &str) -> String {
    account.replace('~', "~0").replace('/', "~1").replace('\\', "~2")
}

/// The account of a [`path_name`]; one that is written as it is stays so.
#[must_use]
pub fn account_of(name: &str) -> String {
    name.replace("~2", "\\").replace("~1", "/").replace("~0", "~")
}

/// An amount of a measure for people: money as a decimal.
#[must_use]
pub fn amount(measure: &str, amount: i64) -> String {
    if measure == "nanos" { decimal(amount) } else { amount.to_string() }
}

/// The word of what is counted.
#[must_use]
pub const fn measure(counted: Counted) -> &'static str {
    match counted {
        Counted::Requests => "requests",
        Counted::Tokens => "tokens",
        Counted::InputTokens => "input_tokens",
        Counted::OutputTokens => "output_tokens",
        Counted::Bytes => "bytes",
        Counted::Nanos => "nanos",
        Counted::Concurrency => "concurrency",
    }
}

fn window(window: &Window) -> (String, Option<String>) {
    match window {
        Window::Rolling(length) => (format!("{}s rolling", length.as_secs()), None),
        Window::Calendar { period, zone } => {
            (period_word(*period).to_owned(), Some(zone.iana_name().unwrap_or("UTC").to_owned()))
        }
        Window::Open => ("open requests".to_owned(), None),
    }
}

const fn period_word(period: Period) -> &'static str {
    match period {
        Period::Hour => "hour",
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Year => "year",
        Period::Every { .. } => "fixed",
    }
}

const fn reserve(reserve: Reserve) -> &'static str {
    match reserve {
        Reserve::After => "after",
        Reserve::Adaptive => "adaptive",
        Reserve::Strict => "strict",
    }
}

/// The raise that the fields of a body describe: `amount` (by how much) or `limit` (to how much), `until`, `reason`.
///
/// # Errors
/// A field that is missing, unknown or wrong: all of them named by themselves.
pub fn raise(view: &CounterView, fields: &Map<String, Value>, now: Timestamp) -> Result<Raise, Unanswered> {
    only(fields, &["amount", "limit", "until", "reason"])?;
    let configured = view.rule.limit;
    let (name, by) = match (fields.get("amount"), fields.get("limit")) {
        (Some(by), None) => ("amount", quantity("amount", by, view.rule.counted)?),
        (None, Some(to)) => ("limit", quantity("limit", to, view.rule.counted)?.saturating_sub(configured)),
        _ => return Err(Unanswered::bad("amount", "send either amount (by how much) or limit (to how much)")),
    };
    if by <= 0 || configured.checked_add(by).is_none() {
        let limit = amount(measure(view.rule.counted), configured);
        return Err(Unanswered::bad(name, format!("this does not raise the limit, which is {limit}")));
    }
    let Some(text) = fields.get("until").and_then(Value::as_str) else {
        return Err(Unanswered::bad("until", "say until when, such as 2026-12-01T00:00:00Z, 2026-12-01 or +24h"));
    };
    let until = span::moment_named("until", text, None, now)?;
    if until <= now {
        return Err(Unanswered::bad("until", format!("{until} is not in the future")));
    }
    let reason = reason(fields)?.ok_or_else(|| Unanswered::bad("reason", "say why, for the audit log"))?;
    Ok(Raise { amount: by, until, reason: reason.into() })
}

/// The reason that the fields of a body give.
///
/// # Errors
/// A reason that is no short text.
pub fn reason(fields: &Map<String, Value>) -> Result<Option<&str>, Unanswered> {
    match fields.get("reason") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST_REASON => Ok(Some(text)),
        Some(_) => Err(Unanswered::bad("reason", format!("is not a text of at most {LONGEST_REASON} bytes"))),
    }
}

/// Refuses fields that mean nothing.
///
/// # Errors
/// The first such field.
pub fn only(fields: &Map<String, Value>, known: &[&str]) -> Result<(), Unanswered> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Unanswered::bad(name, format!("is not a field here; there are {}", known.join(", ")))),
    }
}

/// A number in the measure's units, or a text as configuration files spell it: `5M`, `64MiB`, `200 USD`.
fn quantity(name: &str, value: &Value, counted: Counted) -> Result<i64, Unanswered> {
    let (read, example): (Option<i64>, _) = match (value, counted) {
        (Value::Number(number), _) => (number.as_i64(), "a whole number above 0"),
        (Value::String(text), Counted::Nanos) => (money(text), "an amount of money such as 200 USD"),
        (Value::String(text), Counted::Bytes) => {
            (text.parse().ok().and_then(|HumanSize(bytes)| i64::try_from(bytes).ok()), "a size such as 64MiB")
        }
        (Value::String(text), _) => {
            (text.parse().ok().and_then(|HumanCount(count)| i64::try_from(count).ok()), "a count such as 20000 or 5M")
        }
        _ => (None, "a whole number, or a text such as 5M"),
    };
    read.filter(|amount| *amount > 0).ok_or_else(|| Unanswered::bad(name, format!("{value} is not {example}")))
}

fn money(text: &str) -> Option<i64> {
    text.parse().ok().map(|HumanMoney(nanos)| nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_survives_its_way_through_a_path() {
        for (account, name) in [
            ("product:team/tokens_per_month#team", "product:team~1tokens_per_month#team"),
            ("r#a~b", "r#a~0b"),
            ("r#~1", "r#~01"),
            ("r#a\\b", "r#a~2b"),
        ] {
            assert_eq!(path_name(account), name);
            assert_eq!(account_of(name), account);
        }
        assert_eq!(account_of("a/b#c"), "a/b#c");
    }
}
