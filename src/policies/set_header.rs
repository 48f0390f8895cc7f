//! `set-header`: sets, adds to or removes a header of the message under way.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    Dynamic, Entry, Failure, Flow, FromValue, Needs, Policy, Reading, Step,
    catalogue::{ANYWHERE, AttributeEntry, Content, ElementEntry},
};
use crate::expression::Value;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "set-header",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[AttributeEntry::required("name", "Name of the header.").dynamic(), EXISTS_ACTION],
    children: &[VALUE],
    content: Content::Nothing,
    manual: "Sets a header of the request (`inbound`, `backend`) or of the answer (`outbound`, `on-error`). Several \
             `value` make several lines of that header. With `exists-action=\"delete\"` the header is removed.",
    example: r#"<set-header name="x-team" exists-action="override"><value>@(context.Subscription.Id)</value></set-header>"#,
    build,
};

/// What happens when there is one already; `set-query-parameter` has it too.
pub const EXISTS_ACTION: AttributeEntry = AttributeEntry::optional(
    "exists-action",
    "override",
    "When there is one already: `override` replaces it, `skip` leaves it, `append` adds to it, `delete` removes it.",
)
.dynamic()
.one_of(&["override", "skip", "append", "delete"]);

/// A value; `set-query-parameter` has it too.
pub const VALUE: ElementEntry = ElementEntry {
    name: "value",
    required: false,
    many: true,
    attributes: &[],
    children: &[],
    content: Content::Text,
    text: "The value.",
};

/// What to do with what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistsAction {
    /// Replaces it.
    Override,
    /// Leaves it.
    Skip,
    /// Adds to it.
    Append,
    /// Removes it.
    Delete,
}

impl ExistsAction {
    /// As the element says; an expression may say it for each exchange.
    pub fn of(reading: &mut Reading<'_, '_>) -> Option<Dynamic<Self>> {
        match reading.attribute("exists-action") {
            Some(_) => reading.dynamic("exists-action"),
            None => Some(Dynamic::Fixed(Self::Override)),
        }
    }
}

impl FromValue for ExistsAction {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value.to_text().trim() {
            "override" => Ok(Self::Override),
            "skip" => Ok(Self::Skip),
            "append" => Ok(Self::Append),
            "delete" => Ok(Self::Delete),
            other => Err(format!("`exists-action` is `{other}`; it must be override, skip, append or delete")),
        }
    }
}

/// Changes a header.
pub struct SetHeader {
    name: Dynamic<Arc<str>>,
    values: Vec<Dynamic<Arc<str>>>,
    action: Dynamic<ExistsAction>,
}

/// What becomes of a header.
pub struct Change {
    name: HeaderName,
    values: Vec<HeaderValue>,
    action: ExistsAction,
}

impl Change {
    /// Makes it.
    pub fn apply(self, headers: &mut HeaderMap) {
        apply(headers, &self.name, self.values, self.action);
    }
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    SetHeader::of(reading).map(|header| Box::new(header) as Box<dyn Policy>)
}

impl Policy for SetHeader {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.change(flow).map(|change| change.apply(flow.headers_mut())).into()
    }

    fn needs(&self) -> Needs {
        self.needs()
    }
}

impl SetHeader {
    /// As the element says.
    pub fn of(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let action = ExistsAction::of(reading)?;
        let name: Dynamic<Arc<str>> = reading.dynamic("name")?;
        if let Some(name) = name.fixed()
            && HeaderName::try_from(name.trim()).is_err()
        {
            return reading.refuse(format!("`{name}` is not the name of a header"));
        }
        let values = reading.texts("value");
        let may_delete = action.fixed().is_none_or(|action| *action == ExistsAction::Delete);
        if reading.element.child("value").is_none() && !may_delete {
            return reading.refuse("`set-header` needs a `value`, or exists-action=\"delete\"");
        }
        Some(Self { name, values, action })
    }

    /// What becomes of the header in this exchange.
    pub fn change(&self, flow: &mut Flow<'_>) -> Result<Change, Failure> {
        let name = self.name.get(flow)?;
        let bad = |what: &str| Failure::new("set-header", "InvalidHeader", 500, format!("`{what}` cannot be a header"));
        let header = HeaderName::try_from(name.trim()).map_err(|_| bad(&name))?;
        let values = self.values.iter().map(|value| {
            let text = value.get(flow)?;
            HeaderValue::from_str(text.trim()).map_err(|_| bad(&header_text(&header, &text)))
        });
        let values = values.collect::<Result<_, _>>()?;
        Ok(Change { values, name: header, action: self.action.get(flow)? })
    }

    /// Bodies that it reads.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let needs = self.name.needs().and(self.action.needs());
        self.values.iter().fold(needs, |needs, value| needs.and(value.needs()))
    }
}

/// A header and its value for a message; control characters shown as escapes.
fn header_text(name: &HeaderName, value: &str) -> String {
    format!("{name}: {}", value.escape_debug().take(100).collect::<String>())
}

fn apply(headers: &mut HeaderMap, name: &HeaderName, values: Vec<HeaderValue>, action: ExistsAction) {
    match action {
        ExistsAction::Skip if headers.contains_key(name) => return,
        ExistsAction::Override | ExistsAction::Delete => {
            headers.remove(name);
        }
        ExistsAction::Skip | ExistsAction::Append => {}
    }
    if action != ExistsAction::Delete {
        for value in values {
            headers.append(name.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_treated_as_asked() {
        let rows = [
            (ExistsAction::Override, vec!["new"]),
            (ExistsAction::Skip, vec!["old"]),
            (ExistsAction::Append, vec!["old", "new"]),
            (ExistsAction::Delete, vec![]),
        ];
        for (action, wanted) in rows {
            let mut headers = HeaderMap::new();
            let name = HeaderName::from_static("x-a");
            headers.insert(&name, HeaderValue::from_static("old"));
            apply(&mut headers, &name, vec![HeaderValue::from_static("new")], action);
            let found: Vec<_> = headers.get_all(&name).iter().map(|value| value.to_str().expect("text")).collect();
            assert_eq!(found, wanted, "{action:?}");
        }
    }
}
