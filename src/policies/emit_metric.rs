//! `emit-metric`: a value for a metric of one's own, shown with the gateway's on `/metrics`.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{ANYWHERE, AttributeEntry, Content},
    dimensions::{DIMENSION, Dimensions, NAMESPACE_ENTRY, namespace},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "emit-metric",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("name", "Name of the metric."),
        AttributeEntry::optional("value", "1", "The value: a number.").dynamic(),
        NAMESPACE_ENTRY,
    ],
    children: &[DIMENSION],
    content: Content::Nothing,
    manual: "Adds a value to a metric of your own. It is shown on `/metrics` of the console port as a summary: \
             `tollgate_policy_NAMESPACE_NAME_sum` and `_count`, with the dimensions as labels. A metric has at most 1000 \
             series, further ones are counted as `other`; there are at most 200 metrics, values of further ones are dropped \
             and counted by `tollgate_policy_metric_values_dropped_total`.",
    example: r#"<emit-metric name="orders" value="1" namespace="shop"><dimension name="API ID" /><dimension name="team" value="@(context.Request.Method)" /></emit-metric>"#,
    build,
};

struct EmitMetric {
    name: Arc<str>,
    value: Dynamic<f64>,
    namespace: Arc<str>,
    dimensions: Dimensions,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let value = match reading.attribute("value") {
        Some(_) => reading.dynamic("value")?,
        None => Dynamic::Fixed(1.0),
    };
    let (name, namespace) = (reading.literal("name")?, namespace(reading));
    Some(Box::new(EmitMetric { name, value, namespace, dimensions: Dimensions::read(reading)? }))
}

impl EmitMetric {
    fn emit(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let value = self.value.get(flow)?;
        let dimensions = self.dimensions.get(flow)?;
        flow.services.outside.metrics.add(&self.namespace, &self.name, value, &dimensions);
        Ok(())
    }
}

impl Policy for EmitMetric {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.emit(flow).into()
    }

    fn needs(&self) -> Needs {
        self.value.needs().and(self.dimensions.needs())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::policies::{facts::ApiFacts, testing::Scene};

    #[test]
    fn values_are_added_with_their_dimensions() {
        let rows = [
            (
                r#"<emit-metric name="n"><dimension name="API ID" /></emit-metric>"#,
                r#"tollgate_policy_api_management_n_sum{api_id="orders"} 1"#,
            ),
            (
                r#"<emit-metric name="Spent" namespace="My Shop" value="2.5"><dimension name="user" value="u" /></emit-metric>"#,
                r#"tollgate_policy_my_shop_spent_sum{user="u"} 2.5"#,
            ),
            (
                r#"<emit-metric name="n" value="@(1.5 * 2)"><dimension name="@("a" + "b")" value="@(context.Request.Method)" /></emit-metric>"#,
                r#"tollgate_policy_api_management_n_sum{ab="GET"} 3"#,
            ),
            (
                r#"<emit-metric name="n"><dimension name="User ID" /><dimension name="Backend ID" /></emit-metric>"#,
                r#"tollgate_policy_api_management_n_sum{backend_id="",user_id=""} 1"#,
            ),
        ];
        for (policy, wanted) in rows {
            let mut scene = Scene::new().section("inbound", policy);
            scene.facts.api = Some(Arc::new(ApiFacts { id: "orders".into(), ..ApiFacts::default() }));
            let metrics = scene.services.outside.metrics.clone();
            assert_eq!(scene.run().status(), 200);
            assert!(metrics.encode().lines().any(|line| line == wanted), "{policy}: {}", metrics.encode());
        }
    }

    #[test]
    fn the_backend_is_known_once_it_has_answered() {
        let policy = r#"<emit-metric name="n"><dimension name="Backend ID" /></emit-metric>"#;
        let scene = Scene::new().section("outbound", policy);
        let metrics = scene.services.outside.metrics.clone();
        assert_eq!(scene.run().status(), 200);
        assert!(metrics.encode().contains(r#"{backend_id="scripted"} 1"#), "{}", metrics.encode());
    }

    #[test]
    fn bad_ones_are_told() {
        let many = r#"<dimension name="a" value="b" />"#.repeat(11);
        let rows = [
            (r#"<emit-metric name="n" value="x"><dimension name="API ID" /></emit-metric>"#.to_owned(), "not a number"),
            (r#"<emit-metric name="n"><dimension name="Team" /></emit-metric>"#.to_owned(), "`Team` needs a `value`"),
            (format!(r#"<emit-metric name="n">{many}</emit-metric>"#), "has 11 dimensions; it may have 10"),
        ];
        for (policy, wanted) in rows {
            let troubles = Scene::new().section("inbound", &policy).troubles();
            assert!(troubles.iter().any(|trouble| trouble.contains(wanted)), "{policy}: {troubles:?}");
        }
    }

    #[test]
    fn a_value_that_is_no_number_fails_the_exchange() {
        let policy = r#"<emit-metric name="n" value="@("much")"><dimension name="API ID" /></emit-metric>"#;
        let played = Scene::new().section("inbound", policy).run();
        assert_eq!(played.status(), 500);
    }
}
