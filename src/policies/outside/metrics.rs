//! Metrics that policies emit (`emit-metric`): sums and counts by dimensions, shown with the others in Prometheus' text
//! format. Names and dimensions come from documents, values of dimensions from requests: so their number is bounded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Series of one metric; further values of dimensions are counted together as `other`.
const SERIES: usize = 1_000;
/// Metrics; further ones are counted as dropped.
const METRICS: usize = 200;
/// Longest value of a dimension, in characters.
const LONGEST: usize = 128;
/// What stands for values that are too many.
const OTHER: &str = "other";

/// Labels in their order, with values.
type Labels = Vec<(String, String)>;

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: f64,
    count: u64,
}

#[derive(Default)]
struct Family {
    series: BTreeMap<Labels, Sum>,
}

#[derive(Default)]
struct State {
    families: BTreeMap<String, Family>,
    dropped: u64,
}

/// The metrics of policies. Cloning shares them.
#[derive(Clone, Default)]
pub struct CustomMetrics(Arc<Mutex<State>>);

impl CustomMetrics {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a value to the metric of that namespace and name, in the series of these dimensions.
    pub fn add(&self, namespace: &str, name: &str, value: f64, dimensions: &[(String, String)]) {
        let family = metric_name(namespace, name);
        let mut state = self.lock();
        if !value.is_finite() || (!state.families.contains_key(&family) && state.families.len() >= METRICS) {
            state.dropped += 1;
            return;
        }
        let family = state.families.entry(family).or_default();
        let mut labels = labels(dimensions);
        if !family.series.contains_key(&labels) && family.series.len() >= SERIES {
            for (_, value) in &mut labels {
                OTHER.clone_into(value);
            }
        }
        let sum = family.series.entry(labels).or_default();
        sum.sum += value;
        sum.count += 1;
    }

    /// Values that were not counted, because they are no numbers or there are too many metrics.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// All of them in Prometheus' text format, as summaries without quantiles.
    #[must_use]
    pub fn encode(&self) -> String {
        let state = self.lock();
        let mut text = String::new();
        for (name, family) in &state.families {
            writeln!(text, "# HELP {name} Emitted by policies.\n# TYPE {name} summary").expect(INFALLIBLE);
            for (labels, sum) in &family.series {
                let labels = shown(labels);
                writeln!(text, "{name}_sum{labels} {}\n{name}_count{labels} {}", sum.sum, sum.count).expect(INFALLIBLE);
            }
        }
        text
    }
}

const INFALLIBLE: &str = "writing to a string does not fail";

/// `tollgate_policy_NAMESPACE_NAME` with the characters that Prometheus allows.
fn metric_name(namespace: &str, name: &str) -> String {
    let parts = ["tollgate_policy", namespace, name];
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(|part| word(part)).collect();
    parts.join("_")
}

fn word(text: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    text.trim().chars().take(LONGEST).map(safe).collect()
}

/// Dimensions as labels: one of each name, ordered, values shortened.
fn labels(dimensions: &[(String, String)]) -> Labels {
    let mut seen = BTreeSet::new();
    let mut labels: Labels = dimensions
        .iter()
        .map(|(name, value)| (label_name(name), value.chars().take(LONGEST).collect::<String>()))
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect();
    labels.sort();
    labels
}

fn label_name(text: &str) -> String {
    let name = word(text);
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn shown(labels: &Labels) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let all: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", all.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimensions(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_add_up_by_dimension() {
        let metrics = CustomMetrics::default();
        metrics.add("my-space", "Used Tokens", 2.0, &dimensions(&[("User ID", "a\"b"), ("1st", "x")]));
        metrics.add(
            "my-space",
            "Used Tokens",
            3.5,
            &dimensions(&[("1st", "x"), ("User ID", "a\"b"), ("user id", "z")]),
        );
        metrics.add("", "n", f64::NAN, &[]);
        let name = "tollgate_policy_my_space_used_tokens";
        let labels = r#"{_1st="x",user_id="a\"b"}"#;
        let wanted = format!(
            "# HELP {name} Emitted by policies.\n# TYPE {name} summary\n{name}_sum{labels} 5.5\n{name}_count{labels} 2\n"
        );
        assert_eq!((metrics.encode(), metrics.dropped()), (wanted, 1));
    }

    #[test]
    fn series_are_bounded() {
        let metrics = CustomMetrics::default();
        for at in 0..SERIES + 50 {
            metrics.add("", "n", 1.0, &dimensions(&[("ip", &at.to_string())]));
        }
        let text = metrics.encode();
        assert!(text.contains("n_sum{ip=\"other\"} 50"), "{}", &text[text.len() - 200..]);
    }
}
