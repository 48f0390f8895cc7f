//! Rules of prices: what they are for, that nothing is free by accident, and that no two fight for one call.

use std::collections::HashMap;

use super::{Index, Report};
use crate::settings::{ObjectKind, Price, Rates, Settings, objects::Moment};

/// Checks all prices, and those written on models and backends.
pub fn check(settings: &Settings, index: &Index<'_>, report: &mut Report<'_>) {
    let mut taken = HashMap::new();
    let mut table: Option<String> = None;
    for (at, price) in settings.prices.iter().enumerate() {
        let path = format!("prices[{at}]");
        if price.is_table() {
            whole_table(price, &path, report);
            if let Some(first) = table.replace(path.clone()) {
                let first = report.place(&first);
                report.error(&path, format!("there can be one table of prices only: the first is at {first}"));
            }
            continue;
        }
        subject(price, &path, index, report);
        rates(&price.rates, &path, report);
        let subject = (&price.model, &price.backend, price.kind, price.valid_from.as_ref().map(Moment::at));
        if let Some(first) = taken.insert(subject, path.clone()) {
            let first = report.place(&first);
            report.error(&path, format!("prices the same calls from the same moment as {first}; keep one"));
        }
    }
    for (at, model) in settings.models.iter().enumerate() {
        model.price.iter().for_each(|price| rates(price, &format!("models[{at}].price"), report));
    }
    for (at, backend) in settings.backends.iter().enumerate() {
        backend.price.iter().for_each(|price| rates(price, &format!("backends[{at}].price"), report));
    }
}

fn whole_table(price: &Price, path: &str, report: &mut Report<'_>) {
    let alone = Price { table: price.table.clone(), table_file: price.table_file.clone(), ..Price::new("") };
    if (Price { id: alone.id.clone(), ..price.clone() }) != alone || price.table.is_some() == price.table_file.is_some()
    {
        report.error(path, "an entry with `table_file` (or `table`) has nothing else beside its `id`");
    }
}

fn subject(price: &Price, path: &str, index: &Index<'_>, report: &mut Report<'_>) {
    if price.model.is_none() && price.backend.is_none() && price.kind.is_none() {
        report.error(path, "the price of what? Write `model`, `backend` or `kind`");
    }
    if price.model.as_deref() == Some("") {
        report.error(&format!("{path}.model"), "the name is empty; leave it out for every model");
    }
    if let Some(backend) = &price.backend {
        index.refer(report, &format!("{path}.backend"), None, (ObjectKind::Backend, backend.as_str()));
        if price.kind.is_some() {
            report.error(&format!("{path}.kind"), "a backend has one kind; write `backend` or `kind`, not both");
        }
    }
    if let (Some(from), Some(to)) = (&price.valid_from, &price.valid_to)
        && from.at() >= to.at()
    {
        report.error(&format!("{path}.valid_to"), "is not after `valid_from`: the price would never be valid");
    }
}

/// A price that says half of what a call costs would make the other half free without anybody having said so.
fn rates(rates: &Rates, path: &str, report: &mut Report<'_>) {
    let by_tokens = Rates { per_request: None, ..rates.clone() };
    if rates.is_empty() {
        report.error(path, "what does it cost? Write `input` and `output`, such as `input: 2.50 USD`");
    } else if by_tokens.is_empty() {
        // Each call costs the same, whatever its tokens.
    } else if rates.input.is_none() || rates.output.is_none() {
        let message = "`input` and `output` belong together; write `0 USD` for what is free (embeddings: `output`)";
        report.error(path, message);
    }
}
