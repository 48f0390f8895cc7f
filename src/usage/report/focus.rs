//! The FOCUS 1.2 export: what usage cost, in the columns that finance systems import.
//!
//! One line per day (UTC), subscription, product, model and backend. All mandatory columns of the specification are
//! there, and the conditional ones whose condition holds here. Left out are columns of what a gateway does not have:
//! regions, commitments, capacity reservations, pricing currencies, and published unit prices (a line's tokens are of
//! several prices, so no unit price times their sum would be its cost). Own columns begin with `x_`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    line::local,
    params::{FILTERS, Params, SPAN, Unanswered},
    reports::all,
    span::Span,
    table::Table,
};
use crate::{
    model::{Timestamp, money::decimal},
    store::{Bucket, Dimension, ReportQuery, ReportRow, Reports, Sum},
};

/// The columns: FOCUS's in the alphabetical order of the specification, then ours.
pub const COLUMNS: &[&str] = &[
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "x_Backend",
    "x_CachedInputTokens",
    "x_CacheWriteTokens",
    "x_EstimatedRequests",
    "x_InputTokens",
    "x_Model",
    "x_OutputTokens",
    "x_ReasoningTokens",
    "x_Requests",
    "x_SavedCost",
    "x_UnpricedRequests",
];

/// What a table for people shows.
const SHOWN: &[&str] = &[
    "ChargePeriodStart",
    "SubAccountId",
    "ResourceId",
    "SkuId",
    "x_Backend",
    "ConsumedQuantity",
    "ConsumedUnit",
    "BilledCost",
    "BillingCurrency",
];

/// The account and issuer when nobody names another: us.
const ACCOUNT: &str = "tollgate";
/// The currency of lines that cost nothing: that of the price table.
const CURRENCY: &str = "USD";

/// The labels of a subscription, which become its lines' tags.
pub type Labels<'a> = &'a (dyn Fn(&str) -> BTreeMap<String, String> + Send + Sync);

/// A page ends with the day in which it has got so many lines: whatever the period, an export is never all in memory.
const LINES: usize = 5_000;

/// Answers `focus` and `tollgate usage focus`, whole days a page. Parameters: `from`, `to`, the filters, `after`, and
/// `account`, the `BillingAccountId` of all lines.
///
/// # Errors
/// A parameter that is wrong or unknown, or a database that fails.
pub async fn focus(
    source: &dyn Reports,
    params: &Params,
    labels: Labels<'_>,
    now: Timestamp,
) -> Result<Table, Unanswered> {
    params.only(&[SPAN, FILTERS, &["account", "after", "format"]])?;
    let mut span = params.span(now)?;
    if params.get("tz").is_some_and(|zone| zone != "UTC") {
        return Err(Unanswered::bad("tz", "FOCUS has days of UTC; leave tz out"));
    }
    span.zone = TimeZone::UTC;
    if let Some(after) = params.get("after") {
        span.from = span.from.max(next_day(after)?);
    }
    let (mut items, mut next) = (Vec::new(), None);
    let account = params.get("account").unwrap_or(ACCOUNT);
    let days = days(source, &span, params).await?;
    for (nth, day) in days.iter().enumerate() {
        for cell in cells(source, day, params).await? {
            let tags = cell.subscription.as_deref().map(labels).unwrap_or_default();
            items.extend(cell.lines(account, &tags)?);
        }
        if items.len() >= LINES && nth + 1 < days.len() {
            next = Some(local(day.from, &TimeZone::UTC).date().to_string());
            break;
        }
    }
    Ok(Table { head: Map::new(), columns: COLUMNS.to_vec(), shown: SHOWN.to_vec(), next, items })
}

/// The begin of the day after the one that a page ended with.
fn next_day(after: &str) -> Result<Timestamp, Unanswered> {
    let day = after.parse::<Date>().and_then(|day| day.checked_add(1.day()));
    let begin = day
        .and_then(|day| day.to_zoned(TimeZone::UTC))
        .ok()
        .and_then(|begin| u64::try_from(begin.timestamp().as_nanosecond()).ok().map(Timestamp::from_nanos));
    begin.ok_or_else(|| Unanswered::bad("after", "is not the `next` of the page before"))
}

/// The days in which there was anything, cut to the span.
async fn days(source: &dyn Reports, span: &Span, params: &Params) -> Result<Vec<Span>, Unanswered> {
    let filters = params.filters();
    let query = ReportQuery {
        by: None,
        also: Vec::new(),
        bucket: Some(Bucket::Day),
        from: span.from,
        to: span.to,
        zone: TimeZone::UTC,
        filters,
        limit: 1,
        after: None,
    };
    let found = all(source, query).await?;
    let day = |row: &ReportRow| {
        let start = row.key.start.unwrap_or_default();
        let end = start.plus(Duration::from_hours(24));
        Span { from: span.from.max(start), to: span.to.min(end), zone: TimeZone::UTC }
    };
    Ok(found.iter().map(day).collect())
}

/// Usage of one day, subscription, product, model and backend.
struct Cell {
    subscription: Option<Arc<str>>,
    product: Option<Arc<str>>,
    model: Option<Arc<str>>,
    backend: Option<Arc<str>>,
    row: ReportRow,
}

/// The cells of a day.
async fn cells(source: &dyn Reports, day: &Span, params: &Params) -> Result<Vec<Cell>, Unanswered> {
    let query = ReportQuery {
        by: Some(Dimension::Subscription),
        also: vec![Dimension::Product, Dimension::Model, Dimension::Backend],
        bucket: Some(Bucket::Day),
        from: day.from,
        to: day.to,
        zone: TimeZone::UTC,
        filters: params.filters(),
        limit: 1,
        after: None,
    };
    let rows = all(source, query).await?;
    let cell = |row: ReportRow| {
        let also = |nth: usize| row.key.also.get(nth).and_then(named);
        Cell {
            subscription: row.key.value.as_ref().and_then(named),
            product: also(0),
            model: also(1),
            backend: also(2),
            row,
        }
    };
    Ok(rows.into_iter().map(cell).collect())
}

