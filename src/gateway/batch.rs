//! Batch files: what their lines name must be the caller's to use, as if each line were a request.
//!
//! The lines go to the provider as they are, so they name models as the provider calls them; the provider's name of
//! any model that the caller may use is good, and so is the caller's own name where the two are the same.

use std::{collections::BTreeSet, sync::Arc};

use tollgate_providers::head::Head;

use super::{exchange::Exchange, model_dispatch::named_model};
use crate::{
    exchange::{Fault, FaultKind},
    model::BackendId,
    outbound::Backend,
    snapshot::ModelTarget,
};

/// Checks the models of a batch file's lines; the answer is the one whose pool the file goes to.
pub fn authorise(exchange: &Exchange, head: &Head) -> Result<Option<Arc<ModelTarget>>, Fault> {
    let mut first: Option<Arc<ModelTarget>> = None;
    for name in &head.batch_models {
        let model = line_model(exchange, name)?;
        match &first {
            None => first = Some(model),
            Some(first) if homes(first) != homes(&model) => return Err(apart(first, &model)),
            Some(_) => {}
        }
    }
    Ok(first)
}

fn line_model(exchange: &Exchange, name: &str) -> Result<Arc<ModelTarget>, Fault> {
    let mut usable = exchange.snapshot.models.iter().filter(|model| exchange.sees(model) && exchange.may_use(model));
    if let Some(model) = usable.find(|model| *model.upstream_model == *name) {
        return Ok(model.clone());
    }
    let model = named_model(exchange, name)?;
    let message = format!(
        "The lines of a batch file are sent as they are, but the model `{}` has another name at its backend. \
         Name it as the backend does.",
        model.name
    );
    Err(Fault::new(FaultKind::InvalidBody, message).at("file"))
}

/// Where a model is served: a name means the same at the same backends only.
fn homes(model: &ModelTarget) -> BTreeSet<&BackendId> {
    model.pool.members().map(Backend::id).collect()
}

fn apart(one: &ModelTarget, other: &ModelTarget) -> Fault {
    let message = format!(
        "The models `{}` and `{}` have different backends. Upload one batch file for each.",
        one.name, other.name
    );
    Fault::new(FaultKind::InvalidBody, message).at("file")
}
