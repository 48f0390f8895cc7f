//! Nano-units of money as decimals, without a float on the way: what a finance system reads is the amount itself.

/// How many nano-units are one unit of a currency.
const NANOS: u64 = 1_000_000_000;

/// An amount in 10⁻⁹ units as a plain decimal with at least two places: `1.50`, `0.000000042`, `-3.00`.
#[must_use]
pub fn decimal(nanos: i64) -> String {
    let (whole, fraction) = (nanos.unsigned_abs() / NANOS, nanos.unsigned_abs() % NANOS);
    let places = format!("{fraction:09}");
    let kept = places.trim_end_matches('0').len().max(2);
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", &places[..kept])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (nanos, text) in [
            (0, "0.00"),
            (1, "0.000000001"),
            (-1, "-0.000000001"),
            (42_000, "0.000042"),
            (1_500_000_000, "1.50"),
            (-3_000_000_000, "-3.00"),
            (123_456_789_012, "123.456789012"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(decimal(nanos), text);
        }
    }

    proptest! {
        #[test]
        fn a_decimal_reads_back_to_the_same_nanos(nanos: i64) {
            let text = decimal(nanos);
            let (whole, fraction) = text.trim_start_matches('-').split_once('.').expect("two parts");
            let read = whole.parse::<i128>().expect("digits") * 1_000_000_000
                + format!("{fraction:0<9}").parse::<i128>().expect("digits");
            prop_assert_eq!(if text.starts_with('-') { -read } else { read }, i128::from(nanos));
        }
    }
}
