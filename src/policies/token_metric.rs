//! `llm-emit-token-metric` (and `azure-openai-emit-token-metric`): tokens of model calls as metrics of one's own.
//!
//! Emitted when the exchange has been settled, from the very figures of its usage row: streams are no estimate where
//! their provider reports, and an answer that broke off counts with what it cost.

use std::sync::Arc;

use super::{
    Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{Content, INBOUND},
    dimensions::{DIMENSION, Dimensions, NAMESPACE_ENTRY, namespace},
    outside::CustomMetrics,
};
use crate::exchange::Record;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "llm-emit-token-metric",
    aliases: &["azure-openai-emit-token-metric"],
    sections: INBOUND,
    attributes: &[NAMESPACE_ENTRY],
    children: &[DIMENSION],
    content: Content::Nothing,
    manual: "Adds what a model call consumed to the metrics `Total Tokens`, `Prompt Tokens` and `Completion Tokens`, shown \
             on `/metrics` of the console port as `tollgate_policy_NAMESPACE_total_tokens_sum` and so on. Reported when \
             the exchange has ended, with the figures of its usage row; calls that consumed nothing are not reported. \
             Dimensions are computed where the policy stands; `Backend ID` is the one that answered.",
    example: r#"<llm-emit-token-metric namespace="llm"><dimension name="Subscription ID" /><dimension name="Client IP" value="@(context.Request.IpAddress)" /></llm-emit-token-metric>"#,
    build,
};

struct TokenMetric {
    namespace: Arc<str>,
    dimensions: Dimensions,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(TokenMetric { namespace: namespace(reading), dimensions: Dimensions::read(reading)? }))
}

impl TokenMetric {
    fn watch(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let (namespace, dimensions) = (self.namespace.clone(), self.dimensions.get(flow)?);
        let metrics = flow.services.outside.metrics.clone();
        flow.link.when_settled(Box::new(move |record| emit(&metrics, &namespace, dimensions, record)));
        Ok(())
    }
}

fn emit(metrics: &CustomMetrics, namespace: &str, mut dimensions: Vec<(String, String)>, record: &Record) {
    let usage = &record.usage;
    if usage.total() == 0 {
        return;
    }
    Dimensions::answered_by(&mut dimensions, record.backend.as_ref().map(super::super::model::id::BackendId::as_str));
    let figures = [
        ("Total Tokens", usage.total()),
        ("Prompt Tokens", usage.input_total()),
        ("Completion Tokens", usage.output_total()),
    ];
    for (name, tokens) in figures {
        #[expect(clippy::cast_precision_loss, reason = "tokens of one exchange are far below 2^53")]
        metrics.add(namespace, name, tokens as f64, &dimensions);
    }
}

impl Policy for TokenMetric {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.watch(flow).into()
    }

    fn needs(&self) -> Needs {
        self.dimensions.needs()
    }
}

#[cfg(test)]
mod tests {
    use tollgate_providers::Usage;

    use crate::policies::testing::Scene;

    #[test]
    fn tokens_are_told_when_the_exchange_is_settled() {
        for name in ["llm-emit-token-metric", "azure-openai-emit-token-metric"] {
            let policy = format!(
                r#"<{name} namespace="llm"><dimension name="ip" value="@(context.Request.IpAddress)" /><dimension name="Backend ID" /></{name}>"#
            );
            let scene = Scene::new().section("inbound", &policy).ip("192.0.2.1");
            let metrics = scene.services.outside.metrics.clone();
            let played = scene.run();
            assert_eq!(metrics.encode(), "", "not before");
            played.settle(|record| {
                record.backend = Some("weu".into());
                record.usage = Usage { input: Some(10), cached_input: Some(5), output: Some(7), ..Usage::default() };
            });
            for (metric, tokens) in [("total", 22), ("prompt", 15), ("completion", 7)] {
                let line =
                    format!(r#"tollgate_policy_llm_{metric}_tokens_sum{{backend_id="weu",ip="192.0.2.1"}} {tokens}"#);
                assert!(metrics.encode().lines().any(|shown| shown == line), "{line}: {}", metrics.encode());
            }
        }
    }

    #[test]
    fn what_consumed_nothing_is_not_told() {
        let policy = r#"<llm-emit-token-metric><dimension name="API ID" /></llm-emit-token-metric>"#;
        let scene = Scene::new().section("inbound", policy);
        let metrics = scene.services.outside.metrics.clone();
        scene.run().settle(|_| {});
        assert_eq!(metrics.encode(), "");
    }
}
