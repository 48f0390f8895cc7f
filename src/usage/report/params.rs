//! What is asked for, as named texts: the query of a URL and the flags of a command are the same thing here.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use super::span::{BadSpan, Span};
use crate::{
    model::Timestamp,
    store::{Dimension, StoreError},
};

/// Lines of an answer when nobody says how many, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// A parameter is wrong.
    #[error("{name}: {why}")]
    Parameter {
        /// Its name.
        name: String,
        /// What was seen, and what would be right.
        why: String,
    },
    /// The database could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BadSpan> for Unanswered {
    fn from(bad: BadSpan) -> Self {
        Self::bad(bad.name, bad.why)
    }
}

impl Unanswered {
    /// A parameter is wrong.
    pub(super) fn bad(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Parameter { name: name.into(), why: why.into() }
    }
}

/// Named texts; one that is set to nothing is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, text)| (name.into(), text.into())).collect())
    }
}

impl Params {
    /// The text of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Sets a text.
    pub fn set(&mut self, name: &str, text: impl Into<String>) {
        self.0.insert(name.to_owned(), text.into());
    }

    /// Takes a text out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Refuses names that mean nothing here: a misspelt filter would otherwise answer for everybody's usage.
    pub(super) fn only(&self, known: &[&[&str]]) -> Result<(), Unanswered> {
        let is_known = |name: &str| known.iter().any(|names| names.contains(&name));
        match self.0.keys().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => {
                Err(Unanswered::bad(name, format!("is not a parameter here; there are {}", known.concat().join(", "))))
            }
        }
    }

    /// `from`, `to` and `tz`.
    pub(super) fn span(&self, now: Timestamp) -> Result<Span, Unanswered> {
        Ok(Span::read(self.get("from"), self.get("to"), self.get("tz"), now)?)
    }

    /// `limit`: from 1 to 1000.
    pub(super) fn limit(&self) -> Result<usize, Unanswered> {
        let Some(text) = self.get("limit") else { return Ok(PAGE) };
        match text.parse() {
            Ok(limit @ 1..=LARGEST_PAGE) => Ok(limit),
            _ => Err(Unanswered::bad("limit", format!("`{text}` is not a number from 1 to {LARGEST_PAGE}"))),
        }
    }

    /// A parameter that is true or false; set without a value it is true.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Unanswered> {
        match self.0.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(Unanswered::bad(name, format!("`{other}` is not true or false"))),
        }
    }

    /// Filters by dimension. `-` stands for usage without that value, such as requests without a subscription.
    pub(super) fn filters(&self) -> Vec<(Dimension, Arc<str>)> {
        let value = |text: &str| Arc::from(if text == NONE { "" } else { text });
        let filter = |dimension: Dimension| Some((dimension, value(self.get(dimension.as_str())?)));
        Dimension::ALL.into_iter().filter_map(filter).collect()
    }

    /// `status`: one such as 429, a class such as 5xx, or a range such as 400-499.
    pub(super) fn status(&self) -> Result<Option<RangeInclusive<u16>>, Unanswered> {
        let Some(text) = self.get("status") else { return Ok(None) };
        let refused = || Unanswered::bad("status", format!("`{text}` is not a status such as 429, 5xx or 400-499"));
        status_range(text).map(Some).ok_or_else(refused)
    }
}

/// What a filter says for usage without a value, as tables show it: no id begins so.
pub const NONE: &str = "-";

/// The parameters of a range of time.
pub(super) const SPAN: &[&str] = &["from", "to", "tz"];
/// The parameters of a page, and the answer's format, which the admin API reads.
pub(super) const PAGED: &[&str] = &["limit", "after", "format"];
/// The filters.
pub(super) const FILTERS: &[&str] =
    &["subscription", "product", "user", "api", "operation", "workspace", "model", "upstream_model", "backend"];

fn status_range(text: &str) -> Option<RangeInclusive<u16>> {
    let one = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status));
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (one(first)?, one(last)?),
        None => (one(text)?, one(text)?),
    };
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_is_a_filter() {
        assert_eq!(FILTERS, Dimension::ALL.map(Dimension::as_str));
        let params: Params = [("model", "gpt-4o"), ("subscription", "-"), ("user", "")].into_iter().collect();
        assert_eq!(
            params.filters(),
            [(Dimension::Subscription, Arc::from("")), (Dimension::Model, Arc::from("gpt-4o"))]
        );
    }

    #[test]
    fn a_misspelt_parameter_is_refused() {
        let params: Params = [("subcription", "team-a")].into_iter().collect();
        let refused = params.only(&[SPAN, FILTERS]).expect_err("unknown").to_string();
        assert!(
            refused.starts_with("subcription: is not a parameter here; there are from, to, tz, subscr"),
            "{refused}"
        );
        assert!(params.only(&[&["subcription"]]).is_ok());
    }

    #[test]
    fn a_status_is_one_a_class_or_a_range() {
        for (text, wanted) in
            [("429", Some(429..=429)), ("5xx", Some(500..=599)), ("400-403", Some(400..=403)), ("", None)]
        {
            let params: Params = [("status", text)].into_iter().collect();
            assert_eq!(params.status().expect(text), wanted);
        }
        for text in ["0", "600", "xx", "9xx", "500-400", "400-", "ok", "-1"] {
            let params: Params = [("status", text)].into_iter().collect();
            assert!(params.status().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_flags() {
        let of = |name: &str, text: &str| [(name, text)].into_iter().collect::<Params>();
        assert_eq!(of("limit", "7").limit().expect("a number"), 7);
        assert_eq!(of("x", "").limit().expect("the default"), 100);
        for text in ["0", "1001", "-1", "x"] {
            assert!(of("limit", text).limit().is_err(), "{text}");
        }
        for (text, wanted) in [("true", true), ("", true), ("false", false)] {
            assert_eq!(of("total", text).flag("total").expect(text), wanted);
        }
        assert!(of("total", "yes").flag("total").is_err());
    }
}
