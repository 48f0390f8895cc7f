//! Corrections of balances as the audit log tells of them: written with each of them, read when the ledger is verified.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{super::Balance, booked::measure_word};
use crate::{exchange::Measure, model::Timestamp};

/// The action of a line that tells of one; its object is the account.
pub const ACTION: &str = "quota.adjust";

/// What such a line says of a balance after it.
#[derive(Serialize, Deserialize)]
struct After {
    adjusted: i64,
    measure: String,
    /// Start of the window, in nanoseconds since the epoch; as text, because JSON's numbers end before.
    window: String,
}

/// A balance before its correction, for a line.
pub fn before(adjusted: i64) -> String {
    format!("{{\"adjusted\":{adjusted}}}")
}

/// A balance after its correction, for a line.
pub fn after(adjusted: i64, measure: Measure, window: Timestamp) -> String {
    let after = After { adjusted, measure: measure_word(measure).to_owned(), window: window.as_nanos().to_string() };
    serde_json::to_string(&after).expect("a number and two texts")
}

/// What the lines come to.
#[derive(Default)]
pub struct Corrections {
    told: HashMap<(String, String, String), i64>,
    /// Accounts with lines that do not say which window they are about, as earlier versions wrote them.
    unclear: HashSet<String>,
}

impl Corrections {
    /// Lines by their account and what they say of it, oldest first.
    pub fn of<T: Into<String>>(lines: impl IntoIterator<Item = (T, Option<T>)>) -> Self {
        let mut all = Self::default();
        for (account, after) in lines {
            let (account, after) = (account.into(), after.map(Into::into).unwrap_or_default());
            match serde_json::from_str::<After>(&after) {
                Ok(After { adjusted, measure, window }) => {
                    all.told.insert((account, measure, window), adjusted);
                }
                Err(_) => {
                    all.unclear.insert(account);
                }
            }
        }
        all
    }

    /// What a balance was corrected by, all together; `None`: the lines do not tell.
    pub fn to(&self, balance: &Balance) -> Option<i64> {
        let (measure, window) = (measure_word(balance.measure).to_owned(), balance.window.as_nanos().to_string());
        match self.told.get(&(balance.account.to_string(), measure, window)) {
            Some(adjusted) => Some(*adjusted),
            None => (!self.unclear.contains(&*balance.account)).then_some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_window_counts() {
        let [one, other] = [Timestamp::from_secs(1), Timestamp::from_secs(2)];
        let lines = [
            ("a", Some(after(-1, Measure::Tokens, one))),
            ("a", Some(after(-7, Measure::Tokens, one))),
            ("a", Some(after(-2, Measure::Requests, one))),
            ("old", Some(before(-3))),
            ("old", Some(after(-4, Measure::Tokens, other))),
            ("none", None),
        ];
        let corrections = Corrections::of(lines.map(|(account, after)| (account.to_owned(), after)));
        let to = |account: &str, measure, window| {
            let account = account.into();
            corrections.to(&Balance { account, window, until: window, measure, charged: 0, adjusted: 0 })
        };
        assert_eq!(to("a", Measure::Tokens, one), Some(-7));
        assert_eq!(to("a", Measure::Requests, one), Some(-2));
        assert_eq!(to("a", Measure::Tokens, other), Some(0), "no line, no correction");
        assert_eq!(to("old", Measure::Tokens, one), None, "an earlier version's line may be about it");
        assert_eq!(to("old", Measure::Tokens, other), Some(-4));
        assert_eq!(to("none", Measure::Tokens, one), None);
    }
}
