//! Rendezvous hashing: a key's member, stable when other members come and go.
//!
//! Every member draws a number from the key and its own name; the highest, scaled by weight, wins (Thaler and
//! Ravishankar, 1998; weights after Schindelhauer and Schomaker, 2005). When a member vanishes only its own keys
//! move. The hash is fixed, so that replicas and restarts agree.

/// A member's share of the draw, from its name.
pub(super) fn seed(name: &str) -> u64 {
    // FNV-1a, then mixed: names that differ in one letter must not draw alike.
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mix(hash)
}

/// The member (index, seed, weight) that the key belongs to.
pub(super) fn choose(key: u64, members: impl Iterator<Item = (usize, u64, u32)>) -> Option<usize> {
    let scored = members.map(|(index, seed, weight)| (index, f64::from(weight) / -draw(key, seed).ln()));
    scored.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(index, _)| index)
}

/// A number in the open interval from 0 to 1.
fn draw(key: u64, seed: u64) -> f64 {
    let bits = mix(key ^ seed.rotate_left(32)) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
    let number = bits as f64;
    (number + 0.5) / 9_007_199_254_740_992.0
}

/// SplitMix64's finaliser.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(names: &[&'static str]) -> Vec<(usize, u64, u32)> {
        names.iter().enumerate().map(|(index, name)| (index, seed(name), 1)).collect()
    }

    #[test]
    fn only_the_keys_of_a_vanished_member_move() {
        let all = members(&["a", "b", "c", "d"]);
        for key in 0..10_000 {
            let before = choose(key, all.iter().copied()).expect("one");
            let without_c = choose(key, all.iter().copied().filter(|member| member.0 != 2)).expect("one");
            assert!(before == 2 || before == without_c, "key {key} moved from {before} to {without_c}");
        }
    }

    #[test]
    fn keys_spread_by_weight() {
        let mut all = members(&["azure-weu", "azure-neu"]);
        all[0].2 = 3;
        let first = (0..10_000).filter(|key| choose(*key, all.iter().copied()) == Some(0)).count();
        assert!((7_300..7_700).contains(&first), "{first}");
        assert_eq!(choose(1, std::iter::empty()), None);
    }
}
