//! `tollgate quotas`: counters, their resets and raises. Counters live in the server's memory: without one there are
//! balances only.

use serde_json::{Map, Value, json};

use super::{
    args::{
        Global,
        usage::{Quotas, RaiseQuota},
    },
    client::{Client, segment},
    exit::Failure,
    offline::Offline,
    print::{self, Format},
    questions::{items, with_query},
    usage::show,
};
use crate::{
    store::Balance,
    usage::report::{self, Params},
};

/// Runs the command.
pub async fn run(global: &Global, command: Quotas) -> Result<(), Failure> {
    if global.offline {
        return match command {
            Quotas::List { account } => balances(global, account.as_deref().unwrap_or_default()).await,
            _ => Err(Failure::usage("counters are changed in the running server; leave --offline out")),
        };
    }
    let client = Client::connect(global)?;
    match command {
        Quotas::List { account } => list(global, &client, account).await,
        Quotas::Reset { account, reason, dry_run } => {
            let body = json!({ "reason": reason });
            changed(global, &client.post(&path(&account, "/reset", dry_run), &body).await?, dry_run, "Reset")
        }
        Quotas::Raise(raise) => {
            let answer = client.post(&path(&raise.account, "/raise", raise.dry_run), &wanted(&raise)).await?;
            changed(global, &answer, raise.dry_run, "Raised")
        }
        Quotas::Unraise { account } => {
            client.delete_now(&path(&account, "/raise", false)).await?;
            print::say(&format!("{account} has its configured limit again."));
            Ok(())
        }
    }
}

fn path(account: &str, action: &str, dry_run: bool) -> String {
    format!("quotas/{}{action}{}", segment(&report::path_name(account)), if dry_run { "?dry_run=true" } else { "" })
}

/// The raise as the admin API takes it: bare digits are a number, which is in the counter's own units.
fn wanted(raise: &RaiseQuota) -> Value {
    let amount = |text: &String| text.parse::<i64>().map_or_else(|_| json!(text), Value::from);
    let mut body = Map::new();
    body.extend(raise.by.as_ref().map(|by| ("amount".to_owned(), amount(by))));
    body.extend(raise.to.as_ref().map(|to| ("limit".to_owned(), amount(to))));
    body.insert("until".into(), json!(raise.until));
    body.insert("reason".into(), json!(raise.reason));
    Value::Object(body)
}

fn changed(global: &Global, counter: &Value, dry_run: bool, what: &str) -> Result<(), Failure> {
    print::data(&print::render_one(global.output, &for_people(global, counter.clone())))?;
    print::say(if dry_run { "Nothing was changed (--dry-run)." } else { what });
    Ok(())
}

async fn list(global: &Global, client: &Client, account: Option<String>) -> Result<(), Failure> {
    let mut params: Params = [("limit", "1000")].into_iter().collect();
    if let Some(account) = account {
        params.set("account", account);
    }
    let mut lines = Vec::new();
    loop {
        let mut page = client.get(&with_query("quotas", &params)).await?;
        lines.extend(items(&mut page).into_iter().map(|line| for_people(global, line)));
        match page["next"].as_str() {
            Some(next) => params.set("after", next),
            None => break,
        }
    }
    if lines.is_empty() {
        print::say("There are no counters: no limits are configured, or nobody asked for anything yet.");
    }
    let (columns, shown) = report::quota_columns();
    show(global, &lines, columns, shown)
}

/// In tables money is a decimal; everywhere else it is the number that the ledger has.
fn for_people(global: &Global, mut counter: Value) -> Value {
    if global.output == Format::Table && counter["measure"] == "nanos" {
        for name in ["limit", "used", "reserved", "remaining", "raised_by", "charged", "adjusted"] {
            if let Some(nanos) = counter[name].as_i64() {
                counter[name] = json!(report::amount("nanos", nanos));
            }
        }
        counter["measure"] = json!("money");
    }
    counter
}

async fn balances(global: &Global, account: &str) -> Result<(), Failure> {
    let offline = Offline::open(global).await?;
    let found = async { Ok::<_, Failure>(offline.books().balances(offline.now()).await?) }.await;
    offline.close().await;
    let lines: Vec<Value> = found?
        .iter()
        .filter(|balance| balance.account.starts_with(account))
        .map(|balance| for_people(global, shown(balance)))
        .collect();
    let columns = ["account", "measure", "window", "until", "charged", "adjusted", "used"];
    Ok(print::data(&print::render(global.output, &lines, &columns))?)
}

fn shown(balance: &Balance) -> Value {
    json!({
        "account": &*balance.account,
        "measure": balance.measure,
        "window": balance.window.to_string(),
        "until": balance.until.to_string(),
        "charged": balance.charged,
        "adjusted": balance.adjusted,
        "used": balance.charged.saturating_add(balance.adjusted),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raise_is_sent_in_the_words_of_the_admin_api() {
        let raise = |by: Option<&str>, to: Option<&str>| RaiseQuota {
            account: "a".into(),
            by: by.map(Into::into),
            to: to.map(Into::into),
            until: "+24h".into(),
            reason: "launch".into(),
            dry_run: false,
        };
        assert_eq!(wanted(&raise(Some("5000"), None)), json!({"amount": 5000, "until": "+24h", "reason": "launch"}));
        assert_eq!(wanted(&raise(None, Some("5M"))), json!({"limit": "5M", "until": "+24h", "reason": "launch"}));
    }

    #[test]
    fn an_account_stays_in_its_path_segment() {
        let account = "subscription:team-a/tokens_per_month#team-a";
        assert_eq!(
            path(account, "/reset", true),
            "quotas/subscription%3Ateam%2Da%7E1tokens%5Fper%5Fmonth%23team%2Da/reset?dry_run=true"
        );
    }
}
