//! What the policies that validate have in common: actions, findings, and what becomes of a message that does not fit.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{AttributeEntry, Dynamic, Failure, Flow, Needs, Reading};
use crate::expression::Value;

/// `ignore`, `prevent`, `detect`.
pub const ACTIONS: &[&str] = &["ignore", "prevent", "detect"];

/// Names of the variable for findings: both spellings are in use.
pub const VARIABLE: AttributeEntry =
    AttributeEntry::absent("errors-variable-name", "Variable that gets the findings: a list in JSON.");
/// The other spelling.
pub const VARIABLE_TOO: AttributeEntry = AttributeEntry::absent("error-variable-name", "The same.");

/// What happens to a message that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is not looked at.
    Ignore,
    /// It is refused.
    Prevent,
    /// It passes, and the finding is noted.
    Detect,
}

impl super::FromValue for Action {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value.to_text().trim() {
            "ignore" => Ok(Self::Ignore),
            "prevent" => Ok(Self::Prevent),
            "detect" => Ok(Self::Detect),
            other => Err(format!("`{other}` is no action; it must be one of: {}", ACTIONS.join(", "))),
        }
    }
}

/// Something that does not fit.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What is looked at: a parameter, a header, `RequestBody`.
    pub name: String,
    /// Its kind, such as `QueryParameter`.
    pub kind: &'static str,
    /// The rule that is broken.
    pub rule: &'static str,
    /// For people.
    pub details: String,
    /// What happens.
    pub action: Action,
}

impl Finding {
    fn json(&self) -> Json {
        json!({
            "Name": self.name,
            "Type": self.kind,
            "ValidationRule": self.rule,
            "Details": self.details,
            "Action": if self.action == Action::Prevent { "Prevented" } else { "Detected" },
        })
    }
}

/// The variable for findings.
#[must_use]
pub fn variable(reading: &Reading<'_, '_>) -> Option<Arc<str>> {
    reading.literal("errors-variable-name").or_else(|| reading.literal("error-variable-name"))
}

/// An action that may be an expression; `default` when the attribute is not there.
pub fn action(reading: &mut Reading<'_, '_>, name: &str, default: Action) -> Option<Dynamic<Action>> {
    match reading.attribute(name) {
        Some(_) => reading.dynamic(name),
        None => Some(Dynamic::Fixed(default)),
    }
}

/// Bodies that actions read.
pub fn needs<'a>(actions: impl IntoIterator<Item = &'a Dynamic<Action>>) -> Needs {
    actions.into_iter().fold(Needs::NONE, |needs, action| needs.and(action.needs()))
}

/// Notes what was found, and refuses the message when an action says so: 400 for requests; 502 for answers, whose
/// details are not the caller's business.
pub fn conclude(
    flow: &mut Flow<'_>,
    policy: &'static str,
    variable: Option<&Arc<str>>,
    findings: &[Finding],
) -> Result<(), Failure> {
    if findings.is_empty() {
        return Ok(());
    }
    if let Some(variable) = variable {
        let list: Json = findings.iter().map(Finding::json).collect();
        flow.variables.set(variable, Value::from(&*list.to_string()));
    }
    if let Some(trace) = &mut flow.trace {
        for finding in findings {
            trace.say(format!("{}: {}", finding.rule, finding.details));
        }
    }
    let Some(worst) = findings.iter().find(|finding| finding.action == Action::Prevent) else { return Ok(()) };
    Err(if flow.is_answered() {
        let message = "The request could not be processed due to an internal error. Contact the API owner.";
        Failure::new(policy, worst.rule, 502, message)
    } else {
        Failure::new(policy, worst.rule, 400, worst.details.clone())
    })
}
