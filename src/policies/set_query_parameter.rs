//! `set-query-parameter`: sets, adds to or removes a parameter of the request's query.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, REQUEST},
    query,
    set_header::{EXISTS_ACTION, ExistsAction, VALUE},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "set-query-parameter",
    aliases: &[],
    sections: REQUEST,
    attributes: &[AttributeEntry::required("name", "Name of the parameter.").dynamic(), EXISTS_ACTION],
    children: &[VALUE],
    content: Content::Nothing,
    manual: "Sets a parameter of the query that goes to the backend; values are encoded as URLs need it. Several \
             `value` make several parameters of that name. With `exists-action=\"delete\"` it is removed. Parameters \
             that are not named stay as the caller wrote them.",
    example: r#"<set-query-parameter name="api-version" exists-action="skip"><value>2024-10-21</value></set-query-parameter>"#,
    build,
};

struct SetQueryParameter {
    name: Dynamic<Arc<str>>,
    values: Vec<Dynamic<Arc<str>>>,
    action: Dynamic<ExistsAction>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let action = ExistsAction::of(reading)?;
    let name = reading.dynamic("name")?;
    let values = reading.texts("value");
    let may_delete = action.fixed().is_none_or(|action| *action == ExistsAction::Delete);
    if reading.element.child("value").is_none() && !may_delete {
        return reading.refuse("`set-query-parameter` needs a `value`, or exists-action=\"delete\"");
    }
    Some(Box::new(SetQueryParameter { name, values, action }))
}

impl Policy for SetQueryParameter {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.set(flow).into()
    }

    fn needs(&self) -> Needs {
        let needs = self.name.needs().and(self.action.needs());
        self.values.iter().fold(needs, |needs, value| needs.and(value.needs()))
    }
}

impl SetQueryParameter {
    fn set(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let (name, action) = (self.name.get(flow)?, self.action.get(flow)?);
        if action == ExistsAction::Skip && query::has(&flow.request.query, &name) {
            return Ok(());
        }
        let values = self.values.iter().map(|value| value.get(flow)).collect::<Result<Vec<_>, _>>()?;
        if matches!(action, ExistsAction::Override | ExistsAction::Delete) {
            flow.request.query = query::without(&flow.request.query, &name);
        }
        if action != ExistsAction::Delete {
            for value in values {
                query::push(&mut flow.request.query, &name, value.trim());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn what_is_there_is_treated_as_asked() {
        let rows = [
            ("override", "/?b=2&x=1", "/?b=2&x=a%20b"),
            ("override", "/", "/?x=a%20b"),
            ("skip", "/?x=1", "/?x=1"),
            ("skip", "/", "/?x=a%20b"),
            ("append", "/?x=1", "/?x=1&x=a%20b"),
            ("delete", "/?x=1&X=2&y=%20", "/?y=%20"),
            ("delete", "/?x=1", "/"),
        ];
        for (action, target, wanted) in rows {
            let text = format!(
                r#"<set-query-parameter name="x" exists-action="{action}"><value>a b</value></set-query-parameter>"#
            );
            let played = Scene::new().section("inbound", &text).request("GET", target).run();
            assert_eq!(played.sent[0].target, wanted, "{action} {target}");
        }
    }
}
