//! Which word of one prompt is which of another.
//!
//! Deliberately not here: what their order and bonds say (`guard`).

use super::{
    form::{Form, Item},
    guard::is_misspelt,
    lexicon::{LIGHT, SPARE},
    synonyms::synonyms,
    token::Kind,
};

/// A word of one prompt and its like in the other, with their places.
pub(super) struct Aligned<'a> {
    pub(super) left: &'a Item,
    pub(super) right: &'a Item,
    pub(super) at: usize,
    pub(super) to: usize,
}

/// Most words of a question that is held against another; what is longer is no question but a text.
const MOST_ITEMS: usize = 48;

/// Pairs all words of both, or nothing: a word that only one side has may change the answer.
pub(super) fn align<'a>(one: &'a Form, other: &'a Form, wide: bool) -> Option<Vec<Aligned<'a>>> {
    let most = one.items.len().max(other.items.len());
    if one.items.is_empty() || most > MOST_ITEMS || !wide && one.items.len() != other.items.len() {
        return None;
    }
    let mut free: Vec<_> = (0..other.items.len()).collect();
    let mut aligned = Vec::with_capacity(one.items.len());
    let mut rest: Vec<_> = (0..one.items.len()).collect();
    for alike in [same, near, misspelt] {
        rest.retain(|at| {
            let left = &one.items[*at];
            let found = free.iter().position(|to| alike(left, &other.items[*to], wide));
            let Some(found) = found else { return true };
            let to = free.remove(found);
            aligned.push(Aligned { left, right: &other.items[to], at: *at, to });
            false
        });
    }
    let spared = rest.iter().all(|at| wide && is_spare(one, &one.items[*at], other));
    let spares = free.iter().all(|to| wide && is_spare(other, &other.items[*to], one));
    // One word in another's place is another question: `use a voucher`, `get a voucher`.
    let swapped = !rest.is_empty() && !free.is_empty();
    (spared && spares && !swapped && !aligned.is_empty()).then_some(aligned)
}

/// Whether this kind of question is the same without the word.
fn is_spare(form: &Form, item: &Item, other: &Form) -> bool {
    let one = item.name == "1" && form.items.last().is_some_and(|last| last != item);
    if LIGHT.contains(&item.name.as_str()) || one {
        return true;
    }
    SPARE.iter().any(|(word, asks)| *word == item.name && asks.contains(&form.ask) && asks.contains(&other.ask))
}

fn same(left: &Item, right: &Item, _: bool) -> bool {
    left.kind == right.kind && left.name == right.name
}

fn near(left: &Item, right: &Item, wide: bool) -> bool {
    let words = left.kind == Kind::Word && right.kind == Kind::Word && !left.is_name && !right.is_name;
    wide && words && (synonyms().are_near(&left.name, &right.name) || is_adverb_of(&left.name, &right.name))
}

/// `permanently` and `permanent`; not those adverbs that mean something else.
fn is_adverb_of(one: &str, other: &str) -> bool {
    const OTHERS: &[&str] =
        &["hardly", "nearly", "lately", "shortly", "barely", "mostly", "highly", "fairly", "largely"];
    let made = |adverb: &str, plain: &str| {
        let bare = adverb.strip_suffix("ly").filter(|_| !OTHERS.contains(&adverb));
        bare.is_some_and(|bare| {
            let soft = bare.strip_suffix('i').zip(plain.strip_suffix('y')).is_some_and(|(one, two)| one == two);
            bare == plain || soft || plain.strip_suffix("le") == Some(bare)
        })
    };
    made(one, other) || made(other, one)
}

/// A misspelling that stands where the word stands and is no name.
fn misspelt(left: &Item, right: &Item, _: bool) -> bool {
    let words = left.kind == Kind::Word && right.kind == Kind::Word && !left.is_name && !right.is_name;
    words && left.role == right.role && is_misspelt(&left.written, &right.written)
}
