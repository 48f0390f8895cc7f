//! `tollgate keys`: subscriptions. Keys are printed once, when they are made, and never again.

use serde_json::{Map, Value, json};

use super::{
    args::{CreateKey, Global, Keys, Which},
    exit::Failure,
    manager::Manager,
    objects, print,
};
use crate::settings::{ObjectKind, State};

/// Runs the command.
pub async fn run(global: &Global, command: Keys) -> Result<(), Failure> {
    let manager = Manager::open(global).await?;
    let done = manage(global, &manager, command).await;
    manager.close().await;
    done
}

async fn manage(global: &Global, manager: &Manager, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::List => objects::list(global, ObjectKind::Subscription, &manager.list(ObjectKind::Subscription).await?),
        Keys::Show { id } => {
            let found = manager.get(ObjectKind::Subscription, &id).await?;
            Ok(print::data(&print::render_one(global.output, &found))?)
        }
        Keys::Create(create) => created(global, &manager.create_subscription(&wanted(&create)).await?),
        Keys::Regenerate { id, which } => regenerated(global, manager, &id, which).await,
        Keys::Suspend { id } => state(manager, &id, State::Suspended).await,
        Keys::Activate { id } => state(manager, &id, State::Active).await,
        Keys::Reject { id } => state(manager, &id, State::Rejected).await,
        Keys::Cancel { id } => state(manager, &id, State::Cancelled).await,
        Keys::Delete { id } => {
            manager.delete(ObjectKind::Subscription, &id).await?;
            print::say(&format!("Deleted {id}. Its keys are refused within a second."));
            Ok(())
        }
    }
}

/// The subscription as the admin API takes it.
fn wanted(create: &CreateKey) -> Value {
    let mut object = Map::new();
    object.insert("id".into(), create.id.clone().into());
    let texts =
        [("product", &create.product), ("scope", &create.scope), ("title", &create.title), ("user", &create.user)];
    for (name, text) in texts {
        if let Some(text) = text {
            object.insert(name.into(), text.clone().into());
        }
    }
    if let Some(expires) = create.expires {
        object.insert("expires".into(), expires.to_string().into());
    }
    if !create.models.is_empty() {
        object.insert("models".into(), create.models.clone().into());
    }
    if !create.metadata.is_empty() {
        let labels: Map<String, Value> = create.metadata.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
        object.insert("metadata".into(), labels.into());
    }
    object.into()
}

fn created(global: &Global, answer: &Value) -> Result<(), Failure> {
    if global.quiet {
        return Ok(print::data(&format!("{}\n", answer["key"].as_str().unwrap_or_default()))?);
    }
    print::data(&print::render_one(global.output, answer))?;
    print::say(match answer["state"].as_str() {
        Some("submitted") => {
            "Its keys, shown once, work when an administrator has activated it: tollgate keys activate ID"
        }
        _ => "Its keys are shown once: keep them now.",
    });
    Ok(())
}

async fn regenerated(global: &Global, manager: &Manager, id: &str, which: Which) -> Result<(), Failure> {
    let answer = manager.regenerate(id, which).await?;
    let field = if which == Which::Primary { "key" } else { "secondary_key" };
    let key = answer[field].as_str().unwrap_or_default();
    if global.quiet {
        return Ok(print::data(&format!("{key}\n"))?);
    }
    print::data(&print::render_one(global.output, &json!({ "id": id, field: key })))?;
    print::say("Shown once. The old one is refused within a second.");
    Ok(())
}

async fn state(manager: &Manager, id: &str, state: State) -> Result<(), Failure> {
    let answer = manager.set_state(id, state).await?;
    let now = answer["state"].as_str().unwrap_or("changed");
    print::say(&format!("{id} is {now}. It takes effect within a second."));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_sent() {
        let mut create = CreateKey {
            id: "team-a".into(),
            product: Some("starter".into()),
            scope: None,
            title: None,
            expires: None,
            models: vec![],
            user: None,
            metadata: vec![],
        };
        assert_eq!(wanted(&create), json!({"id": "team-a", "product": "starter"}));
        create.expires = Some("2027-01-01T00:00:00Z".parse().expect("a time"));
        create.metadata = vec![("cost_centre".into(), "42".into())];
        create.models = vec!["gpt-4o".into()];
        assert_eq!(
            wanted(&create),
            json!({"id": "team-a", "product": "starter", "expires": "2027-01-01T00:00:00Z",
                   "metadata": {"cost_centre": "42"}, "models": ["gpt-4o"]})
        );
    }
}
