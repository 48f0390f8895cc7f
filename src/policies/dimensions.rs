//! Dimensions of the metrics that `emit-metric` and `llm-emit-token-metric` emit.
//!
//! Deliberately not here: the metrics themselves (`outside::metrics`).

use std::sync::Arc;

use super::{
    Dynamic, Failure, Flow, Needs, Reading,
    catalogue::{AttributeEntry, Content, ElementEntry},
};

/// `dimension`.
pub const DIMENSION: ElementEntry = ElementEntry {
    name: "dimension",
    required: true,
    many: true,
    attributes: &[
        AttributeEntry::required("name", "Name of the dimension: the label of the metric.").dynamic(),
        AttributeEntry::absent(
            "value",
            "Its value. May be left out where the name is `API ID`, `Operation ID`, `Product ID`, `User ID`, \
             `Subscription ID`, `Location`, `Gateway ID` or `Backend ID`.",
        )
        .dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    text: "A dimension; at most 10.",
};

/// `namespace` where nothing is said.
const NAMESPACE: &str = "API Management";
/// Most dimensions: Azure Monitor's limit of dimension keys of a metric.
const MOST: usize = 10;
/// Names whose value is known, in the order of the manual.
const KNOWN: [&str; 8] =
    ["API ID", "Operation ID", "Product ID", "User ID", "Subscription ID", "Location", "Gateway ID", BACKEND];
/// The one whose value is known only when a backend has answered.
const BACKEND: &str = "Backend ID";

/// `namespace`.
pub const NAMESPACE_ENTRY: AttributeEntry = AttributeEntry::optional(
    "namespace",
    NAMESPACE,
    "First part of the metric's name: `tollgate_policy_NAMESPACE_NAME`, in small letters, with `_` for what Prometheus \
     does not allow.",
);

/// The namespace of an element.
#[must_use]
pub fn namespace(reading: &Reading<'_, '_>) -> Arc<str> {
    reading.literal("namespace").unwrap_or_else(|| NAMESPACE.into())
}

/// A name, and the value; without one, the default of that name.
type Dimension = (Dynamic<Arc<str>>, Option<Dynamic<Arc<str>>>);

/// The dimensions of an element.
pub struct Dimensions(Vec<Dimension>);

impl Dimensions {
    /// Reads them; `None` when a trouble was noted.
    pub fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let element = reading.element;
        let count = element.elements().count();
        if count > MOST {
            return reading.refuse(format!("`{}` has {count} dimensions; it may have {MOST}", element.name));
        }
        let dimensions = element.elements().map(|child| one(&mut reading.child(child)));
        // All of them, so that every trouble is told.
        let dimensions: Vec<_> = dimensions.collect();
        dimensions.into_iter().collect::<Option<_>>().map(Self)
    }

    /// Bodies that they read.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.0.iter().fold(Needs::NONE, |needs, (name, value)| {
            needs.and(name.needs()).and(value.as_ref().map_or(Needs::NONE, Dynamic::needs))
        })
    }

    /// Names with values for this exchange. That of the backend is empty until one has answered.
    pub fn get(&self, flow: &mut Flow<'_>) -> Result<Vec<(String, String)>, Failure> {
        let mut all = Vec::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            let name = name.get(flow)?;
            let value = match value {
                Some(value) => value.get(flow)?.to_string(),
                None => known(flow, &name).ok_or_else(|| Failure::thrown("emit-metric", without_value(&name)))?,
            };
            all.push((name.to_string(), value));
        }
        Ok(all)
    }

    /// Fills in the backend, once it is known.
    pub fn answered_by(dimensions: &mut [(String, String)], backend: Option<&str>) {
        let open = dimensions.iter_mut().filter(|(name, value)| name == BACKEND && value.is_empty());
        open.for_each(|(_, value)| backend.unwrap_or_default().clone_into(value));
    }
}

fn one(reading: &mut Reading<'_, '_>) -> Option<Dimension> {
    let name: Dynamic<Arc<str>> = reading.dynamic("name")?;
    if reading.attribute("value").is_some() {
        return Some((name, Some(reading.dynamic("value")?)));
    }
    match name.fixed() {
        Some(fixed) if !KNOWN.contains(&&**fixed) => {
            let message = without_value(fixed);
            reading.refuse(message)
        }
        _ => Some((name, None)),
    }
}

fn without_value(name: &str) -> String {
    format!("the dimension `{name}` needs a `value`; without one there are: {}", KNOWN.join(", "))
}

/// The value of a dimension that needs none; empty: there is no such thing in this exchange.
fn known(flow: &Flow<'_>, name: &str) -> Option<String> {
    let facts = flow.facts;
    let value = match name {
        "API ID" => facts.api.as_ref().map(|api| api.id.clone()),
        "Operation ID" => facts.operation.as_ref().map(|operation| operation.id.clone()),
        "Product ID" => facts.product.as_ref().map(|product| product.id.clone()),
        "User ID" => facts.user.as_ref().map(|user| user.id.clone()),
        "Subscription ID" => facts.subscription.as_ref().map(|subscription| subscription.id.clone()),
        "Location" => Some(facts.deployment.region.clone()),
        "Gateway ID" => Some(facts.deployment.gateway_id.clone()),
        BACKEND => flow.link.backend(),
        _ => return None,
    };
    Some(value.map(|value| value.to_string()).unwrap_or_default())
}
