//! Format strings of dates and time spans, standard and custom, in the invariant culture.

#![expect(clippy::format_push_string, reason = "`write!` into a `String` has an error that cannot happen")]

use super::{
    DateTime, Thrown, TimeKind, TimeSpan,
    time::{DAY, SECOND, civil_of, days_of},
};

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The index in a week that starts on Sunday.
pub(crate) fn weekday(ticks: i64) -> usize {
    usize::try_from((ticks / DAY + 1).rem_euclid(7)).unwrap_or(0)
}

pub(crate) fn day_of_year(ticks: i64) -> i64 {
    ticks / DAY - days_of(civil_of(ticks).year, 1, 1) + 1
}

pub(crate) fn month_of(name: &str) -> Option<i64> {
    let found = MONTHS.iter().position(|month| {
        month.eq_ignore_ascii_case(name) || (name.len() == 3 && month[..3].eq_ignore_ascii_case(name))
    });
    found.and_then(|at| i64::try_from(at + 1).ok())
}

pub(crate) fn is_weekday(name: &str) -> bool {
    DAYS.iter().any(|day| day.eq_ignore_ascii_case(name) || (name.len() == 3 && day[..3].eq_ignore_ascii_case(name)))
}

/// Formats a date that is `offset` minutes east of UTC.
///
/// # Errors
/// `FormatException` for a standard format that does not exist.
pub(crate) fn date(time: DateTime, offset: i16, format: &str) -> Result<String, Thrown> {
    let pattern = match format {
        "" | "G" => "MM/dd/yyyy HH:mm:ss",
        "d" => "MM/dd/yyyy",
        "D" => "dddd, dd MMMM yyyy",
        "f" => "dddd, dd MMMM yyyy HH:mm",
        "F" | "U" => "dddd, dd MMMM yyyy HH:mm:ss",
        "g" => "MM/dd/yyyy HH:mm",
        "m" | "M" => "MMMM dd",
        "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        "r" | "R" => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "t" => "HH:mm",
        "T" => "HH:mm:ss",
        "u" => "yyyy-MM-dd HH:mm:ss'Z'",
        "y" | "Y" => "yyyy MMMM",
        one if one.chars().count() == 1 => return Err(Thrown::format("Input string was not in a correct format.")),
        custom => custom,
    };
    let local =
        if matches!(format, "r" | "R" | "u") { time.ticks - i64::from(offset) * 60 * SECOND } else { time.ticks };
    let kind = if offset == 0 { time.kind } else { TimeKind::Local };
    Ok(custom(local, kind, offset, pattern))
}

fn custom(ticks: i64, kind: TimeKind, offset: i16, pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        match letter {
            '\'' | '"' => {
                let end = rest[1..].find(letter).map_or(rest.len() - 1, |at| at);
                out.push_str(&rest[1..=end]);
                rest = rest.get(end + 2..).unwrap_or("");
            }
            '\\' => {
                out.extend(rest[1..].chars().next());
                rest = rest[1..].char_indices().nth(1).map_or("", |(at, _)| &rest[1 + at..]);
            }
            '%' => rest = &rest[1..],
            _ => {
                let count = rest.chars().take_while(|c| *c == letter).count();
                rest = &rest[count * letter.len_utf8()..];
                if "fF".contains(letter) {
                    fraction(&mut out, ticks, letter, count);
                } else if !field(&mut out, ticks, kind, offset, (letter, count)) {
                    (0..count).for_each(|_| out.push(letter));
                }
            }
        }
    }
    out
}

