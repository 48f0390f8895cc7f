//! What applies when nothing was written: the quick start, and the defaults of a file that leaves out APIs or products.

use super::{
    Api, ApiKind, Backend, Model, Product, Settings,
    objects::{Approval, Limits},
};

/// The simulated models, by the names of the contract.
pub const SIMULATED_MODELS: [&str; 6] = ["sim-echo", "sim-lorem", "sim-flaky", "sim-slow", "sim-json", "sim-embed"];

/// The configuration when there is none: simulated models and the Echo API behind the product `starter`.
/// Its subscription `quickstart` is created in the database by whoever starts the process.
#[must_use]
pub fn quick_start() -> Settings {
    Settings {
        backends: vec![simulator()],
        models: SIMULATED_MODELS.into_iter().map(simulated).collect(),
        apis: vec![models_api(), Api::http("echo", "/echo", "sim")],
        products: vec![product("starter", "Starter")],
        ..Settings::default()
    }
}

/// Fills in what a configuration without `apis` or `products` means: one models API at `/`, and a product
/// `default` with all APIs, key required.
#[must_use]
pub fn with_defaults(mut settings: Settings) -> Settings {
    if settings.apis.is_empty() {
        settings.apis.push(models_api());
    }
    if settings.products.is_empty() {
        settings.products.push(product("default", "Default"));
    }
    settings
}

fn simulator() -> Backend {
    Backend::new("sim", tollgate_providers::Kind::Sim)
}

fn simulated(name: &str) -> Model {
    Model {
        name: name.to_owned(),
        pool: None,
        backend: Some("sim".into()),
        upstream_model: None,
        larger_context: None,
        max_output_tokens: None,
        price: None,
        limits: Limits::default(),
        cache: None,
        workspace: None,
    }
}

fn models_api() -> Api {
    Api::new("openai", ApiKind::Models, "/")
}

fn product(id: &str, title: &str) -> Product {
    Product {
        id: id.into(),
        title: Some(title.to_owned()),
        description: None,
        approval: Approval::None,
        apis: None,
        models: None,
        groups: None,
        subscription_required: true,
        limits: Limits::default(),
        time_zone: None,
        policy: None,
        cache: None,
        workspace: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::check;

    #[test]
    fn quick_start_and_defaults_are_right_in_themselves() {
        for settings in [quick_start(), with_defaults(Settings::default()), with_defaults(quick_start())] {
            assert_eq!(check(&settings), []);
        }
    }

    #[test]
    fn only_what_is_left_out_is_filled_in() {
        assert_eq!(with_defaults(quick_start()), quick_start());
        let filled = with_defaults(Settings::default());
        assert_eq!((filled.apis[0].path.as_str(), filled.products[0].id.as_str()), ("/", "default"));
        assert!(filled.products[0].subscription_required && filled.products[0].apis.is_none());
    }
}
