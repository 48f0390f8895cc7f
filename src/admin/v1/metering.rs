//! The endpoints of usage, quotas and audit on one page: what they take and answer, for router and description.

use http::Method;

use super::{audit, focus, quotas, reports, requests, statement};
use crate::{
    admin::endpoint::{
        Endpoint,
        Input::{Json, Nothing, Query},
    },
    usage::report::BY,
};

/// A range of time and the usage that is meant, as parameters.
const USAGE: [(&str, &str); 12] = [
    ("from", "Requests that began at or after this: RFC 3339, a date, a month, `-24h`, `today`, `last-month` …"),
    ("to", "Requests that began before this; the end of this hour unless said."),
    ("tz", "Where days and months begin, such as Europe/Berlin; UTC unless said."),
    ("subscription", "Only usage with this value; `-`: usage without one. The same holds for the next ones."),
    ("product", "Only of this product."),
    ("user", "Only of this user."),
    ("api", "Only of this API."),
    ("operation", "Only of this operation."),
    ("workspace", "Only of this workspace."),
    ("model", "Only of this model."),
    ("upstream_model", "Only of this model as backends know it."),
    ("backend", "Only of this backend."),
];

/// A page, and the answer's format.
const PAGED: [(&str, &str); 3] = [
    ("limit", "How many at most, 1 to 1000; 100 unless said."),
    ("after", "`next` of the page before."),
    ("format", "`json` or `csv`; an `Accept: text/csv` does it too."),
];

const STEPS: [(&str, &str); 2] = [
    ("bucket", "One line per hour, day or month as well."),
    ("total", "`true`: with the sums of everything that was asked for."),
];

const ROWS: [(&str, &str); 5] = [
    ("outcome", "Only requests that ended so, such as client_gone."),
    ("status", "Only with this status: 429, 5xx, 400-499."),
    ("end_user", "Only of this end user of a caller."),
    ("client_request_id", "Only with this x-request-id of a caller."),
    ("order", "`newest` first, unless said, or `oldest`."),
];

const ACCOUNT: [(&str, &str); 3] = [
    ("account", "The BillingAccountId; `tollgate` unless said."),
    ("after", "`next` of the page before: a page is whole days of some 5,000 lines."),
    ("format", "`json` or `csv`."),
];

const MONTH: [(&str, &str); 3] = [
    ("month", "Such as 2026-10, this-month or last-month; this month unless said."),
    ("tz", "Where the month begins; UTC unless said."),
    ("format", "`json` or `csv`."),
];

const COUNTERS: [(&str, &str); 2] =
    [("account", "Only counters whose account begins so."), ("measure", "Only counters of this measure.")];

const AUDIT: [(&str, &str); 6] = [
    ("from", "Lines at or after this."),
    ("to", "Lines before this."),
    ("tz", "Where days begin; UTC unless said."),
    ("actor", "Only of this actor."),
    ("action", "Only this action."),
    ("object", "Only about this object."),
];

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut all: Vec<Endpoint> = BY.into_iter().map(report).collect();
    let requests = |path: &str, summary: &str| {
        Endpoint::new(Method::GET, path, summary, requests::list)
            .tag("usage")
            .takes(Query(&[&USAGE, &ROWS, &PAGED]))
            .answers(200, Some("UsageRow"))
    };
    all.extend([
        requests("/reports/by-request", "Single requests, as /requests"),
        requests("/requests", "Single requests, the newest first"),
        Endpoint::new(Method::GET, "/requests/{id}", "One request with its tries and charges", requests::get)
            .tag("usage")
            .answers(200, Some("UsageRow")),
        statement("/products/{id}/statement", "product"),
        statement("/subscriptions/{id}/statement", "subscription"),
        Endpoint::new(Method::GET, "/focus", "What usage cost, in the columns of FOCUS 1.2", focus::get)
            .tag("usage")
            .takes(Query(&[&USAGE, &ACCOUNT]))
            .answers(200, Some("FocusLine")),
        Endpoint::new(Method::GET, "/audit", "Who changed what and why, the newest first", audit::list)
            .tag("usage")
            .takes(Query(&[&AUDIT, &PAGED]))
            .answers(200, Some("AuditLine")),
    ]);
    all.extend(counters());
    all
}

fn report(by: &'static str) -> Endpoint {
    let summary = format!("Usage by {}", by.replace('-', " "));
    Endpoint::new(Method::GET, format!("/reports/by-{by}"), summary, move |call| reports::get(call, by))
        .tag("usage")
        .takes(Query(&[&USAGE, &STEPS, &PAGED]))
        .answers(200, Some("ReportLine"))
}

fn statement(path: &str, of: &'static str) -> Endpoint {
    Endpoint::new(Method::GET, path, format!("A month's statement of a {of}"), move |call| statement::get(call, of))
        .tag("usage")
        .takes(Query(&[&MONTH]))
        .answers(200, Some("ReportLine"))
}

fn counters() -> [Endpoint; 5] {
    [
        Endpoint::new(Method::GET, "/quotas", "Counters of limits", quotas::list)
            .tag("quotas")
            .takes(Query(&[&COUNTERS, &PAGED]))
            .answers(200, Some("Counter")),
        Endpoint::new(Method::GET, "/quotas/{id}", "One counter", quotas::get)
            .tag("quotas")
            .answers(200, Some("Counter")),
        Endpoint::new(Method::POST, "/quotas/{id}/reset", "Set what is used to nothing", quotas::reset)
            .tag("quotas")
            .takes(Json("Reason"))
            .answers(200, Some("Counter")),
        Endpoint::new(Method::POST, "/quotas/{id}/raise", "Raise a limit for a while", quotas::raise)
            .tag("quotas")
            .takes(Json("Raise"))
            .answers(200, Some("Counter")),
        Endpoint::new(Method::DELETE, "/quotas/{id}/raise", "End a raise", quotas::unraise)
            .tag("quotas")
            .takes(Nothing)
            .answers(204, None),
    ]
}
