//! What a start hands to people: the quick start's key, a sign-in link, and where both are written.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Output, StartProblem, private_file,
    transcript::{Facts, FirstLogin},
};
use crate::{
    model::{Clock, Entropy, Secret},
    settings::{Limits, ObjectKind, State, Subscription},
    snapshot::control::{Control, Refused, Run},
    store::{Access, StoreError, access},
};

/// The quick start's subscription.
pub const QUICKSTART: &str = "quickstart";

/// The quick start's product.
const STARTER: &str = "starter";

/// The key of the quick start's subscription, when it had to be created.
pub async fn quickstart_key(control: &Control) -> Result<Option<Secret>, Refused> {
    if control.view().get(ObjectKind::Subscription, QUICKSTART).is_some() {
        return Ok(None);
    }
    match control.create_subscription(quickstart(), Run::Real).await {
        Ok((_, issued)) => Ok(issued.primary),
        // Another process on the same database was faster, and showed it.
        Err(Refused::Exists { .. }) => Ok(None),
        Err(refused) => Err(refused),
    }
}

fn quickstart() -> Subscription {
    Subscription {
        id: QUICKSTART.into(),
        title: Some("Quick start".to_owned()),
        product: Some(STARTER.into()),
        scope: None,
        key: None,
        secondary_key: None,
        state: State::Active,
        expires: None,
        models: None,
        limits: Limits::default(),
        user: None,
        metadata: BTreeMap::new(),
        workspace: None,
    }
}

/// A link that signs in to the console once.
pub async fn sign_in_link(
    console: &str,
    access: &dyn Access,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Secret, StoreError> {
    let token = access::new_link(access, clock, entropy).await?;
    Ok(Secret::from(format!("{console}/login/{}", token.expose())))
}

/// Where secrets of the start go when standard output is not a terminal.
fn first_login_path(data_dir: &Path) -> PathBuf {
    data_dir.join("first-login.txt")
}

/// Tells people: all of it on a terminal; otherwise the secrets in a private file, and its name.
pub fn tell(mut facts: Facts, terminal: bool, data_dir: &Path, out: &Output) -> Result<(), StartProblem> {
    let failed = |what: &str, error: std::io::Error| StartProblem::Failed(format!("cannot write {what}: {error}"));
    if terminal {
        return out.print(&facts.for_terminal()).map_err(|error| failed("to the terminal", error));
    }
    if facts.sign_in.is_some() || facts.key.is_some() {
        let path = first_login_path(data_dir);
        let kept = private_file::read_line(&path, "key").map_err(|error| failed(&path.display().to_string(), error))?;
        let text = Secret::from(facts.first_login_file(kept.as_ref()));
        private_file::write(&path, text.expose()).map_err(|error| failed(&path.display().to_string(), error))?;
        tracing::info!(file = %path.display(), "sign-in link and key were written to a private file");
        let has_key = facts.key.is_some() || kept.is_some();
        facts.first_login = Some(FirstLogin { path: path.display().to_string(), has_key });
    }
    tracing::info!(gateway = facts.gateway, console = facts.console, "ready");
    if facts.quick_start {
        out.print(&facts.for_others()).map_err(|error| failed("to standard output", error))?;
    }
    Ok(())
}
