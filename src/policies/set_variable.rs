//! `set-variable`: gives a value a name that later expressions can read.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Flow, Needs, Policy, Reading, Step,
    catalogue::{ANYWHERE, AttributeEntry, Content},
};
use crate::expression::Value;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "set-variable",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("name", "Name of the variable."),
        AttributeEntry::required("value", "Its value: text, or what an expression gives, in its own type.").dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Keeps a value for the rest of the exchange: expressions read it as `context.Variables[\"name\"]`. A variable \
             that is there already gets the new value.",
    example: r#"<set-variable name="team" value="@(context.Request.Headers.GetValueOrDefault("x-team", "none"))" />"#,
    build,
};

struct SetVariable {
    name: Arc<str>,
    value: Dynamic<Value>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let name = reading.literal("name")?;
    Some(Box::new(SetVariable { name, value: reading.dynamic("value")? }))
}

impl Policy for SetVariable {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.value.get(flow).map(|value| flow.variables.set(&self.name, value)).into()
    }

    fn needs(&self) -> Needs {
        self.value.needs()
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn the_last_value_counts() {
        let played = Scene::new()
            .section("inbound", r#"<set-variable name="a" value="1" /><set-variable name="a" value=" 2 " />"#)
            .run();
        assert_eq!(played.variable("a").as_deref(), Some(" 2 "));
    }
}
