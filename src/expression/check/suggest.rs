//! "Did you mean".

use crate::expression::types::Kind;

/// ` (did you mean `x`?)`, or nothing when nothing is near.
pub(super) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let best = known
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance);
    match best {
        Some((distance, candidate)) if distance <= 1 + name.chars().count() / 4 => {
            format!("; did you mean `{candidate}`?")
        }
        _ => String::new(),
    }
}

pub(super) fn type_name(name: &str) -> String {
    near(name, Kind::ALL.iter().map(|kind| kind.name()).filter(|known| *known != "null"))
}
