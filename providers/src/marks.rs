//! One look at a body for the few names that decide whether a closer look is worth it.
//!
//! Long prompts are looked at for several reasons, and each look costs as much as reading the text. Deliberately not
//! here: what is done about a name that is there.

use std::sync::LazyLock;

use aho_corasick::packed::{Config, MatchKind, Searcher};

/// A name that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A stored file may be named.
    FileId,
    /// A letter may be spelled as an escape.
    Escape,
    /// A part may say its type.
    Typed,
    /// An item may be named by its id.
    Id,
    /// A `data:` URL may be there.
    Base64,
    /// Bare base64 may be there.
    Data,
}

/// Their spellings, in the order of [`Mark`]. None can begin inside another in valid JSON.
const SPELLED: [&str; 6] = ["file_id", "\\u00", "\"type\"", "\"id\"", ";base64,", "\"data\""];
const ALL: u8 = (1 << SPELLED.len()) - 1;

static SEARCHER: LazyLock<Option<Searcher>> =
    LazyLock::new(|| Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(SPELLED).build());

/// Which names a body does not hold. By default nothing is known, and all may be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    absent: u8,
}

impl Marks {
    /// Of a text; where the processor has no means for a quick look, nothing is known.
    pub(crate) fn of(text: &str) -> Self {
        let Some(searcher) = &*SEARCHER else { return Self::default() };
        let mut absent = ALL;
        for found in searcher.find_iter(text.as_bytes()) {
            absent &= !(1 << found.pattern().as_usize());
            if absent == 0 {
                break;
            }
        }
        Self { absent }
    }

    /// Whether the body may hold it.
    pub(crate) const fn may_have(self, mark: Mark) -> bool {
        self.absent & (1 << mark as u8) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: [Mark; 6] = [Mark::FileId, Mark::Escape, Mark::Typed, Mark::Id, Mark::Base64, Mark::Data];

    #[test]
    fn each_name_is_found_wherever_it_stands_and_no_other() {
        for (mark, spelled) in MARKS.into_iter().zip(SPELLED) {
            for before in [0, 1, 31, 32, 33, 100_000] {
                let text = format!("{}{spelled}{}", "x".repeat(before), "y".repeat(40));
                for other in MARKS {
                    assert_eq!(Marks::of(&text).may_have(other), other == mark, "{other:?} in {mark:?} after {before}");
                }
            }
        }
    }

    #[test]
    fn names_beside_each_other_are_all_found() {
        let text = r#"{"id":"a","type":"file","file_id":"data:x;base64,AA","data":"\u0041"}"#;
        let marks = Marks::of(text);
        assert!(MARKS.into_iter().all(|mark| marks.may_have(mark)));
    }

    #[test]
    fn of_what_nobody_looked_at_nothing_is_known() {
        assert!(MARKS.into_iter().all(|mark| Marks::default().may_have(mark)));
    }
}
