//! The JSON schema of the configuration file: for editors, for `tollgate schema`, and for our own reader.

use serde_json::Value;

use super::Settings;

/// The JSON schema (2020-12) of [`Settings`], with a description for every setting.
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(Settings).to_value()
}
