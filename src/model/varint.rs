//! Integers in as few bytes as they need: seven bits a byte, the lowest first, the high bit says that more follow.

/// Appends a number: one byte below 128, ten at most.
pub fn put(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    to.push(u8::try_from(value).expect("seven bits"));
}

/// Takes a number off the front; `None` when the bytes end too early or it has more than 64 bits.
#[must_use]
#[inline]
pub fn take(from: &mut &[u8]) -> Option<u64> {
    // Most are small.
    match *from {
        [byte, rest @ ..] if *byte < 0x80 => {
            *from = rest;
            Some(u64::from(*byte))
        }
        _ => take_longer(from),
    }
}

fn take_longer(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a number that may be negative; small ones of either sign take one byte.
pub fn put_signed(to: &mut Vec<u8>, value: i64) {
    put(to, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Takes off what [`put_signed`] wrote.
#[must_use]
#[inline]
pub fn take_signed(from: &mut &[u8]) -> Option<i64> {
    let value = take(from)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(value: u64, cut in 0_u32..64, signed: i64) {
            let mut bytes = Vec::new();
            put(&mut bytes, value >> cut);
            put_signed(&mut bytes, signed >> cut);
            let mut rest = &bytes[..];
            prop_assert_eq!(take(&mut rest), Some(value >> cut));
            prop_assert_eq!(take_signed(&mut rest), Some(signed >> cut));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn cut_and_overlong_numbers_are_refused() {
        for bytes in
            [&[][..], &[0x80], &[0xff; 9], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert_eq!(take(&mut &bytes[..]), None, "{bytes:?}");
        }
    }
}
