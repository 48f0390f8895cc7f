//! Raises of limits outlive the process: the audit log says what was raised until when, and a start reads it again.
//!
//! No table of their own: a raise is an administrator's act, all of which stand in the audit log, and the few that
//! have not expired are found among the newest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    limits::{Limits, Raise},
    model::Timestamp,
    store::{Audit, AuditLine, AuditQuery, StoreError},
};

/// The action of a raise in the audit log.
pub const RAISE: &str = "quota.raise";
/// The action that ends a raise.
pub const UNRAISE: &str = "quota.unraise";

/// Lines that are read at once.
const PAGE: u32 = 1_000;

/// How the audit log keeps a raise.
#[must_use]
pub fn written(raise: &Raise) -> String {
    json!({ "amount": raise.amount, "until": raise.until.to_string(), "until_nanos": raise.until.as_nanos() })
        .to_string()
}

/// Puts the raises back in force that have not expired, and says how many. To be called at start, before requests are let in.
///
/// # Errors
/// The database cannot be read.
pub async fn restore(audit: &dyn Audit, limits: &Limits, now: Timestamp) -> Result<usize, StoreError> {
    let mut lines = [lines(audit, RAISE).await?, lines(audit, UNRAISE).await?].concat();
    lines.sort_by_key(|line| line.number);
    let newest: BTreeMap<String, Option<Raise>> =
        lines.iter().map(|line| (line.object.clone(), in_force(line, now))).collect();
    let mut count = 0;
    for (account, raise) in newest {
        if let Some(raise) = raise {
            limits.raise(&account.into(), raise);
            count += 1;
        }
    }
    Ok(count)
}

async fn lines(audit: &dyn Audit, action: &str) -> Result<Vec<AuditLine>, StoreError> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|line: &AuditLine| line.number);
        let query = AuditQuery { action: Some(action.to_owned()), limit: PAGE, after, ..AuditQuery::default() };
        let page = audit.audit(query).await?;
        let is_last = page.len() < PAGE as usize;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// Does what a line of the audit log says of a raise.
pub(super) fn apply(line: &AuditLine, limits: &Limits, now: Timestamp) {
    match in_force(line, now) {
        Some(raise) => limits.raise(&line.object.as_str().into(), raise),
        None => drop(limits.unraise(&line.object)),
    }
}

fn in_force(line: &AuditLine, now: Timestamp) -> Option<Raise> {
    let after: Value = serde_json::from_str(line.after.as_deref()?).ok()?;
    let until = Timestamp::from_nanos(after["until_nanos"].as_u64()?);
    let raise = Raise { amount: after["amount"].as_i64()?, until, reason: line.reason.clone()?.into() };
    (line.action == RAISE && now < until).then_some(raise)
}
