//! Reading dates and time spans: ISO 8601, RFC 1123, the invariant culture's forms, and `ParseExact`.

use super::{
    DateTime, TimeKind, TimeSpan,
    time::{DAY, SECOND},
    time_format::{is_weekday, month_of},
};

/// A date and, if it said so, its minutes east of UTC.
pub(crate) type Parsed = (DateTime, Option<i16>);

/// A JSON string that Newtonsoft reads as a date: ISO 8601 with a time.
pub(crate) fn json_date(text: &str) -> Option<DateTime> {
    let bytes = text.as_bytes();
    if !(19..=35).contains(&bytes.len()) || bytes[4] != b'-' || bytes[10] != b'T' || bytes[13] != b':' {
        return None;
    }
    parse(text).map(|(time, offset)| in_utc(time, offset, TimeKind::Local))
}

/// A time with an offset as UTC; `kind` when the offset was not `Z`.
pub(crate) fn in_utc(time: DateTime, offset: Option<i16>, kind: TimeKind) -> DateTime {
    match offset {
        None => time,
        Some(0) if time.kind == TimeKind::Utc => time,
        Some(offset) => DateTime { ticks: (time.ticks - i64::from(offset) * 60 * SECOND).max(0), kind },
    }
}

struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least || count == 0 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits.parse().ok()
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest.strip_prefix(c).map(|rest| self.rest = rest).is_some()
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn word(&mut self) -> &str {
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn fraction(&mut self) -> Option<i64> {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        format!("{digits:0<7}").get(..7)?.parse().ok().filter(|_| count > 0)
    }

    /// The offset, if one is written; the outer level is whether the rest can be read.
    #[expect(clippy::option_option, reason = "unreadable and absent are different answers")]
    fn offset(&mut self) -> Option<Option<i16>> {
        self.space();
        let west = match self.rest.chars().next() {
            None => return Some(None),
            Some('+') => false,
            Some('-') => true,
            Some(_) => {
                return matches!(self.word().to_ascii_uppercase().as_str(), "Z" | "GMT" | "UTC").then_some(Some(0));
            }
        };
        self.rest = &self.rest[1..];
        let hours = self.number(1, 2)?;
        self.eat(':');
        let minutes = self.number(2, 2).unwrap_or(0);
        let total = i16::try_from(hours * 60 + minutes).ok().filter(|total| *total <= 14 * 60)?;
        Some(Some(if west { -total } else { total }))
    }

    fn date(&mut self) -> Option<[i64; 3]> {
        if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.named_date();
        }
        let before = self.rest.len();
        let first = self.number(1, 4)?;
        let year_first = before - self.rest.len() > 2;
        let separator = self.rest.chars().next()?;
        self.rest = self.rest.strip_prefix(['-', '/', '.', ' '])?;
        if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let month = month_of(self.word())?;
            self.eat(separator);
            return Some([self.number(4, 4)?, month, first]);
        }
        let second = self.number(1, 2)?;
        if !self.eat(separator) {
            return None;
        }
        let third = self.number(1, 4)?;
        Some(if year_first { [first, second, third] } else { [century(third), first, second] })
    }

    /// `Mon, 02 Jan 2006` or `January 2, 2006`.
    fn named_date(&mut self) -> Option<[i64; 3]> {
        let word = self.word().to_owned();
        if is_weekday(&word) {
            self.eat(',');
            self.space();
            return self.date();
        }
        let month = month_of(&word)?;
        self.space();
        let day = self.number(1, 2)?;
        self.eat(',');
        self.space();
        Some([self.number(4, 4)?, month, day])
    }

    fn time(&mut self) -> Option<([i64; 3], i64)> {
        let hour = self.number(1, 2)?;
        if !self.eat(':') {
            return None;
        }
        let minute = self.number(2, 2)?;
        let second = if self.eat(':') { self.number(2, 2)? } else { 0 };
        let part = if self.eat('.') { self.fraction()? } else { 0 };
        self.space();
        let upper = self.rest.get(..2).unwrap_or("").to_ascii_uppercase();
        let hour = match upper.as_str() {
            "AM" | "PM" => {
                self.rest = &self.rest[2..];
                hour % 12 + if upper == "PM" { 12 } else { 0 }
            }
            _ => hour,
        };
        Some(([hour, minute, second], part))
    }
}