fn field(out: &mut String, ticks: i64, kind: TimeKind, offset: i16, (letter, count): (char, usize)) -> bool {
    let civil = civil_of(ticks);
    let seconds = ticks.rem_euclid(DAY) / SECOND;
    let (hour, width) = (seconds / 3600, count.min(2));
    match (letter, count) {
        ('y', 1 | 2) => out.push_str(&format!("{:0width$}", civil.year % 100)),
        ('y', _) => out.push_str(&format!("{:0count$}", civil.year)),
        ('M', 1 | 2) => out.push_str(&format!("{:0width$}", civil.month)),
        ('M', 3) => out.push_str(&month_name(civil.month)[..3]),
        ('M', _) => out.push_str(month_name(civil.month)),
        ('d', 1 | 2) => out.push_str(&format!("{:0width$}", civil.day)),
        ('d', 3) => out.push_str(&DAYS[weekday(ticks)][..3]),
        ('d', _) => out.push_str(DAYS[weekday(ticks)]),
        ('H', _) => out.push_str(&format!("{hour:0width$}")),
        ('h', _) => out.push_str(&format!("{:0width$}", (hour + 11) % 12 + 1)),
        ('m', _) => out.push_str(&format!("{:0width$}", seconds / 60 % 60)),
        ('s', _) => out.push_str(&format!("{:0width$}", seconds % 60)),
        ('t', 1) => out.push_str(if hour < 12 { "A" } else { "P" }),
        ('t', _) => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        ('z', _) => zone(out, offset, count),
        ('K', _) => match kind {
            TimeKind::Utc => out.push('Z'),
            TimeKind::Local => zone(out, offset, 3),
            TimeKind::Unspecified => {}
        },
        ('g', _) => out.push_str("A.D."),
        _ => return false,
    }
    true
}

fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("January")
}

fn zone(out: &mut String, offset: i16, count: usize) {
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
    out.push_str(&match count {
        1 => format!("{sign}{hours}"),
        2 => format!("{sign}{hours:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    });
}

fn fraction(out: &mut String, ticks: i64, letter: char, count: usize) {
    let digits = format!("{:07}", ticks.rem_euclid(SECOND));
    let digits = &digits[..count.min(7)];
    if letter == 'f' {
        out.push_str(digits);
        return;
    }
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() && out.ends_with('.') {
        out.pop();
    }
    out.push_str(digits);
}

/// `g` (`1:02:03`, days and fraction only when there are any) and `G` (all of it).
fn general_span(value: TimeSpan, long: bool) -> String {
    let ticks = value.ticks.saturating_abs();
    let sign = if value.ticks < 0 { "-" } else { "" };
    let (days, hours) = (ticks / DAY, ticks / SECOND / 3600 % 24);
    let (minutes, seconds, rest) = (ticks / SECOND / 60 % 60, ticks / SECOND % 60, ticks % SECOND);
    if long {
        return format!("{sign}{days}:{hours:02}:{minutes:02}:{seconds:02}.{rest:07}");
    }
    let days = if days == 0 { String::new() } else { format!("{days}:") };
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:07}").trim_end_matches('0').to_owned() };
    format!("{sign}{days}{hours}:{minutes:02}:{seconds:02}{fraction}")
}

/// Formats a time span: `c`, `g`, `G` or a custom format.
pub(crate) fn span(value: TimeSpan, format: &str) -> String {
    match format {
        "" | "c" | "t" | "T" => return value.to_string(),
        "g" | "G" => return general_span(value, format == "G"),
        _ => {}
    }
    let ticks = value.ticks.saturating_abs();
    let mut out = String::new();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut count = 1;
        while "dhmsfF".contains(letter) && letters.next_if_eq(&letter).is_some() {
            count += 1;
        }
        let width = count;
        match letter {
            'd' => out.push_str(&format!("{:0width$}", ticks / DAY)),
            'h' => out.push_str(&format!("{:0width$}", ticks / SECOND / 3600 % 24)),
            'm' => out.push_str(&format!("{:0width$}", ticks / SECOND / 60 % 60)),
            's' => out.push_str(&format!("{:0width$}", ticks / SECOND % 60)),
            'f' | 'F' => fraction(&mut out, ticks, letter, count),
            '\\' => out.extend(letters.next()),
            '\'' => out.extend(letters.by_ref().take_while(|c| *c != '\'')),
            '%' => {}
            other => out.push(other),
        }
    }
    out
}
