//! What an alert says.

use std::sync::Arc;

use serde_json::json;

use crate::{
    limits::{Counted, CounterView, Crossed},
    model::{Entropy, Timestamp, money},
    store::Alert,
    telemetry::request_id::new_request_id,
};

/// The log line of an alert.
pub const TITLE: &str = "a quota has reached a threshold";

/// The `type` of the message.
const KIND: &str = "quota.threshold_reached";

/// The message that a threshold was crossed, with an identifier of its own.
pub fn alert(crossed: &Crossed, now: Timestamp, entropy: &Entropy) -> Alert {
    let Crossed { rule, account, window, until, percent, used, limit } = crossed;
    let unit = unit(rule.counted);
    let amount = |amount: i64| match rule.counted {
        Counted::Nanos => json!(money::decimal(amount)),
        _ => json!(amount),
    };
    let shown = |amount: i64| match rule.counted {
        Counted::Nanos => money::decimal(amount),
        _ => amount.to_string(),
    };
    let message = format!("{account} has used {} of {} {unit} ({percent} % reached)", shown(*used), shown(*limit));
    let payload = json!({
        "type": KIND,
        "timestamp": now.to_string(),
        "data": {
            "account": account,
            "limit_id": rule.id,
            "percent": percent,
            "used": amount(*used),
            "limit": amount(*limit),
            "unit": unit,
            "window_start": window.to_string(),
            "window_end": until.to_string(),
            "enforced": !rule.shadow,
            "message": message,
        },
    });
    Alert {
        id: format!("msg_{}", new_request_id(now, entropy).simple()).into(),
        account: account.clone(),
        window: *window,
        percent: u32::from(*percent),
        payload: payload.to_string(),
        created: now,
    }
}

const fn unit(counted: Counted) -> &'static str {
    match counted {
        Counted::Requests | Counted::Concurrency => "requests",
        Counted::Tokens => "tokens",
        Counted::InputTokens => "input tokens",
        Counted::OutputTokens => "output tokens",
        Counted::Bytes => "bytes",
        Counted::Nanos => money::CURRENCY,
    }
}

/// The thresholds that counters are past, as if they had been crossed just now.
pub fn crossed(views: &[CounterView]) -> Vec<Crossed> {
    let mut all = Vec::new();
    for view in views {
        let Some((window, until)) = view.window else { continue };
        let is_past = |percent: &&u8| {
            i128::from(view.used) * 100 >= i128::from(view.limit) * i128::from(**percent) && view.used > 0
        };
        all.extend(view.rule.alerts.iter().filter(is_past).map(|percent| Crossed {
            rule: Arc::clone(&view.rule),
            account: Arc::clone(&view.account),
            window,
            until,
            percent: *percent,
            used: view.used,
            limit: view.limit,
        }));
    }
    all
}