fn named(value: &Arc<str>) -> Option<Arc<str>> {
    Some(value.clone()).filter(|value| !value.is_empty())
}

impl Cell {
    /// One line per currency, and one when nothing was priced. Quantities are on the first, so that they add up.
    fn lines(&self, account: &str, tags: &BTreeMap<String, String>) -> Result<Vec<Value>, Unanswered> {
        let day = local(self.row.key.start.unwrap_or_default(), &TimeZone::UTC).date();
        let mut costs: Vec<(&str, i64)> = self.row.cost.iter().map(|(name, nanos)| (&**name, *nanos)).collect();
        if costs.is_empty() {
            costs.push((CURRENCY, 0));
        }
        let mut lines = Vec::new();
        for (nth, (currency, nanos)) in costs.into_iter().enumerate() {
            let mut line = Map::new();
            periods(&mut line, day)?;
            self.charge(&mut line, account, currency, nanos);
            self.quantities(&mut line, nth == 0);
            self.offering(&mut line);
            self.whose(&mut line, tags);
            lines.push(Value::Object(line));
        }
        Ok(lines)
    }

    fn charge(&self, line: &mut Map<String, Value>, account: &str, currency: &str, nanos: i64) {
        let cost = decimal(nanos);
        for name in ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"] {
            line.insert(name.into(), json!(cost));
        }
        let saved = self.row.saved.get(currency).copied().unwrap_or(0);
        add(
            line,
            json!({
                "BillingAccountId": account,
                "BillingAccountName": account,
                "BillingAccountType": "Gateway",
                "BillingCurrency": currency,
                "ChargeCategory": "Usage",
                "ChargeClass": null,
                "ChargeFrequency": "Usage-Based",
                "InvoiceId": null,
                "InvoiceIssuerName": account,
                "PricingCategory": "Standard",
                "x_SavedCost": decimal(saved),
            }),
        );
    }

    /// Tokens where a model was asked, else requests.
    fn quantities(&self, line: &mut Map<String, Value>, counts: bool) {
        let of = |sum| if counts { self.row.totals.get(sum) } else { 0 };
        let (unit, quantity) = match self.model {
            Some(_) => ("Tokens", if counts { self.row.totals.tokens() } else { 0 }),
            None => ("Requests", of(Sum::Calls)),
        };
        add(
            line,
            json!({
                "ConsumedQuantity": quantity,
                "ConsumedUnit": unit,
                "PricingQuantity": quantity,
                "PricingUnit": unit,
                "SkuMeter": unit,
                "x_Requests": of(Sum::Calls),
                "x_UnpricedRequests": of(Sum::Unpriced),
                "x_EstimatedRequests": of(Sum::Estimated),
                "x_InputTokens": of(Sum::Input),
                "x_CachedInputTokens": of(Sum::CachedInput),
                "x_CacheWriteTokens": of(Sum::CacheWrite),
                "x_OutputTokens": of(Sum::Output),
                "x_ReasoningTokens": of(Sum::Reasoning),
            }),
        );
    }

    fn offering(&self, line: &mut Map<String, Value>) {
        let (category, subcategory, service) = match self.model {
            Some(_) => ("AI and Machine Learning", "Generative AI", "Model APIs"),
            None => ("Integration", "API Management", "HTTP APIs"),
        };
        let backend = &self.backend;
        let calls = self.row.totals.get(Sum::Calls);
        let what = self.model.as_deref().unwrap_or("HTTP APIs");
        let whence = backend.as_deref().map_or_else(String::new, |backend| format!(" at {backend}"));
        add(
            line,
            json!({
                "ChargeDescription": format!("{calls} requests to {what}{whence}"),
                "ProviderName": "Tollgate",
                "PublisherName": backend.as_deref().unwrap_or("Tollgate"),
                "ServiceCategory": category,
                "ServiceName": service,
                "ServiceSubcategory": subcategory,
                "SkuId": self.model.as_deref().unwrap_or("requests"),
                "x_Backend": backend.as_deref(),
                "x_Model": self.model.as_deref(),
            }),
        );
    }

    fn whose(&self, line: &mut Map<String, Value>, tags: &BTreeMap<String, String>) {
        let (subscription, product) = (self.subscription.as_deref(), self.product.as_deref());
        add(
            line,
            json!({
                "ResourceId": subscription,
                "ResourceName": subscription,
                "ResourceType": subscription.map(|_| "Subscription"),
                "SubAccountId": product,
                "SubAccountName": product,
                "SubAccountType": product.map(|_| "Product"),
                "Tags": subscription.map(|_| json!(tags).to_string()),
            }),
        );
    }
}

/// The day of the charge and the month of the bill, their ends left out.
fn periods(line: &mut Map<String, Value>, day: Date) -> Result<(), Unanswered> {
    let beyond = |error: jiff::Error| Unanswered::bad("to", error.to_string());
    let month = day.first_of_month();
    for (name, date) in [
        ("ChargePeriodStart", day),
        ("ChargePeriodEnd", day.checked_add(1.day()).map_err(beyond)?),
        ("BillingPeriodStart", month),
        ("BillingPeriodEnd", month.checked_add(1.month()).map_err(beyond)?),
    ] {
        line.insert(name.into(), json!(format!("{date}T00:00:00Z")));
    }
    Ok(())
}

fn add(line: &mut Map<String, Value>, fields: Value) {
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
}