fn century(year: i64) -> i64 {
    match year {
        0..=49 => year + 2000,
        50..=99 => year + 1900,
        _ => year,
    }
}

/// `DateTime.Parse` with the invariant culture.
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    let mut scan = Scan { rest: text.trim() };
    let date = scan.date()?;
    if !scan.eat('T') {
        scan.space();
    }
    let (time, part) = if scan.rest.is_empty() { ([0; 3], 0) } else { scan.time()? };
    let zulu = scan.rest.trim().eq_ignore_ascii_case("z") || scan.rest.trim().eq_ignore_ascii_case("gmt");
    let offset = scan.offset()?;
    let kind = if zulu { TimeKind::Utc } else { TimeKind::Unspecified };
    let time = DateTime::of(date, time, kind).ok()?;
    scan.rest.trim().is_empty().then_some((DateTime { ticks: time.ticks + part, kind }, offset))
}

/// `DateTime.ParseExact` with one custom format.
pub(crate) fn parse_exact(text: &str, format: &str) -> Option<Parsed> {
    if matches!(format, "o" | "O" | "s" | "r" | "R" | "u" | "G" | "g" | "d") {
        return parse(text);
    }
    let mut scan = Scan { rest: text };
    let (mut date, mut time, mut part, mut offset, mut evening) = ([1, 1, 1], [0; 3], 0, None, None);
    let mut rest = format;
    while let Some(letter) = rest.chars().next() {
        let count = rest.chars().take_while(|c| *c == letter).count();
        rest = &rest[count * letter.len_utf8()..];
        let least = count.min(2);
        match (letter, count) {
            ('y', 4) => date[0] = scan.number(4, 4)?,
            ('y', _) => date[0] = century(scan.number(least, 2)?),
            ('M', 1 | 2) => date[1] = scan.number(least, 2)?,
            ('M', _) => date[1] = month_of(scan.word())?,
            ('d', 1 | 2) => date[2] = scan.number(least, 2)?,
            ('d', _) => {
                if !is_weekday(scan.word()) {
                    return None;
                }
            }
            ('H' | 'h', _) => time[0] = scan.number(least, 2)?,
            ('m', _) => time[1] = scan.number(least, 2)?,
            ('s', _) => time[2] = scan.number(least, 2)?,
            ('f' | 'F', _) => part = scan.fraction()?,
            ('t', _) => evening = Some(scan.word().to_ascii_uppercase().starts_with('P')),
            ('z' | 'K', _) => offset = scan.offset()?,
            ('\'', _) => {
                let end = rest.find('\'')?;
                scan.rest = scan.rest.strip_prefix(&rest[..end])?;
                rest = &rest[end + 1..];
            }
            (other, count) => (0..count).try_for_each(|_| scan.eat(other).then_some(()))?,
        }
    }
    if let Some(evening) = evening {
        time[0] = time[0] % 12 + if evening { 12 } else { 0 };
    }
    let kind = if offset == Some(0) { TimeKind::Utc } else { TimeKind::Unspecified };
    let base = DateTime::of(date, time, kind).ok()?;
    scan.rest.is_empty().then_some((DateTime { ticks: base.ticks + part, kind }, offset))
}

/// `TimeSpan.Parse`: `[-][d.]hh:mm[:ss[.fffffff]]` or days.
pub(crate) fn span(text: &str) -> Option<TimeSpan> {
    let text = text.trim();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut scan = Scan { rest: digits };
    let first = scan.number(1, 8)?;
    let mut ticks = if scan.rest.is_empty() {
        first * DAY
    } else {
        let (days, hours) = if scan.eat('.') { (first, scan.number(1, 2)?) } else { (0, first) };
        let minutes = scan.eat(':').then(|| scan.number(1, 2))??;
        let seconds = if scan.eat(':') { scan.number(1, 2)? } else { 0 };
        let part = if scan.eat('.') { scan.fraction()? } else { 0 };
        if hours > 23 || minutes > 59 || seconds > 59 || days > 10_000_000 {
            return None;
        }
        days * DAY + (hours * 3600 + minutes * 60 + seconds) * SECOND + part
    };
    if negative {
        ticks = -ticks;
    }
    scan.rest.is_empty().then_some(TimeSpan { ticks })
}
