//! The FOCUS 1.2 export: what usage cost, in the columns that finance systems import.
//!
//! One line per day (UTC), subscription, product, model and backend. All mandatory columns of the specification are
//! there, and the conditional ones whose condition holds here. Left out are columns of what a gateway does not have:
//! regions, commitments, capacity reservations, pricing currencies, and published unit prices (a line's tokens are of
//! several prices, so no unit price times their sum would be its cost). Own columns begin with `x_`.

use std::{collections::BTreeMap, sync::Arc};

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

/// Answers `focus` and `tollgate usage focus`. Parameters: `from`, `to`, the filters, and `account`, the
/// `BillingAccountId` of all lines.
///
/// # Errors
/// A parameter that is wrong or unknown, or a database that fails.
pub async fn focus(
    source: &dyn Reports,
    params: &Params,
    labels: Labels<'_>,
    now: Timestamp,
) -> Result<Table, Unanswered> {
    params.only(&[SPAN, FILTERS, &["account", "format"]])?;
    let mut span = params.span(now)?;
    if params.get("tz").is_some_and(|zone| zone != "UTC") {
        return Err(Unanswered::bad("tz", "FOCUS has days of UTC; leave tz out"));
    }
    span.zone = TimeZone::UTC;
    let mut items = Vec::new();
    let account = params.get("account").unwrap_or(ACCOUNT);
    for cell in cells(source, &span, params).await? {
        let tags = cell.subscription.as_deref().map(labels).unwrap_or_default();
        items.extend(cell.lines(account, &tags)?);
    }
    items.sort_by_cached_key(|line| line["ChargePeriodStart"].to_string());
    Ok(Table { head: Map::new(), columns: COLUMNS.to_vec(), shown: SHOWN.to_vec(), next: None, items })
}

/// Usage of one day, subscription, product, model and backend.
struct Cell {
    subscription: Option<Arc<str>>,
    product: Option<Arc<str>>,
    model: Option<Arc<str>>,
    /// One day of one backend.
    row: ReportRow,
}

/// A report has one dimension: the cells are found by asking for each value of the one before.
async fn cells(source: &dyn Reports, span: &Span, params: &Params) -> Result<Vec<Cell>, Unanswered> {
    let mut cells = Vec::new();
    let filters = params.filters();
    for subscription in values(source, span, Dimension::Subscription, &filters).await? {
        let own = with(&filters, Dimension::Subscription, &subscription);
        for product in values(source, span, Dimension::Product, &own).await? {
            let own = with(&own, Dimension::Product, &product);
            for model in values(source, span, Dimension::Model, &own).await? {
                let own = with(&own, Dimension::Model, &model);
                let query = ask(span, Dimension::Backend, Some(Bucket::Day), own);
                cells.extend(all(source, query).await?.into_iter().map(|row| Cell {
                    subscription: named(&subscription),
                    product: named(&product),
                    model: named(&model),
                    row,
                }));
            }
        }
    }
    Ok(cells)
}

async fn values(
    source: &dyn Reports,
    span: &Span,
    by: Dimension,
    filters: &[(Dimension, Arc<str>)],
) -> Result<Vec<Arc<str>>, Unanswered> {
    let rows = all(source, ask(span, by, None, filters.to_vec())).await?;
    Ok(rows.into_iter().map(|row| row.key.value.unwrap_or_default()).collect())
}

/// The filters with one more. One that was asked for already is the same: only its values are found.
fn with(filters: &[(Dimension, Arc<str>)], by: Dimension, value: &Arc<str>) -> Vec<(Dimension, Arc<str>)> {
    let others = filters.iter().filter(|(dimension, _)| *dimension != by).cloned();
    others.chain([(by, value.clone())]).collect()
}

fn ask(span: &Span, by: Dimension, bucket: Option<Bucket>, filters: Vec<(Dimension, Arc<str>)>) -> ReportQuery {
    let (from, to, zone) = (span.from, span.to, span.zone.clone());
    ReportQuery { by: Some(by), bucket, from, to, zone, filters, limit: 1, after: None }
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
        let backend = self.row.key.value.as_ref().and_then(named);
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
