//! Names of one world in the words of the other: identifiers, environment variables, durations.

/// Longest identifier, in characters.
const LONGEST: usize = 80;

/// An identifier as Tollgate takes it: letters, digits, `.`, `_`, `-`, beginning with a letter or digit.
pub fn id(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    let mut id: String = id.trim_start_matches(['.', '_', '-']).chars().take(LONGEST).collect();
    id.truncate(id.trim_end_matches('-').len());
    if id.is_empty() { "unnamed".to_owned() } else { id }
}

/// The name of the environment variable that carries a value.
pub fn variable(name: &str) -> String {
    let mut variable: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if !variable.starts_with(|c: char| c.is_ascii_alphabetic()) {
        variable.insert_str(0, "VALUE_");
    }
    variable
}

/// An ISO 8601 duration such as `PT1M30S` or `P1D`, in seconds. Azure's, so without years and months.
pub fn seconds(duration: &str) -> Option<u64> {
    let rest = duration.trim().strip_prefix('P')?;
    let (days, times) = rest.split_once('T').unwrap_or((rest, ""));
    let days = parts(days, &[('W', 604_800), ('D', 86_400)])?;
    let times = parts(times, &[('H', 3600), ('M', 60), ('S', 1)])?;
    days.checked_add(times).filter(|total| *total > 0)
}

fn parts(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let (mut total, mut rest) = (0_u64, text);
    for (unit, size) in units {
        let Some((count, after)) = rest.split_once(*unit) else { continue };
        // A fraction of a second is rounded up: waiting a little longer is the harmless side.
        let (whole, fraction) = count.split_once('.').unwrap_or((count, ""));
        let mut count: u64 = whole.parse().ok()?;
        count += u64::from(fraction.contains(|c: char| c != '0'));
        total = total.checked_add(count.checked_mul(*size)?)?;
        rest = after;
    }
    rest.is_empty().then_some(total)
}

/// The words of a name without case, space and punctuation, for comparing names of collections.
pub fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_variables() {
        let rows = [
            ("echo-api", "echo-api", "ECHO_API"),
            ("Echo API (v2)", "Echo-API-v2", "ECHO_API__V2_"),
            ("_x", "x", "VALUE__X"),
            ("ü", "unnamed", "VALUE__"),
            ("1a", "1a", "VALUE_1A"),
        ];
        for (name, wanted, environment) in rows {
            assert_eq!((id(name).as_str(), variable(name).as_str()), (wanted, environment), "{name}");
        }
        assert_eq!(id(&"a".repeat(200)).len(), 80);
    }

    #[test]
    fn durations() {
        let rows = [
            ("PT1M", Some(60)),
            ("PT1H30M5S", Some(5405)),
            ("P1D", Some(86_400)),
            ("P1DT1S", Some(86_401)),
            ("PT0.5S", Some(1)),
            ("PT0S", None),
            ("1m", None),
            ("P1Y", None),
            ("PT1S1M", None),
            ("", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
