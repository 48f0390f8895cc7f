//! Purges: which answers are meant, and which were until now, for answers that come late.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::Marks;
use crate::model::Timestamp;

/// Purges that are remembered one by one.
const MOST: usize = 1_000;

/// Which answers are purged: those to which all of this applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Of this API.
    pub api: Option<String>,
    /// Fetched for a caller who came through this product.
    pub product: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// Of this path as callers write it, without the query; with `*` at the end: of all that begin so.
    pub path: Option<String>,
}

impl Selector {
    /// Whether it applies to an answer.
    #[must_use]
    pub fn takes(&self, marks: &Marks) -> bool {
        let is =
            |wanted: &Option<String>, own: Option<&str>| wanted.as_deref().is_none_or(|wanted| own == Some(wanted));
        let is_path = self.path.as_deref().is_none_or(|path| match path.strip_suffix('*') {
            Some(prefix) => marks.path.starts_with(prefix),
            None => *marks.path == *path,
        });
        let is_tag = self.tag.as_deref().is_none_or(|tag| marks.tags.iter().any(|own| **own == *tag));
        is(&self.api, Some(&marks.api)) && is(&self.product, marks.product.as_deref()) && is_path && is_tag
    }
}

/// The purges until now. What was asked for before one that means it is not kept any more, wherever it comes from: a
/// backend that answers late, another gateway, the store that gateways share.
#[derive(Default)]
pub struct Purges(Mutex<VecDeque<(Timestamp, Selector)>>);

impl Purges {
    /// Remembers one of that time. Of more than are remembered one by one, the oldest become one that means everything:
    /// too much is fetched anew then, and nothing comes back that was purged.
    pub fn remember(&self, at: Timestamp, selector: Selector) {
        let mut purges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        purges.push_back((at, selector));
        while purges.len() > MOST {
            let (Some(first), Some(second)) = (purges.pop_front(), purges.pop_front()) else { return };
            purges.push_front((first.0.max(second.0), Selector::default()));
        }
    }

    /// Whether one of them means an answer that was asked for at that time.
    #[must_use]
    pub fn take(&self, asked: Timestamp, marks: &Marks) -> bool {
        let purges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        purges.iter().any(|(at, selector)| asked <= *at && selector.takes(marks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_purged_long_ago_does_not_come_back() {
        let (purges, marks) = (Purges::default(), Marks { path: "/a".into(), ..Marks::default() });
        let of = |path: &str| Selector { path: Some(path.to_owned()), ..Selector::default() };
        let at = |seconds| Timestamp::from_secs(seconds);
        purges.remember(at(10), of("/a"));
        purges.remember(at(11), of("/b"));
        assert!(purges.take(at(10), &marks) && !purges.take(at(11), &marks));
        for second in 20..20 + MOST as u64 {
            purges.remember(at(second), of("/b"));
        }
        assert!(purges.take(at(10), &marks));
        assert!(purges.take(at(20), &marks), "in doubt, what is as old as what is not remembered any more");
        assert!(!purges.take(at(21), &marks));
    }
}
