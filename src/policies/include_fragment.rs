//! `include-fragment`: the statements of a fragment. They are put in its place before documents are compiled; one that
//! is left has no fragment.

use super::{
    Entry, Policy, Reading,
    catalogue::{ANYWHERE, AttributeEntry, Content},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "include-fragment",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[AttributeEntry::required("fragment-id", "Id of the fragment.")],
    children: &[],
    content: Content::Nothing,
    manual: "Stands for the statements of a fragment, a part of documents that is kept once and used in many. Fragments \
             may include others, not themselves. The effective view shows their statements.",
    example: r#"<include-fragment fragment-id="add-trace-headers" />"#,
    build,
};

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let id = reading.literal("fragment-id")?;
    let names = reading.compiler.known.names("fragment");
    let hint = reading.compiler.hint(&id, names.iter().map(String::as_str));
    reading.refuse(format!("there is no fragment `{id}`{hint}"))
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn one_that_is_left_has_no_fragment() {
        let troubles = Scene::new().section("inbound", r#"<include-fragment fragment-id="a" />"#).troubles();
        assert_eq!(troubles, ["there is no fragment `a`"]);
    }
}
