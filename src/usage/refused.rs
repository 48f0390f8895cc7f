//! A limit's refusal as a fault: which status and words it gets, by API and by who set the limit.

use std::time::Duration;

use crate::{
    exchange::{Fault, FaultKind},
    limits::{Counted, Refusal, RefusalKind, Style},
};

/// Beyond this an SDK does not wait anyway, and some take it as the word to stop (see `x-should-retry`).
const LONGEST_ADVICE: Duration = Duration::from_secs(120);

/// The fault that tells `refusal`; on a plain API in APIM's words and statuses.
#[must_use]
pub fn fault(refusal: &Refusal, is_plain: bool) -> Fault {
    let kind = kind(refusal, is_plain);
    let fault = Fault::new(kind, message(refusal, is_plain));
    let wait = refusal.retry_after();
    if kind == FaultKind::QuotaExhausted { fault.retry_after(wait.filter(short)) } else { fault.retry_after(wait) }
}

fn short(wait: &Duration) -> bool {
    *wait <= LONGEST_ADVICE
}

fn kind(refusal: &Refusal, is_plain: bool) -> FaultKind {
    match refusal.kind {
        RefusalKind::Concurrency => FaultKind::ConcurrencyLimited,
        RefusalKind::Held => FaultKind::QuotaReserved,
        RefusalKind::Unleased => FaultKind::QuotaUnavailable,
        RefusalKind::Rate { .. } => FaultKind::RateLimited,
        RefusalKind::TokenRate { .. } => FaultKind::TokenRateLimited,
        RefusalKind::Quota { .. } | RefusalKind::Budget { .. } => match refusal.rule.refusal {
            Style::Limits if !is_plain => FaultKind::QuotaExhausted,
            Style::Limits | Style::Policy => FaultKind::QuotaForbidden,
        },
        RefusalKind::NotBoundable => FaultKind::NotBoundable,
        RefusalKind::TooLarge => FaultKind::ExceedsLimit,
        // The caller of `reserve` counts and asks again; that it asks with a final figure is its part.
        RefusalKind::NeedsExactInput => FaultKind::Internal,
    }
}

/// Plain APIs get APIM's sentences, which scripts out there match; model APIs get the figures too.
fn message(refusal: &Refusal, is_plain: bool) -> String {
    let wait = refusal.retry_after().unwrap_or_default();
    match refusal.kind {
        RefusalKind::Rate { .. } if is_plain => {
            format!("Rate limit is exceeded. Try again in {} seconds.", seconds(wait))
        }
        RefusalKind::TokenRate { .. } if is_plain => {
            format!("Token limit is exceeded. Try again in {} seconds.", seconds(wait))
        }
        RefusalKind::Quota { .. } | RefusalKind::Budget { .. } if is_plain => {
            let what = match refusal.rule.counted {
                Counted::Requests | Counted::Concurrency => "Out of call volume quota.",
                Counted::Bytes => "Out of bandwidth quota.",
                Counted::Tokens | Counted::InputTokens | Counted::OutputTokens => "Token quota is exceeded.",
                Counted::Nanos => "Budget is exceeded.",
            };
            format!("{what} Quota will be replenished in {}.", clock_face(wait))
        }
        _ => refusal.to_string(),
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// `hh:mm:ss`, hours as many as there are.
fn clock_face(wait: Duration) -> String {
    let seconds = seconds(wait);
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
