//! `tollgate cache`: what the running server keeps in memory, and in the shared store beside it.

use serde_json::{Map, Value, json};

use super::{
    args::{
        Global,
        cache::{Cache, Purge},
    },
    client::Client,
    exit::{Exit, Failure},
    print::{self, Format},
};

/// Runs the command.
pub async fn run(global: &Global, command: Cache) -> Result<(), Failure> {
    let Cache::Purge(purge) = command;
    if global.offline {
        return Err(Failure::usage("caches are purged in the running server; leave --offline out"));
    }
    let of = if only_models(&purge) { "cache/models/purge" } else { "cache/purge" };
    let path = format!("{of}{}", if purge.dry_run { "?dry_run=true" } else { "" });
    let answer = Client::connect(global)?.post(&path, &wanted(&purge)).await?;
    if global.output == Format::Table {
        print::say(&told(&answer, purge.dry_run));
    } else {
        print::data(&print::render_one(global.output, &answer))?;
    }
    if answer["replicas"] == "not reached" && !purge.dry_run {
        let message = "the shared store could not be reached: other replicas still have what they keep";
        return Err(Failure::new(Exit::InPart, message));
    }
    Ok(())
}

/// Whether what is named is known of answers of models alone.
fn only_models(purge: &Purge) -> bool {
    [&purge.model, &purge.subscription, &purge.entry].into_iter().any(Option::is_some)
}

fn wanted(purge: &Purge) -> Value {
    let parts = [
        ("api", &purge.api),
        ("product", &purge.product),
        ("tag", &purge.tag),
        ("path", &purge.path),
        ("key", &purge.key),
        ("model", &purge.model),
        ("subscription", &purge.subscription),
        ("entry", &purge.entry),
    ];
    let said = parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
    let mut body: Map<String, Value> = said.collect();
    if purge.all {
        body.insert("all".to_owned(), json!(true));
    }
    Value::Object(body)
}

fn told(answer: &Value, is_dry_run: bool) -> String {
    let would = if is_dry_run { "would be forgotten (--dry-run)" } else { "were forgotten" };
    if let Some(models) = answer["purged"].as_u64() {
        return format!("{models} answers of models {would}.");
    }
    let count = |cache: &str| answer["purged"][cache].as_u64().unwrap_or_default();
    let (http, policies, models) = (count("http"), count("policies"), count("models"));
    format!(
        "{http} answers of `cache:` settings, {policies} entries of policies and {models} answers of models {would}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_is_sent_in_the_words_of_the_admin_api() {
        let nothing = || Purge {
            api: None,
            product: None,
            tag: None,
            path: None,
            key: None,
            model: None,
            subscription: None,
            entry: None,
            all: false,
            dry_run: false,
        };
        let some = Purge { api: Some("orders".into()), path: Some("/orders/*".into()), ..nothing() };
        assert_eq!(wanted(&some), json!({"api": "orders", "path": "/orders/*"}));
        assert_eq!(wanted(&Purge { all: true, ..nothing() }), json!({"all": true}));
        let team = Purge { model: Some("m".into()), subscription: Some("team".into()), ..nothing() };
        assert_eq!((only_models(&team), wanted(&team)), (true, json!({"model": "m", "subscription": "team"})));
        assert!(!only_models(&some));
        let answer = json!({"purged": {"http": 2, "policies": 1, "models": 3}});
        assert_eq!(
            told(&answer, false),
            "2 answers of `cache:` settings, 1 entries of policies and 3 answers of models were forgotten."
        );
        assert_eq!(told(&json!({"purged": 3}), true), "3 answers of models would be forgotten (--dry-run).");
    }
}
