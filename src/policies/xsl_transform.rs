//! `xsl-transform`: understood, and refused: XSLT is a language of its own that this gateway does not run.

use super::{
    Entry, Policy, Reading,
    catalogue::{AROUND, Content},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "xsl-transform",
    aliases: &[],
    sections: AROUND,
    attributes: &[],
    children: &[],
    content: Content::Anything,
    manual: "Not supported: there is no XSLT processor here. A document with it is refused when it is loaded; with \
             `on_unsupported: fail_when_reached` it loads, and an exchange that gets there fails with 500. Write the \
             transformation as `set-body` with a Liquid template, or convert with `xml-to-json` and `json-to-xml`.",
    example: r#"<xsl-transform><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:output method="xml" /></xsl:stylesheet></xsl-transform>"#,
    build,
};

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    reading.unsupported(
        "`xsl-transform` cannot be run here: there is no XSLT processor; write the transformation as \
         <set-body template=\"liquid\">",
    )
}

#[cfg(test)]
mod tests {
    use crate::policies::{compile::OnUnsupported, testing::Scene};

    #[test]
    fn it_is_refused_or_fails_when_reached() {
        let mut scene = Scene::new().section("outbound", super::ENTRY.example);
        assert!(scene.troubles()[0].contains("no XSLT processor"));
        scene.on_unsupported = OnUnsupported::FailWhenReached;
        let played = scene.run();
        assert_eq!(played.failure().map(|failure| &*failure.reason), Some("Unsupported"));
    }
}
