//! `decimal`: exact decimal numbers of up to 28 digits, enough for money and for `Convert`.

use std::{cmp::Ordering, fmt};

const MOST_DIGITS: u32 = 28;
const LARGEST: i128 = 79_228_162_514_264_337_593_543_950_335;

/// A decimal number: `mantissa / 10^scale`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    /// A whole number.
    pub fn from_long(value: i64) -> Self {
        Self { mantissa: i128::from(value), scale: 0 }
    }

    /// From a `double`, through its shortest text; `None` beyond the range.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() > 7.9e28 {
            return None;
        }
        Self::parse(&format!("{value}")).or_else(|| Self::parse(&format!("{value:.0}")))
    }

    /// The nearest `double`.
    pub fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The whole part; `None` beyond `long`.
    pub fn trunc(self) -> Option<i64> {
        i64::try_from(self.mantissa / power(self.scale)).ok()
    }

    /// Reads digits with an optional sign and point.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + part.len() == 0 {
            return None;
        }
        let mut mantissa: i128 = 0;
        let mut scale = 0;
        for (place, digit) in whole.bytes().map(|digit| (0, digit)).chain(part.bytes().map(|digit| (1, digit))) {
            if !digit.is_ascii_digit() {
                return None;
            }
            if place == 1 && (scale >= MOST_DIGITS || mantissa > LARGEST / 10) {
                continue;
            }
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
            if mantissa > LARGEST {
                return None;
            }
            scale += place;
        }
        Some(Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    fn fit(mut mantissa: i128, mut scale: u32) -> Option<Self> {
        while (mantissa.abs() > LARGEST || scale > MOST_DIGITS) && scale > 0 {
            mantissa = round_tenth(mantissa);
            scale -= 1;
        }
        (mantissa.abs() <= LARGEST).then_some(Self { mantissa, scale })
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let left = self.mantissa.checked_mul(power(scale - self.scale))?;
        let right = other.mantissa.checked_mul(power(scale - other.scale))?;
        Some((left, right, scale))
    }

    /// Sum; `None` on overflow.
    pub fn plus(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Self::fit(left.checked_add(right)?, scale)
    }

    /// Difference; `None` on overflow.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { mantissa: -other.mantissa, scale: other.scale })
    }

    /// Product; `None` on overflow.
    pub fn times(self, other: Self) -> Option<Self> {
        Self::fit(self.mantissa.checked_mul(other.mantissa)?, self.scale + other.scale)
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Quotient; `None` on overflow or when `other` is zero.
    pub fn over(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let (left, right, _) = self.aligned(other)?;
        let mut rest = left % right;
        let mut whole = left / right;
        let mut scale = 0;
        while rest != 0 && scale < MOST_DIGITS && whole.abs() < LARGEST / 10 {
            let Some(next) = rest.checked_mul(10) else { break };
            whole = whole * 10 + next / right;
            rest = next % right;
            scale += 1;
        }
        Self::fit(whole, scale)
    }

    /// Remainder; `None` on overflow or when `other` is zero.
    pub fn modulo(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Self::fit(left.checked_rem(right)?, scale)
    }

    /// The number with the sign turned.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, scale: self.scale }
    }

    /// Rounded to so many digits after the point, half to even unless `away`.
    #[must_use]
    pub fn round(self, digits: u32, away: bool) -> Self {
        if self.scale <= digits {
            return self;
        }
        let unit = power(self.scale - digits);
        let (whole, rest) = (self.mantissa / unit, (self.mantissa % unit).abs() * 2);
        let up = rest > unit || (rest == unit && (away || whole % 2 != 0));
        Self { mantissa: if up { whole + self.mantissa.signum() } else { whole }, scale: digits }
    }

    /// Order of values, whatever the scale.
    pub fn compare(self, other: Self) -> Ordering {
        match self.aligned(other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

fn power(scale: u32) -> i128 {
    10_i128.checked_pow(scale).unwrap_or(i128::MAX)
}

fn round_tenth(mantissa: i128) -> i128 {
    let (whole, rest) = (mantissa / 10, (mantissa % 10).abs());
    if rest > 5 || (rest == 5 && whole % 2 != 0) { whole + mantissa.signum() } else { whole }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let scale = self.scale as usize;
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, part) = digits.split_at(digits.len() - scale);
        write!(f, "{sign}{whole}.{part}")
    }
}
